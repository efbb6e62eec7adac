// A whole keeper without its process (vault_world.h) and its operators: what
// they ask goes through OperatorCommands, as encoded, and approvers sign with
// keys of the test's.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "crypto/ssh_signature.h"
#include "tests/keeper/vault_world.h"
#include "vault/keeper/operator_commands.h"

namespace coffer::keeper_test {

using wire::OperatorCode;
using wire::OperatorOp;

// An answer with its own copy of the bytes behind its views.
template <typename Fields>
struct Told {
  OperatorCode code = OperatorCode::kMalformed;
  std::string message;
  std::vector<uint8_t> bytes;
  Fields fields;
  bool done() const { return code == OperatorCode::kDone; }
  bool awaits() const { return code == OperatorCode::kAwaitsApproval; }
};

class OperatorWorld : public World {
 public:
  OperatorWorld() { MakeCommands(); }

  // As World's, with the rule "threshold of alice, bob, carol".
  void OperateWith(uint8_t threshold) {
    COFFER_CHECK(Start().ok());
    const std::vector<uint8_t> policy = Encode(TestPolicy());
    wire::OpenQuestion question = Question(policy);
    question.quorum = RuleOf(threshold);
    COFFER_CHECK(vault().Init(question, 0).ok());
    caller = Connect(geteuid());
  }
  base::Status RestartKeeper() {
    commands.reset();
    COFFER_TRY(Restart());
    MakeCommands();
    return {};
  }
  // After World::Restart, too.
  void MakeCommands() {
    commands.reset();
    keys = std::make_unique<keeper::KeyService>(vault());
    slots = std::make_unique<keeper::SlotService>(vault());
    commands = std::make_unique<keeper::OperatorCommands>(
        parts->shared, parts->journal, *keys, *slots, true);
  }

  template <typename Fields = wire::EmptyQuestion, typename Question>
  Told<Fields> Ask(OperatorOp op, const Question& question, uint32_t uid = 0) {
    std::vector<uint8_t> body(base::kOperatorFrameBytesMax);
    auto size = base::EncodeWhole(MutableBytes(body), question);
    COFFER_CHECK(size.ok());
    return AskRaw<Fields>(op, Bytes(body).first(*size), uid);
  }
  template <typename Fields = wire::EmptyQuestion>
  Told<Fields> AskRaw(OperatorOp op, Bytes body, uint32_t uid = 0) {
    Told<Fields> told;
    told.bytes.resize(base::kOperatorFrameBytesMax);
    const keeper::CommandOutcome outcome =
        commands->Handle(op, body, uid, MutableBytes(told.bytes));
    told.code = outcome.code;
    told.message = outcome.message;
    // Who names no answer only looks at the code.
    const bool fields =
        !std::is_same_v<Fields, wire::EmptyQuestion> &&
        (std::is_same_v<Fields, wire::AwaitingAnswer> ? told.awaits()
                                                      : told.done());
    if (fields) {
      base::Decoder decoder(Bytes(told.bytes).first(outcome.used));
      decoder.Struct(told.fields);
      EXPECT_TRUE(decoder.finished());
    }
    return told;
  }

  // --- Approvals
  const crypto::SigningKey& KeyOf(std::string_view name) {
    auto& key = approver_keys[std::string(name)];
    if (key == nullptr) {
      key = std::make_unique<crypto::SigningKey>(*approver_arena);
      crypto::GenerateSigningKey(*key);
    }
    return *key;
  }
  wire::QuorumRule RuleOf(uint8_t threshold,
                          std::vector<std::string_view> names = {"alice", "bob",
                                                                 "carol"}) {
    wire::QuorumRule rule;
    rule.threshold = threshold;
    if (threshold == 0) return rule;
    for (std::string_view name : names) {
      rule.approvers.push_back({wire::Name(name), PublicKeyOf(KeyOf(name))});
    }
    return rule;
  }
  // A KEK of citi's that may be destroyed.
  wire::KeyId OldKey() {
    const wire::KeyId id = vault().keyring().ActiveKek(0)->id;
    COFFER_CHECK(
        keys->Rotate({wire::RotateTarget::kInstitution, "citi"}, 0).ok());
    vault().keyring().FindKek(id)->counted = true;
    return id;
  }
  // Another slot, which no secret opens.
  void AddSlot() {
    keeper::StateSlot slot = vault().header().slots[0];
    slot.header.id = 2;
    slot.public_key[1] ^= 1;
    vault().header().slots.push_back(slot);
  }
  template <typename Question>
  wire::OperationId Propose(OperatorOp op, const Question& question,
                            uint32_t uid = 0) {
    auto told = Ask<wire::AwaitingAnswer>(op, question, uid);
    EXPECT_TRUE(told.awaits()) << told.message;
    return told.fields.id;
  }
  std::string Statement(const wire::OperationId& id) {
    auto told = Ask<wire::OperationShowAnswer>(OperatorOp::kOperationShow,
                                               wire::OperationQuestion{id});
    EXPECT_TRUE(told.done()) << told.message;
    return std::string(told.fields.statement);
  }
  wire::ApproveQuestion Signed(const wire::OperationId& id,
                               std::string_view name,
                               std::string_view statement) {
    wire::ApproveQuestion question;
    question.id = id;
    question.public_key = PublicKeyOf(KeyOf(name));
    crypto::SignMessage(question.signature, KeyOf(name),
                        crypto::SshSignedBlob(base::AsBytes(statement)));
    return question;
  }
  Told<wire::ApproveAnswer> Approve(const wire::ApproveQuestion& question) {
    return Ask<wire::ApproveAnswer>(OperatorOp::kOperationApprove, question,
                                    77);
  }
  Told<wire::ApproveAnswer> Approve(const wire::OperationId& id,
                                    std::string_view name) {
    return Approve(Signed(id, name, Statement(id)));
  }

  std::unique_ptr<base::SecretArena> approver_arena =
      std::move(base::SecretArena::Create(16)).value();
  std::map<std::string, std::unique_ptr<crypto::SigningKey>> approver_keys;
  std::unique_ptr<keeper::KeyService> keys;
  std::unique_ptr<keeper::SlotService> slots;
  std::unique_ptr<keeper::OperatorCommands> commands;
};

}  // namespace coffer::keeper_test
