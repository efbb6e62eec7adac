// Seal slots: made, tested, removed; shares; a vault of a key export.
#include <algorithm>

#include "cli/key_export_file.h"
#include "crypto/shamir.h"
#include "tests/cli/harness.h"
#include "vault/wire/operator_keys.h"
#include "vault/wire/operator_quorum.h"

namespace coffer::cli {
namespace {

using wire::OperatorCode;
using wire::OperatorOp;
using wire::SlotHeader;
using wire::SlotKind;
using wire::VaultState;

std::string Bytes32(const base::ByteArray<32>& bytes) {
  return {bytes.begin(), bytes.end()};
}

struct Keeper {
  explicit Keeper(Coffer& coffer)
      : fake(coffer.operator_socket(),
             [this](OperatorOp op, base::Bytes fields) {
               return Answer(op, fields);
             }) {}

  KeeperAnswer Answer(OperatorOp op, base::Bytes fields) {
    if (op != OperatorOp::kStatus && refusal != nullptr) {
      return {OperatorCode::kRefused, refusal, {}, false};
    }
    switch (op) {
      case OperatorOp::kStatus: {
        wire::OperatorStatus status;
        status.state = state;
        status.version = COFFER_VERSION;
        for (const SlotHeader& each : slots) status.slots.push_back(each);
        status.shares_given = static_cast<uint8_t>(shares.size());
        return KeeperAnswer::Of(status);
      }
      case OperatorOp::kInit: {
        auto question = base::DecodeWhole<wire::OpenQuestion>(fields);
        slot = question->slot;
        secret = Bytes32(question->secret);
        quorum = question->quorum;
        state = VaultState::kOperational;
        return KeeperAnswer::Of(wire::InitAnswer{1});
      }
      case OperatorOp::kKeyImport: {
        auto question = base::DecodeWhole<wire::ImportQuestion>(fields);
        EXPECT_TRUE(question.ok());
        slot = question->open.slot;
        secret = Bytes32(question->open.secret);
        exported = std::string(base::AsText(question->bytes));
        state = VaultState::kOperational;
        return KeeperAnswer::Of(wire::InitAnswer{slot.id});
      }
      case OperatorOp::kSlotAdd:
      case OperatorOp::kSlotTest: {
        auto question = base::DecodeWhole<wire::SlotQuestion>(fields);
        slot = question->slot;
        secret = Bytes32(question->secret);
        if (awaits) {
          KeeperAnswer answer = KeeperAnswer::Of(wire::AwaitingAnswer{});
          answer.code = OperatorCode::kAwaitsApproval;
          return answer;
        }
        if (op == OperatorOp::kSlotTest) return {};
        return KeeperAnswer::Of(wire::InitAnswer{2});
      }
      case OperatorOp::kSlotRemove:
        removed = base::DecodeWhole<wire::SlotIdQuestion>(fields)->slot;
        return {};
      case OperatorOp::kUnsealShare:
        return Share(fields);
      case OperatorOp::kUnsealCancel:
        shares.clear();
        return {};
      default:
        return {};
    }
  }

  KeeperAnswer Share(base::Bytes fields) {
    auto question = base::DecodeWhole<wire::ShareQuestion>(fields);
    EXPECT_TRUE(crypto::ReadShare(question->share).ok());
    std::vector<uint8_t> share(question->share.begin(), question->share.end());
    if (std::find(shares.begin(), shares.end(), share) == shares.end()) {
      shares.push_back(share);
    }
    wire::ShareAnswer answer{3, static_cast<uint8_t>(shares.size()), 3, false};
    if (shares.size() == 3) {
      std::vector<base::Bytes> views(shares.begin(), shares.end());
      base::ByteArray<32> combined{};
      EXPECT_TRUE(crypto::CombineShares(combined, views).ok());
      secret = Bytes32(combined);
      answer.opened = true;
      answer.given = 0;
      state = VaultState::kOperational;
    }
    return KeeperAnswer::Of(answer);
  }

  VaultState state = VaultState::kOperational;
  std::vector<SlotHeader> slots;
  const char* refusal = nullptr;
  bool awaits = false;
  SlotHeader slot;
  std::string secret;
  std::string exported;
  wire::QuorumRule quorum;
  uint8_t removed = 0;
  std::vector<std::vector<uint8_t>> shares;
  FakeKeeper fake;
};

SlotHeader Slot(uint8_t id, SlotKind kind) {
  SlotHeader slot;
  slot.id = id;
  slot.kind = kind;
  slot.made_at = 1785542400;
  return slot;
}

std::vector<std::string> AddShamir(const std::string& directory) {
  return {"slot",        "add", "shamir",       "--shares", "5",
          "--threshold", "3",   "--shares-dir", directory};
}

TEST(SlotList, ShowsEveryKindWithin80Columns) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.slots = {Slot(1, SlotKind::kPassphrase), Slot(2, SlotKind::kKeyFile),
                  Slot(3, SlotKind::kShamir), Slot(4, SlotKind::kPkcs11)};
  keeper.slots[0].argon2_memory_bytes = uint64_t{4} << 30;
  keeper.slots[0].argon2_passes = 16;
  keeper.slots[2].threshold = 3;
  for (int i = 0; i < 5; ++i) keeper.slots[2].shares.push_back({});
  keeper.slots[3].key_label.Assign("a-key-label-of-thirty-two-bytes-");
  ASSERT_EQ(coffer.RunHere({"slot", "list"}), Exit::kDone);
  EXPECT_TRUE(Fits80(coffer.out())) << coffer.out();
  for (const char* words : {"1 passphrase (Argon2id, 4.0 GiB, 16 passes)",
                            "2 key file", "3 shamir (3 of 5 shares)",
                            "4 pkcs11 (key a-key-label", "2026-08-01"}) {
    EXPECT_NE(coffer.out().find(words), std::string::npos) << coffer.out();
  }
  ASSERT_EQ(coffer.RunHere({"slot", "list", "--json"}), Exit::kDone);
  EXPECT_NE(coffer.out().find("\"kind\":\"keyfile\""), std::string::npos);
  EXPECT_NE(coffer.out().find("\"threshold\":3,\"shares\":5"),
            std::string::npos);
}

TEST(SlotAdd, OfSharesProvesEachOfThemBeforeTheKeeperIsAsked) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string directory = coffer.directory / "shares";
  ASSERT_EQ(coffer.RunHere(AddShamir(directory)), Exit::kDone) << coffer.err();
  EXPECT_EQ(ModeOf(directory), 0700u);
  EXPECT_EQ(keeper.slot.kind, SlotKind::kShamir);
  EXPECT_EQ(keeper.slot.threshold, 3);
  ASSERT_EQ(keeper.slot.shares.size, 5);
  std::vector<std::vector<uint8_t>> shares(5);
  for (size_t i = 0; i < 5; ++i) {
    std::string file = directory + "/share-" + std::to_string(i + 1);
    EXPECT_EQ(ModeOf(file), 0600u);
    std::string text = ReadFile(file);
    ASSERT_EQ(text.size(), crypto::kShareTextBytes + 1);
    text.pop_back();
    shares[i].resize(crypto::kShareBytes);
    ASSERT_TRUE(crypto::ParseShare(shares[i], text).ok());
    EXPECT_EQ(crypto::CheckOfShare(shares[i]), keeper.slot.shares[i]);
    auto head = crypto::ReadShare(shares[i]);
    ASSERT_TRUE(head.ok());
    EXPECT_TRUE(std::equal(head->set.begin(), head->set.end(),
                           keeper.slot.salt.begin()));
    // Not a byte of a share reaches the screen.
    EXPECT_EQ(coffer.err().find(text.substr(20)), std::string::npos);
  }
  base::ByteArray<32> combined{};
  std::vector<base::Bytes> views = {shares[4], shares[0], shares[2]};
  ASSERT_TRUE(crypto::CombineShares(combined, views).ok());
  EXPECT_EQ(Bytes32(combined), keeper.secret);
  // The files are never written over.
  EXPECT_EQ(coffer.RunHere(AddShamir(directory)), Exit::kRefused);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kSlotAdd), 1);
  EXPECT_TRUE(std::filesystem::exists(directory + "/share-5"));
}

TEST(SlotAdd, RefusedTakesItsFilesAwayButNotWhenItAwaitsApproval) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string directory = coffer.directory / "shares";
  keeper.refusal = "there are eight slots; remove one";
  EXPECT_EQ(coffer.RunHere(AddShamir(directory)), Exit::kRefused);
  EXPECT_FALSE(std::filesystem::exists(directory + "/share-1"));
  keeper.refusal = nullptr;
  keeper.awaits = true;
  EXPECT_EQ(coffer.RunHere(AddShamir(directory)), Exit::kRefused);
  EXPECT_TRUE(std::filesystem::exists(directory + "/share-1"));
}

TEST(SlotAdd, RefusesCountsThatMakeNoSenseAndASealedVault) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string directory = coffer.directory / "shares";
  for (auto [shares, threshold] :
       {std::pair("1", "1"), {"5", "1"}, {"3", "4"}, {"17", "3"}, {"0", "0"}}) {
    EXPECT_EQ(
        coffer.RunHere({"slot", "add", "shamir", "--shares", shares,
                        "--threshold", threshold, "--shares-dir", directory}),
        Exit::kUsage);
  }
  EXPECT_EQ(coffer.RunHere({"slot", "add", "shamir"}), Exit::kUsage);
  EXPECT_FALSE(std::filesystem::exists(directory));
  keeper.state = VaultState::kSealed;
  EXPECT_EQ(coffer.RunHere(AddShamir(directory)), Exit::kSealed);
  EXPECT_FALSE(std::filesystem::exists(directory));
}

TEST(SlotRemove, AsksOnATerminal) {
  Coffer coffer;
  Keeper keeper(coffer);
  coffer.terminal.input_is_terminal = true;
  EXPECT_EQ(coffer.RunHere({"slot", "remove", "2"}), Exit::kRefused);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kSlotRemove), 0);
  ASSERT_EQ(coffer.RunHere({"slot", "remove", "2", "--yes"}), Exit::kDone);
  EXPECT_EQ(keeper.removed, 2);
}

TEST(SlotTest, ShowsTheSecretOfTheVeryslotToTheKeeper) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.slots = {Slot(1, SlotKind::kKeyFile), Slot(2, SlotKind::kKeyFile)};
  std::string key = coffer.directory / "key";
  WriteFile(key, std::string(32, 'k'));
  ASSERT_EQ(coffer.RunHere({"slot", "test", "2", "--key-file", key}),
            Exit::kDone)
      << coffer.err();
  EXPECT_EQ(keeper.slot.id, 2);
  EXPECT_EQ(keeper.secret, std::string(32, 'k'));
  EXPECT_EQ(coffer.RunHere({"slot", "test", "3", "--key-file", key}),
            Exit::kUsage);
}

// A vault with a Shamir slot of three of five, and its shares as files.
struct Shares {
  Shares(Coffer& coffer, Keeper& keeper) : directory(coffer.directory / "s") {
    EXPECT_EQ(coffer.RunHere(AddShamir(directory)), Exit::kDone);
    secret = keeper.secret;
    SlotHeader slot = keeper.slot;
    slot.id = 3;
    keeper.slots = {Slot(1, SlotKind::kKeyFile), slot};
    keeper.state = VaultState::kSealed;
    keeper.secret.clear();
  }
  std::string File(int index) const {
    return directory + "/share-" + std::to_string(index);
  }
  std::string directory;
  std::string secret;
};

TEST(Unseal, WithSharesSaysHowManyThereAreAndOpensWithTheLast) {
  Coffer coffer;
  Keeper keeper(coffer);
  Shares shares(coffer, keeper);
  ASSERT_EQ(coffer.RunHere({"unseal", "--share-file", shares.File(5)}),
            Exit::kDone)
      << coffer.err();
  EXPECT_EQ(coffer.out(), "1 of 3\n");
  ASSERT_EQ(coffer.RunHere({"unseal", "--share-file", shares.File(5)}),
            Exit::kDone);
  EXPECT_EQ(coffer.out(), "1 of 3 (this share was given already)\n");
  ASSERT_EQ(
      coffer.RunHere({"unseal", "--share-file", shares.File(2), "--json"}),
      Exit::kDone);
  EXPECT_NE(coffer.out().find("\"shares_given\":2,\"shares_needed\":3"),
            std::string::npos);
  ASSERT_EQ(coffer.RunHere({"unseal", "--share-file", shares.File(1)}),
            Exit::kDone);
  EXPECT_NE(coffer.out().find("Unsealed with slot 3; operational"),
            std::string::npos)
      << coffer.out();
  EXPECT_EQ(keeper.secret, shares.secret);
}

TEST(Unseal, TakesSeveralSharesAtOnceAndForgetsThemWithOneOfThem) {
  Coffer coffer;
  Keeper keeper(coffer);
  Shares shares(coffer, keeper);
  ASSERT_EQ(coffer.RunHere({"unseal", "--share-file", shares.File(1),
                            "--share-file", shares.File(4)}),
            Exit::kDone);
  EXPECT_EQ(coffer.out(), "2 of 3\n");
  ASSERT_EQ(
      coffer.RunHere({"unseal", "--cancel", "--share-file", shares.File(1)}),
      Exit::kDone);
  EXPECT_TRUE(keeper.shares.empty());
  ASSERT_EQ(
      coffer.RunHere({"unseal", "--share-file", shares.File(1), "--share-file",
                      shares.File(4), "--share-file", shares.File(3)}),
      Exit::kDone);
  EXPECT_EQ(keeper.secret, shares.secret);
}

TEST(Unseal, AMistypedShareIsNamedAndNotSent) {
  Coffer coffer;
  Keeper keeper(coffer);
  Shares shares(coffer, keeper);
  std::string text = ReadFile(shares.File(1));
  std::string bad = coffer.directory / "bad";
  for (size_t at : {size_t{0}, size_t{14}, size_t{40}, text.size() - 2}) {
    std::string changed = text;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    WriteFile(bad, changed);
    EXPECT_EQ(coffer.RunHere({"unseal", "--share-file", bad}), Exit::kRefused);
    EXPECT_NE(coffer.err().find("share " + bad), std::string::npos)
        << coffer.err();
    EXPECT_EQ(coffer.err().find(": share: "), std::string::npos);
    EXPECT_EQ(coffer.err().find(changed.substr(14, 20)), std::string::npos);
  }
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kUnsealShare), 0);
}

// --- The vault of a key export

std::vector<uint8_t> Export(const std::vector<SlotHeader>& slots) {
  std::vector<uint8_t> bytes(8192);
  base::Encoder encoder{base::MutableBytes(bytes)};
  encoder.Append(base::AsBytes("COFFERK\n"));
  encoder.Number(uint8_t{1});
  encoder.Append(std::vector<uint8_t>(16, 7));
  encoder.Number(uint64_t{9});
  encoder.Number(uint64_t{1785542400});
  encoder.Number(uint64_t{123});
  encoder.Number(static_cast<uint16_t>(slots.size()));
  for (const SlotHeader& slot : slots) {
    encoder.Struct(slot);
    encoder.Append(std::vector<uint8_t>(32 + 96, 1));
  }
  encoder.Append(std::vector<uint8_t>(100, 2));
  bytes.resize(encoder.used());
  return bytes;
}

TEST(KeyExport, HeaderIsReadAndEveryTruncationOfItRefused) {
  std::vector<uint8_t> bytes =
      Export({Slot(1, SlotKind::kKeyFile), Slot(2, SlotKind::kPassphrase)});
  auto keys = DecodeKeyExport(bytes);
  ASSERT_TRUE(keys.ok());
  EXPECT_EQ(keys->generation, 9u);
  ASSERT_EQ(keys->slots.size, 2);
  EXPECT_EQ(keys->slots[1].kind, SlotKind::kPassphrase);
  for (size_t size = 0; size <= bytes.size() - 100; ++size) {
    EXPECT_FALSE(DecodeKeyExport(base::Bytes(bytes).first(size)).ok()) << size;
  }
  for (size_t i = 0; i < 8; ++i) {
    bytes[i] ^= 1;
    EXPECT_FALSE(DecodeKeyExport(bytes).ok());
    bytes[i] ^= 1;
  }
  bytes[8] = 2;
  EXPECT_EQ(DecodeKeyExport(bytes).error().code, base::Code::kNewerFormat);
  EXPECT_FALSE(DecodeKeyExport(Export(std::vector<SlotHeader>(
                                   9, Slot(1, SlotKind::kShamir))))
                   .ok());
}

TEST(Init, WithAKeyExportOpensItWithOneOfItsSlots) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.state = VaultState::kUninitialised;
  std::string policy = coffer.directory / "policy.toml";
  std::string keys = coffer.directory / "keys";
  std::string key = coffer.directory / "key";
  WriteFile(policy, kPolicyText);
  WriteFile(key, std::string(32, 'k'));
  std::vector<uint8_t> bytes =
      Export({Slot(4, SlotKind::kShamir), Slot(5, SlotKind::kKeyFile)});
  WriteFile(keys, std::string(bytes.begin(), bytes.end()));
  ASSERT_EQ(coffer.RunHere({"init", "--keys", keys, "--key-file", key,
                            "--policy", policy}),
            Exit::kDone)
      << coffer.err();
  EXPECT_EQ(keeper.slot.id, 5);
  EXPECT_EQ(keeper.secret, std::string(32, 'k'));
  EXPECT_EQ(keeper.exported, std::string(bytes.begin(), bytes.end()));
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kInit), 0);
  // A key file that is not there is not made: it could open nothing.
  keeper.state = VaultState::kUninitialised;
  EXPECT_EQ(coffer.RunHere({"init", "--keys", keys, "--key-file",
                            coffer.directory / "none", "--policy", policy}),
            Exit::kRefused);
  EXPECT_FALSE(std::filesystem::exists(coffer.directory / "none"));
  EXPECT_EQ(coffer.RunHere({"init", "--keys", policy, "--key-file", key,
                            "--policy", policy}),
            Exit::kRefused);
  EXPECT_NE(coffer.err().find("no key export"), std::string::npos);
}

}  // namespace
}  // namespace coffer::cli
