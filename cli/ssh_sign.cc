#include "cli/ssh_sign.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "cli/settings.h"
#include "cli/ssh_key.h"
#include "cli/text.h"
#include "crypto/ssh_signature.h"
#include "vault/os/spawn.h"

namespace coffer::cli {
namespace {

constexpr std::string_view kBegin = "-----BEGIN SSH SIGNATURE-----\n";
constexpr std::string_view kEnd = "-----END SSH SIGNATURE-----";
constexpr std::string_view kNamespace = "coffer";
constexpr size_t kArmoredBytesMax = 8192;

base::Error NoSignature() {
  return base::Fail(base::Code::kInvalid,
                    "ssh-keygen's answer is no SSH signature");
}

// Resource: a folder of this user alone, gone at its end.
class PrivateFolder {
 public:
  explicit PrivateFolder(const Context& context) {
    const char* base = context.environment("TMPDIR");
    path_ = std::string(base != nullptr && *base == '/' ? base : "/tmp") +
            "/coffer-approve-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~PrivateFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  bool made() const { return !path_.empty(); }
  std::string operator/(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// The program as the user's PATH has it; empty when there is none.
std::string FindProgram(const Context& context, const std::string& name) {
  const char* path = context.environment("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    size_t end = std::min(rest.find(':'), rest.size());
    std::string file = std::string(rest.substr(0, end)) + "/" + name;
    if (file[0] == '/' && access(file.c_str(), X_OK) == 0) return file;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return "";
}

// Runs ssh-keygen over `file`; its answer lies in FILE.sig.
Done RunKeygen(const Context& context, const std::string& key_file,
               const std::string& file) {
  std::string program = FindProgram(context, "ssh-keygen");
  if (program.empty()) {
    return Failure{Exit::kRefused, "there is no ssh-keygen on this machine",
                   "install openssh-client"};
  }
  std::vector<std::string> kept;
  for (const char* name : {"PATH", "HOME", "SSH_AUTH_SOCK", "SSH_ASKPASS",
                           "SSH_ASKPASS_REQUIRE", "DISPLAY", "TERM"}) {
    const char* value = context.environment(name);
    if (value != nullptr) kept.push_back(std::string(name) + "=" + value);
  }
  std::vector<const char*> environment;
  for (const std::string& each : kept) environment.push_back(each.c_str());
  const char* arguments[] = {"ssh-keygen", "-Y",     "sign", "-q",
                             "-n",         "coffer", "-f",   key_file.c_str(),
                             file.c_str()};
  os::SpawnOptions options;
  options.path = program.c_str();
  options.arguments = arguments;
  options.environment = environment;
  auto child = os::Spawn(options);
  if (!child.ok()) {
    return Failure{Exit::kRefused, "ssh-keygen cannot be started",
                   "try " + program + " by hand"};
  }
  auto ended = child->Wait();
  if (ended.ok() && !ended->signaled && ended->code == 0) {
    return base::Nothing{};
  }
  return Failure{Exit::kRefused, "ssh-keygen did not sign",
                 "see what it said; --key is an Ed25519 key, or the public "
                 "key of one that ssh-agent holds"};
}

}  // namespace

base::Result<SshSignature> ParseSshSignature(std::string_view armored) {
  if (armored.substr(0, kBegin.size()) != kBegin) return NoSignature();
  armored.remove_prefix(kBegin.size());
  size_t end = armored.find(kEnd);
  if (end == std::string_view::npos) return NoSignature();
  std::string_view after = armored.substr(end + kEnd.size());
  if (!after.empty() && after != "\n") return NoSignature();
  std::string text;
  for (char c : armored.substr(0, end)) {
    if (c != '\n') text += c;
  }
  auto bytes = DecodeSshBase64(text);
  if (!bytes.ok()) return NoSignature();
  constexpr uint8_t kHead[] = {'S', 'S', 'H', 'S', 'I', 'G', 0, 0, 0, 1};
  base::Bytes in(*bytes);
  if (in.size() < sizeof kHead || !base::Equal(in.first(sizeof kHead), kHead)) {
    return NoSignature();
  }
  in = in.subspan(sizeof kHead);
  base::Bytes key, name_space, reserved, hash, signature;
  if (!TakeSshString(in, key) || !TakeSshString(in, name_space) ||
      !TakeSshString(in, reserved) || !TakeSshString(in, hash) ||
      !TakeSshString(in, signature) || !in.empty()) {
    return NoSignature();
  }
  SshSignature result;
  auto public_key = Ed25519OfSshBlob(key);
  if (!public_key.ok()) {
    return base::Fail(base::Code::kInvalid,
                      "--key is no Ed25519 key; make one with ssh-keygen -t "
                      "ed25519");
  }
  result.key = *public_key;
  if (base::AsText(name_space) != kNamespace || !reserved.empty()) {
    return base::Fail(base::Code::kInvalid,
                      "the signature is not of namespace coffer");
  }
  if (base::AsText(hash) != "sha512") {
    return base::Fail(base::Code::kInvalid,
                      "the signature is not over SHA-512");
  }
  base::Bytes kind, raw;
  if (!TakeSshString(signature, kind) || !TakeSshString(signature, raw) ||
      !signature.empty() || base::AsText(kind) != "ssh-ed25519" ||
      raw.size() != result.signature.size()) {
    return NoSignature();
  }
  std::copy(raw.begin(), raw.end(), result.signature.begin());
  return result;
}

Outcome<SshSignature> SignWithSsh(const Invocation& invocation,
                                  std::string_view statement,
                                  const std::string& key_file) {
  PrivateFolder folder(invocation.context);
  std::string file = folder / "statement";
  os::FileDescriptor out;
  if (folder.made()) {
    out.Reset(
        open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  }
  if (!out.valid() ||
      !os::WriteFull(out.get(), base::AsBytes(statement)).ok()) {
    return Failure{Exit::kRefused, "no temporary folder can be made",
                   "set TMPDIR to a folder of yours"};
  }
  out.Reset();
  Done signed_by = RunKeygen(invocation.context, key_file, file);
  if (!signed_by.ok()) return signed_by.failure();
  auto text = ReadTextFile(file + ".sig", kArmoredBytesMax, "signature");
  if (!text.ok()) return text.failure();
  auto signature = ParseSshSignature(*text);
  if (!signature.ok()) {
    return Failure{Exit::kRefused, signature.error().message, ""};
  }
  if (!crypto::SshSignatureValid(signature->signature, signature->key,
                                 base::AsBytes(statement))) {
    return Failure{Exit::kRefused, "ssh-keygen's signature does not verify",
                   ""};
  }
  return *signature;
}

}  // namespace coffer::cli
