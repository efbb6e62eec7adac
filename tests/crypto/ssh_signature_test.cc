// Against what OpenSSH makes: committed files of `ssh-keygen -Y sign`, and one
// made here and now where the program is at hand.
#include "crypto/ssh_signature.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/crypto/test_support.h"
#include "vault/os/spawn.h"

namespace coffer::crypto {
namespace {

constexpr std::string_view kMessage = "coffer operation v1\nvault 00\n";
// By the same key over the same message, without their first and last lines.
constexpr std::string_view kSigned =
    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAguaOFJ4QCW7Qhb5DPN4i3I4VnIV"
    "gA8zB5P94nxNWnRA0AAAAGY29mZmVyAAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1"
    "NTE5AAAAQMDWDeThLg/u+fYkLCYM0fabd1MfnksalEh69sdAH0vfYfTWHp1C2lX/RA9Ycd"
    "lu3jgoMe65kyd7gcWl2S0iCA8=";
constexpr std::string_view kOfNamespaceFile =
    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAguaOFJ4QCW7Qhb5DPN4i3I4VnIV"
    "gA8zB5P94nxNWnRA0AAAAEZmlsZQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUx"
    "OQAAAEDxRgOanz1EH5I9pmftGYSb0ykgZgvEdo2x88/TUu1yErEXHzB0GMF+MMkWW23qdD"
    "ZR8u1Mm+2lg9Kgp5gTeOgG";
constexpr std::string_view kOfSha256 =
    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAguaOFJ4QCW7Qhb5DPN4i3I4VnIV"
    "gA8zB5P94nxNWnRA0AAAAGY29mZmVyAAAAAAAAAAZzaGEyNTYAAABTAAAAC3NzaC1lZDI1"
    "NTE5AAAAQAQTFOQRXN6E4DbQ6wpogkBZLs/usCEKTvszsD/Teh9lewJyD1toQ1hPMuhGyS"
    "j3mOr7OB99LMSiUYRJi8GgRgo=";

struct Taken {
  PublicKey key{};
  Signature signature{};
};

// The key stands at a fixed place of such a file, the signature at its end.
Taken TakeFromFile(std::string text) {
  const size_t padding = std::count(text.begin(), text.end(), '=');
  text.resize(text.size() - padding);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  Buffer bytes(text.size() * 3 / 4);
  COFFER_CHECK(base::DecodeBase64Url(bytes, text).ok());
  COFFER_CHECK(bytes.size() > 65 + 64);
  Taken taken;
  std::copy_n(bytes.begin() + 33, 32, taken.key.begin());
  std::copy_n(bytes.end() - 64, 64, taken.signature.begin());
  return taken;
}

constexpr char kProgram[] = "/usr/bin/ssh-keygen";

bool KeygenRuns(std::vector<const char*> arguments) {
  os::SpawnOptions options;
  options.path = kProgram;
  options.arguments = arguments;
  auto child = os::Spawn(options);
  if (!child.ok()) return false;
  auto ended = child->Wait();
  return ended.ok() && !ended->signaled && ended->code == 0;
}

bool Valid(std::string_view file, std::string_view message) {
  const Taken taken = TakeFromFile(std::string(file));
  return SshSignatureValid(taken.signature, taken.key, base::AsBytes(message));
}

TEST(SshSignature, OneByOpenSshIsValidForItsMessage) {
  EXPECT_TRUE(Valid(kSigned, kMessage));
}

TEST(SshSignature, AnotherMessageIsRefused) {
  std::string other(kMessage);
  for (char& letter : other) {
    letter ^= 1;
    EXPECT_FALSE(Valid(kSigned, other));
    letter ^= 1;
  }
  EXPECT_FALSE(Valid(kSigned, ""));
  EXPECT_FALSE(Valid(kSigned, std::string(kMessage) + "\n"));
}

TEST(SshSignature, AnotherNamespaceOrHashIsRefused) {
  EXPECT_FALSE(Valid(kOfNamespaceFile, kMessage));
  EXPECT_FALSE(Valid(kOfSha256, kMessage));
}

TEST(SshSignature, EveryFlippedByteAndOtherLengthIsRefused) {
  Taken taken = TakeFromFile(std::string(kSigned));
  const Bytes message = base::AsBytes(kMessage);
  for (uint8_t& byte : taken.signature) {
    byte ^= 1;
    EXPECT_FALSE(SshSignatureValid(taken.signature, taken.key, message));
    byte ^= 1;
  }
  for (uint8_t& byte : taken.key) {
    byte ^= 1;
    EXPECT_FALSE(SshSignatureValid(taken.signature, taken.key, message));
    byte ^= 1;
  }
  const Bytes whole(taken.signature);
  EXPECT_TRUE(SshSignatureValid(whole, taken.key, message));
  EXPECT_FALSE(SshSignatureValid(whole.first(63), taken.key, message));
  EXPECT_FALSE(SshSignatureValid({}, taken.key, message));
}

TEST(SshSignature, ASignatureOverTheBareMessageIsRefused) {
  auto arena = MakeArena();
  SigningKey key(*arena);
  GenerateSigningKey(key);
  Signature signature;
  SignMessage(signature, key, base::AsBytes(kMessage));
  EXPECT_FALSE(
      SshSignatureValid(signature, PublicKeyOf(key), base::AsBytes(kMessage)));
  SignMessage(signature, key, SshSignedBlob(base::AsBytes(kMessage)));
  EXPECT_TRUE(
      SshSignatureValid(signature, PublicKeyOf(key), base::AsBytes(kMessage)));
}

TEST(SshSignature, WhatOpenSshSignsNowIsValid) {
  if (access(kProgram, X_OK) != 0) GTEST_SKIP() << "no " << kProgram;
  std::string folder = testing::TempDir() + "coffer-ssh-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string message(70000, 'm');
  std::ofstream(folder + "/m") << message;
  const std::string key = folder + "/k", file_name = folder + "/m";
  ASSERT_TRUE(KeygenRuns(
      {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key.c_str()}));
  ASSERT_TRUE(KeygenRuns({"ssh-keygen", "-q", "-Y", "sign", "-n", "coffer",
                          "-f", key.c_str(), file_name.c_str()}));
  std::ifstream file(folder + "/m.sig");
  std::string text, line;
  while (std::getline(file, line)) {
    if (line.substr(0, 1) != "-") text += line;
  }
  EXPECT_TRUE(Valid(text, message));
  EXPECT_FALSE(Valid(text, message.substr(1)));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace coffer::crypto
