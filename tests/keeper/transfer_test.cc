// Key exports, vaults made from them, the judgement of a backup's links.
#include "vault/keeper/transfer.h"

#include "tests/keeper/operator_world.h"

namespace coffer::keeper_test {
namespace {

using base::Code;
using wire::LeafKind;
using wire::Rule;
using wire::VaultState;

std::vector<uint8_t> Export(OperatorWorld& world, uint64_t* generation) {
  auto told = world.Ask<wire::ExportAnswer>(OperatorOp::kKeyExport,
                                            wire::ExportQuestion{}, 5);
  EXPECT_TRUE(told.done()) << told.message;
  if (generation != nullptr) *generation = told.fields.generation;
  return {told.fields.bytes.begin(), told.fields.bytes.end()};
}

Told<wire::InitAnswer> Import(OperatorWorld& world, Bytes bytes,
                              uint8_t secret = 7,
                              const wire::QuorumRule& rule = {},
                              uint8_t slot = 1) {
  const std::vector<uint8_t> policy = Encode(TestPolicy());
  wire::ImportQuestion question;
  question.open = World::Question(policy);
  question.open.slot.id = slot;
  question.open.secret.fill(secret);
  question.open.quorum = rule;
  question.bytes = bytes;
  return world.Ask<wire::InitAnswer>(OperatorOp::kKeyImport, question, 9);
}

Rule JudgeOne(OperatorWorld& world, const KeptLink& link) {
  wire::JudgeQuestion question;
  question.links.push_back({link.link, link.Stored(true)});
  auto told = world.Ask<wire::JudgeAnswer>(OperatorOp::kJudgeLinks, question);
  EXPECT_TRUE(told.done());
  EXPECT_EQ(told.fields.rules.size, 1u);
  return told.fields.rules[0];
}

class TransferTest : public testing::Test {
 protected:
  TransferTest() { world_.Operate(); }
  OperatorWorld world_;
};

TEST_F(TransferTest, LostMachineComesBackFromExportAndRecords) {
  const KeptLink link = world_.Create();
  uint64_t generation = 0;
  const std::vector<uint8_t> bytes = Export(world_, &generation);
  EXPECT_EQ(world_.Tail(1)[0].kind, LeafKind::kKeyExport);
  EXPECT_EQ(world_.Tail(1)[0].detail, generation);
  // Made after the export, under keys that it holds.
  const KeptLink later = world_.Create();
  const uint64_t leaves = world_.vault().next_leaf();

  OperatorWorld other;
  ASSERT_TRUE(other.Start().ok());
  auto imported = Import(other, bytes);
  ASSERT_TRUE(imported.done()) << imported.message;
  EXPECT_EQ(imported.fields.slot, 1);
  EXPECT_EQ(other.vault().state(), VaultState::kOperational);
  EXPECT_EQ(other.vault().vault_id(), world_.vault().vault_id());
  EXPECT_EQ(other.Tail(20).at(0).kind, LeafKind::kImport);
  EXPECT_EQ(other.Tail(20).at(0).index, uint64_t{2} << 40);
  EXPECT_GT(other.Tail(20).at(0).index, leaves);
  EXPECT_GT(other.vault().keyring_generation(), generation);
  other.caller = other.Connect(geteuid());
  EXPECT_TRUE(other.Issue(link).allowed());
  EXPECT_TRUE(other.Issue(later).allowed());
  const KeptLink fresh = other.Create();
  ASSERT_TRUE(other.RestartKeeper().ok());
  ASSERT_TRUE(other.Unseal().ok());
  other.caller = other.Connect(geteuid());
  EXPECT_TRUE(other.Issue(link).allowed());
  EXPECT_TRUE(other.Issue(fresh).allowed());
  // What the new vault seals is of a time that the old one has not lived.
  EXPECT_EQ(world_.Issue(fresh).rule(), Rule::kRecordDamaged);
}

// Most records of a used vault replaced another; the floors that ended those
// are lost with the machine, and must not be asked for one by one.
// Nobody knows any more what the lost vault had taken.
TEST_F(TransferTest, WhatTheLostVaultTookIsNotGoodOnceMore) {
  const std::vector<uint8_t> bytes = Export(world_, nullptr);
  OperatorWorld other;
  ASSERT_TRUE(other.Start().ok());
  ASSERT_TRUE(Import(other, bytes).done());
  const uint64_t begin = other.vault().Now();
  const auto is_fresh = [&](uint64_t issued_at) {
    return other.vault().fresh_once().IsFresh({{}, issued_at},
                                              other.vault().Now());
  };
  EXPECT_FALSE(is_fresh(begin + 5));
  ASSERT_TRUE(other.RestartKeeper().ok());
  ASSERT_TRUE(other.Unseal().ok());
  other.clock.Advance(base::kFreshSeconds);
  EXPECT_FALSE(is_fresh(begin + base::kFreshSeconds));
  EXPECT_TRUE(is_fresh(begin + base::kFreshSeconds + 1));
}

TEST_F(TransferTest, ReplacedRecordsTakeNoFloorAfterAnImport) {
  const KeptLink link = world_.Create();
  wire::ReplaceBankTokenItem item;
  item.connection = world_.caller;
  item.link = link.link;
  item.if_match = 1;
  item.bank_token = base::AsBytes("another-bank-token");
  item.stored = link.Stored(false);
  auto replaced =
      world_.One<wire::ReplaceAnswer>(wire::Op::kReplaceBankToken, item);
  ASSERT_TRUE(replaced.allowed());
  const KeptLink next(replaced.fields);
  const std::vector<uint8_t> bytes = Export(world_, nullptr);
  OperatorWorld other;
  ASSERT_TRUE(other.Start().ok());
  ASSERT_TRUE(Import(other, bytes).done());
  other.caller = other.Connect(geteuid());
  EXPECT_TRUE(other.Issue(next).allowed());
  EXPECT_EQ(other.vault().floors().size(), 0u);
}

TEST(FirstLeafAfter, IsFarAboveWhateverTheExportSays) {
  for (uint64_t next : {uint64_t{0}, (uint64_t{1} << 32) - 1, uint64_t{1} << 32,
                        (uint64_t{1} << 40) - 1, uint64_t{1} << 40,
                        (uint64_t{1} << 62) - (uint64_t{2} << 40)}) {
    const uint64_t first = keeper::FirstLeafAfter(next);
    EXPECT_GE(first, next + (uint64_t{1} << 40)) << next;
    EXPECT_LE(first, uint64_t{1} << 62) << next;
    EXPECT_TRUE(keeper::MayBeOfLostVault(next, first));
    EXPECT_FALSE(keeper::MayBeOfLostVault(first, first + 5));
  }
}

// What was ended says so itself; an older revision that somebody kept dies with
// the first sight of it.
TEST_F(TransferTest, EndedRecordsTakeTheirFloorAfterAnImport) {
  const KeptLink older = world_.Create();
  auto revoked = world_.One<wire::NewRecord>(
      wire::Op::kRevokeConsent,
      wire::RevokeConsentItem{world_.caller, older.link,
                              wire::RevocationReason::kUserAction,
                              older.Stored(false)});
  ASSERT_TRUE(revoked.allowed());
  const KeptLink ended(revoked.fields);
  const std::vector<uint8_t> bytes = Export(world_, nullptr);
  OperatorWorld other;
  ASSERT_TRUE(other.Start().ok());
  ASSERT_TRUE(Import(other, bytes).done());
  other.caller = other.Connect(geteuid());
  EXPECT_TRUE(other.Issue(older).allowed());  // nobody can know
  EXPECT_EQ(other.Issue(ended).rule(), Rule::kConsentRevoked);
  EXPECT_EQ(other.Issue(older).rule(), Rule::kRecordStale);
  EXPECT_EQ(other.vault().floors().size(), 1u);
  ASSERT_TRUE(other.RestartKeeper().ok());
  ASSERT_TRUE(other.Unseal().ok());
  other.caller = other.Connect(geteuid());
  EXPECT_EQ(other.Issue(older).rule(), Rule::kRecordStale);
}

TEST(ImportUnderARule, KeepsTheRuleOfTheExport) {
  OperatorWorld world;
  world.OperateWith(2);
  const std::vector<uint8_t> bytes = Export(world, nullptr);
  for (bool with : {false, true}) {
    OperatorWorld other;
    ASSERT_TRUE(other.Start().ok());
    const wire::QuorumRule wish = with ? other.RuleOf(3) : wire::QuorumRule{};
    ASSERT_TRUE(Import(other, bytes, 7, wish).done());
    EXPECT_TRUE(other.vault().quorum() == world.vault().quorum());
    EXPECT_EQ(other.vault().header().quorum_threshold, 2);
  }
}

TEST_F(TransferTest, NewInstitutionMakesTheLastExportTooOld) {
  uint64_t generation = 0;
  Export(world_, &generation);
  ASSERT_TRUE(
      world_.Ask(OperatorOp::kKeyExport, wire::ExportQuestion{generation}, 5)
          .done());
  ASSERT_TRUE(world_.LoadPolicy(Encode(TestPolicy())).ok());
  EXPECT_EQ(world_.vault().keyring_generation(), generation);
  wire::Policy more = TestPolicy();
  wire::PolicyInstitution bank = more.institutions[0];
  bank.name = wire::Name("wells");
  more.institutions.push_back(bank);
  ASSERT_TRUE(world_.LoadPolicy(Encode(more)).ok());
  EXPECT_GT(world_.vault().keyring_generation(), generation);
}

TEST_F(TransferTest, JournalOfAnImportIsReadFromItsFirstLeaf) {
  const std::vector<uint8_t> bytes = Export(world_, nullptr);
  OperatorWorld other;
  ASSERT_TRUE(other.Start().ok());
  ASSERT_TRUE(Import(other, bytes).done());
  wire::TailAnswer tail;
  std::vector<uint8_t> space(65536);
  for (uint64_t from : {uint64_t{0}, uint64_t{2} << 40}) {
    ASSERT_TRUE(other.parts->journal.ReadTail(from, 100, space, tail).ok());
    ASSERT_GE(tail.leaves.size, 1u);
    EXPECT_EQ(wire::DecodeLeaf(tail.leaves[0].leaf)->index, uint64_t{2} << 40);
  }
}

TEST_F(TransferTest, ImportIsUnderAFreshRoot) {
  const std::vector<uint8_t> bytes = Export(world_, nullptr);
  OperatorWorld other;
  ASSERT_TRUE(other.Start().ok());
  ASSERT_TRUE(Import(other, bytes).done());
  // The lost machine's state opens nothing of the new one's, nor back.
  keeper::StateFile theirs(other.files, kState);
  ASSERT_TRUE(theirs.Open().ok());
  Bytes body;
  EXPECT_TRUE(theirs.OpenBody(other.vault().root(), body).ok());
  EXPECT_FALSE(theirs.OpenBody(world_.vault().root(), body).ok());
}

TEST_F(TransferTest, ExportIsTheKeyringsGenerationAndToldByStatus) {
  auto status = [&] {
    return world_
        .Ask<wire::OperatorStatus>(OperatorOp::kStatus, wire::EmptyQuestion{})
        .fields;
  };
  EXPECT_EQ(status().exported_generation, 0u);
  uint64_t generation = 0;
  Export(world_, &generation);
  EXPECT_EQ(status().keyring_generation, generation);
  // It counts once its file is safe, and only as what it is.
  EXPECT_EQ(status().exported_generation, 0u);
  for (uint64_t stored : {generation + 1, generation}) {
    auto told = world_.Ask<wire::ExportAnswer>(OperatorOp::kKeyExport,
                                               wire::ExportQuestion{stored}, 5);
    EXPECT_EQ(told.done(), stored == generation);
  }
  EXPECT_EQ(status().exported_generation, generation);
  ASSERT_TRUE(world_.RestartKeeper().ok());
  ASSERT_TRUE(world_.Unseal().ok());
  EXPECT_EQ(status().exported_generation, generation);
  ASSERT_TRUE(world_.vault().ReplaceRoot().ok());
  EXPECT_GT(status().keyring_generation, status().exported_generation);
}

TEST_F(TransferTest, WrongSecretSlotOrVaultIsRefusedAndLeavesItUninitialised) {
  const std::vector<uint8_t> bytes = Export(world_, nullptr);
  OperatorWorld other;
  ASSERT_TRUE(other.Start().ok());
  EXPECT_EQ(Import(other, bytes, 8).code, OperatorCode::kRefused);
  EXPECT_EQ(Import(other, bytes, 7, {}, 2).code, OperatorCode::kRefused);
  wire::QuorumRule alone = other.RuleOf(1);
  EXPECT_EQ(Import(other, bytes, 7, alone).code, OperatorCode::kRefused);
  EXPECT_EQ(other.vault().state(), VaultState::kUninitialised);
  EXPECT_TRUE(Import(other, bytes, 7, other.RuleOf(2)).done());
  EXPECT_EQ(other.vault().quorum().threshold, 2);
  EXPECT_EQ(other.vault().header().quorum_threshold, 2);
  // Neither over itself nor over a vault that is there.
  EXPECT_EQ(Import(other, bytes).code, OperatorCode::kRefused);
  ASSERT_TRUE(other.RestartKeeper().ok());
  EXPECT_EQ(Import(other, bytes).code, OperatorCode::kRefused);
  EXPECT_EQ(other.vault().state(), VaultState::kSealed);
}

TEST_F(TransferTest, EveryCutAndEveryFlippedByteOfAnExportIsRefused) {
  const std::vector<uint8_t> bytes = Export(world_, nullptr);
  OperatorWorld other;
  ASSERT_TRUE(other.Start().ok());
  keeper::Transfer transfer(other.parts->shared);  // no pause after failures
  const std::vector<uint8_t> policy = Encode(TestPolicy());
  auto code = [&](Bytes file) {
    wire::ImportQuestion question;
    question.open = World::Question(policy);
    question.bytes = file;
    auto slot = transfer.Import(question, 9);
    return slot.ok() ? Code{0} : slot.error().code;
  };
  std::map<Code, size_t> codes;
  for (size_t size = 0; size < bytes.size(); ++size) {
    ++codes[code(Bytes(bytes).first(size))];
  }
  std::vector<uint8_t> changed = bytes;
  for (uint8_t& byte : changed) {
    byte ^= 1;
    ++codes[code(changed)];
    byte ^= 1;
  }
  changed.push_back(0);
  ++codes[code(changed)];
  EXPECT_EQ(codes[Code{0}], 0u);
  EXPECT_EQ(codes[Code::kIo], 0u);
  EXPECT_GT(codes[Code::kInvalid], 0u);    // magic
  EXPECT_GT(codes[Code::kDamaged], 0u);    // cut in the head
  EXPECT_GT(codes[Code::kDenied], 1000u);  // the rest
  EXPECT_EQ(other.vault().state(), VaultState::kUninitialised);
  changed = bytes;
  changed[8] = keeper::kKeyExportFormat + 1;
  EXPECT_EQ(code(changed), Code::kNewerFormat);
  EXPECT_EQ(code(bytes), Code{0});
}

TEST_F(TransferTest, WrongSecretsAreCountedAndHaveToWait) {
  const std::vector<uint8_t> bytes = Export(world_, nullptr);
  OperatorWorld other;
  ASSERT_TRUE(other.Start().ok());
  for (uint32_t i = 0; i < base::kUnsealFailuresFree; ++i) {
    EXPECT_FALSE(Import(other, bytes, 8).done());
  }
  auto paused = Import(other, bytes);
  EXPECT_FALSE(paused.done());
  EXPECT_NE(paused.message.find("10 seconds"), std::string::npos);
  other.clock.Advance(base::kUnsealPauseSeconds);
  EXPECT_TRUE(Import(other, bytes).done());
  EXPECT_EQ(other.Tail(20).at(0).kind, LeafKind::kUnsealFailed);
  EXPECT_EQ(other.Tail(20).at(0).detail, base::kUnsealFailuresFree);
}

TEST_F(TransferTest, SlotThatCameLaterDoesNotOpenAnOlderExport) {
  const std::vector<uint8_t> older = Export(world_, nullptr);
  wire::SlotQuestion question;
  question.slot.kind = wire::SlotKind::kKeyFile;
  question.slot.salt.fill(42);
  question.secret.fill(42);
  auto added = world_.Ask<wire::InitAnswer>(OperatorOp::kSlotAdd, question);
  ASSERT_TRUE(added.done()) << added.message;
  const std::vector<uint8_t> newer = Export(world_, nullptr);
  OperatorWorld other;
  ASSERT_TRUE(other.Start().ok());
  EXPECT_FALSE(Import(other, older, 42, {}, added.fields.slot).done());
  EXPECT_TRUE(Import(other, newer, 42, {}, added.fields.slot).done());
}

TEST_F(TransferTest, ImportThatIsKilledLeavesAWholeVaultOrNone) {
  const std::vector<uint8_t> bytes = Export(world_, nullptr);
  for (int writes = 1; writes < 12; ++writes) {
    OperatorWorld other;
    ASSERT_TRUE(other.Start().ok());
    other.files.writes_before_failure = writes;
    const bool done = Import(other, bytes).done();
    other.files.writes_before_failure = -1;
    ASSERT_TRUE(other.RestartKeeper().ok()) << writes;
    if (other.vault().state() == VaultState::kUninitialised) {
      EXPECT_FALSE(done);
      EXPECT_TRUE(Import(other, bytes).done());
    } else {
      EXPECT_TRUE(other.Unseal().ok());
    }
  }
}

// --- Judgement

TEST_F(TransferTest, JudgementTellsEveryLinkApart) {
  const KeptLink good = world_.Create();
  EXPECT_EQ(JudgeOne(world_, good), Rule::kAllowed);

  const KeptLink revoked = world_.Create();
  ASSERT_EQ(world_.Revoke(revoked), Rule::kAllowed);
  EXPECT_EQ(JudgeOne(world_, revoked), Rule::kConsentRevoked);

  const KeptLink erased = world_.Create();
  ASSERT_TRUE(world_
                  .One<wire::EraseAnswer>(
                      wire::Op::kEraseLink,
                      wire::EraseLinkItem{world_.caller, erased.link,
                                          erased.Stored(false)})
                  .allowed());
  EXPECT_EQ(JudgeOne(world_, erased), Rule::kLinkErased);

  KeptLink damaged = good;
  damaged.token_box.back() ^= 1;
  EXPECT_EQ(JudgeOne(world_, damaged), Rule::kRecordDamaged);
  damaged = good;
  damaged.wrap.back() ^= 1;
  EXPECT_EQ(JudgeOne(world_, damaged), Rule::kRecordDamaged);
  damaged = good;
  damaged.head.clear();
  EXPECT_EQ(JudgeOne(world_, damaged), Rule::kLinkUnknown);

  world_.clock.Advance(400 * 86400);
  EXPECT_EQ(JudgeOne(world_, good), Rule::kConsentExpired);
  EXPECT_EQ(JudgeOne(world_, revoked), Rule::kConsentRevoked);
}

TEST_F(TransferTest, JudgementOfWithdrawnAndForeignKeys) {
  const KeptLink link = world_.Create();
  OperatorWorld stranger;
  stranger.Operate();
  EXPECT_EQ(JudgeOne(stranger, link), Rule::kKeyUnavailable);
  ASSERT_TRUE(world_
                  .Ask(OperatorOp::kInstitutionChange,
                       wire::InstitutionQuestion{
                           "citi", wire::InstitutionAction::kWithdraw})
                  .done());
  EXPECT_EQ(JudgeOne(world_, link), Rule::kKeyDestroyed);
}

TEST_F(TransferTest, JudgementLeavesNoLeafAndRaisesNoFloor) {
  const KeptLink first = world_.Create();
  auto replaced = world_.One<wire::ReplaceAnswer>(
      wire::Op::kReplaceBankToken,
      wire::ReplaceBankTokenItem{world_.caller, first.link, 1,
                                 base::AsBytes("another"),
                                 first.Stored(false)});
  ASSERT_TRUE(replaced.allowed());
  const KeptLink second(replaced.fields);
  const uint64_t leaf = world_.vault().next_leaf();
  const size_t floors = world_.vault().floors().size();
  EXPECT_EQ(JudgeOne(world_, second), Rule::kAllowed);
  EXPECT_EQ(JudgeOne(world_, first), Rule::kAllowed);
  EXPECT_EQ(world_.vault().next_leaf(), leaf);
  EXPECT_EQ(world_.vault().floors().size(), floors);
  // Once it is committed the older one is stale.
  ASSERT_TRUE(
      world_
          .One<wire::EmptyAnswer>(wire::Op::kCommitted,
                                  wire::CommitItem{second.link, second.leaf()})
          .allowed());
  EXPECT_EQ(JudgeOne(world_, first), Rule::kRecordStale);
  EXPECT_EQ(JudgeOne(world_, second), Rule::kAllowed);
}

// --- Restore

TEST_F(TransferTest, RestoreIsToldOnceAndOneAtATime) {
  wire::RestoreQuestion one;
  one.digest.fill(1);
  one.links = 3;
  one.keyring_generation = world_.vault().keyring_generation();
  wire::RestoreQuestion two = one;
  two.digest.fill(2);
  auto ask = [&](const wire::RestoreQuestion& question) {
    return world_.Ask<wire::RestoreAnswer>(OperatorOp::kRestore, question);
  };
  EXPECT_EQ(ask({}).code, OperatorCode::kRefused);
  ASSERT_TRUE(ask(one).done());
  EXPECT_EQ(world_.Tail(1)[0].kind, LeafKind::kRestore);
  EXPECT_EQ(world_.Tail(1)[0].detail, 3u);
  EXPECT_EQ(ask(two).code, OperatorCode::kRefused);
  EXPECT_FALSE(ask(one).fields.done);
  world_.vault().adoption().done = true;
  auto told = ask(one);
  EXPECT_TRUE(told.fields.failed);
  EXPECT_FALSE(told.fields.done);
  ASSERT_TRUE(ask(two).done());
  EXPECT_EQ(world_.vault().adoption().digest, two.digest);
}

TEST_F(TransferTest, OutcomeOfARestoreThatNobodyAskedForIsForgotten) {
  wire::RestoreQuestion question;
  question.digest.fill(1);
  question.keyring_generation = world_.vault().keyring_generation();
  world_.Ask(OperatorOp::kRestore, question);
  world_.vault().adoption().done = true;
  world_.vault().adoption().adopted = true;
  world_.commands->Tick();
  world_.clock.Advance(keeper::kRestoreAnswerSeconds);
  world_.commands->Tick();
  EXPECT_TRUE(world_.vault().adoption().done);
  world_.clock.Advance(1);
  world_.commands->Tick();
  auto told = world_.Ask<wire::RestoreAnswer>(OperatorOp::kRestore, question);
  EXPECT_FALSE(told.fields.done);
  EXPECT_FALSE(world_.vault().adoption().done);
}

}  // namespace
}  // namespace coffer::keeper_test
