// A whole keeper without its process: vault, journal, state file, connections
// and operations over files in memory and a clock of the test's. Batches are
// dispatched and synced in turn.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "crypto/kdf.h"
#include "tests/keeper/keeper_process.h"
#include "tests/keeper_files/fake_files.h"
#include "vault/keeper/dispatch.h"

namespace coffer::keeper_test {

inline constexpr int kState = 1, kJournalA = 2, kJournalB = 3;

class World {
 public:
  World() {
    COFFER_CHECK(crypto::Initialise().ok());
    Make();
  }

  // The process ends, by default as killed; what was written stays.
  base::Status Restart() {
    parts.reset();
    files.EndProcess();
    Make();
    return parts->vault.Start(Passed());
  }
  base::Status Start() { return parts->vault.Start(Passed()); }
  // The process ends; its files are the test's to change.
  void EndParts() {
    parts.reset();
    files.EndProcess();
    Make();
  }

  static crypto::SelfTestReport Passed() {
    crypto::SelfTestReport report;
    report.rows[report.size++] = {"everything", true};
    return report;
  }
  static wire::OpenQuestion Question(Bytes policy = {}) {
    wire::OpenQuestion question;
    question.slot.id = 1;
    question.secret.fill(7);
    question.policy = policy;
    return question;
  }
  base::Status Init(const wire::Policy& policy = *SharedPolicy()) {
    const std::vector<uint8_t> bytes = Encode(policy);
    auto slot = vault().Init(Question(bytes), 0);
    if (!slot.ok()) return slot.error();
    return {};
  }
  base::Status LoadPolicy(Bytes compiled) {
    return vault().LoadPolicy(wire::PolicyBytes{compiled, {}}, 0);
  }
  base::Status Unseal() { return vault().Unseal(Question(), 0); }
  // Started, initialised, and a caller connected.
  void Operate() {
    COFFER_CHECK(Start().ok());
    COFFER_CHECK(Init().ok());
    caller = Connect(geteuid());
  }
  // Killed, started and unsealed, and a caller connected.
  base::Status Reopen() {
    COFFER_TRY(Restart());
    COFFER_TRY(Unseal());
    caller = Connect(geteuid());
    return {};
  }

  wire::ConnectionId Connect(uint32_t uid) {
    int ends[2];
    COFFER_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    close(ends[1]);
    keeper::Connection* connection = parts->connections.Add(
        keeper::Listener::kCaller, os::FileDescriptor(ends[0]));
    COFFER_CHECK(connection != nullptr);
    connection->peer.uid = uid;
    return connection->id;
  }

  // One batch of one item, synced, answered.
  template <typename Fields, typename Item>
  Reply<Fields> One(wire::Op op, const Item& item) {
    Batch batch;
    batch.Add(op, item);
    Reply<Fields> reply;
    reply.frame = Dispatch(batch.items(), batch.count());
    COFFER_CHECK(reply.frame != nullptr);
    base::Decoder decoder(
        Bytes(*reply.frame).subspan(wire::kAnswersHeaderBytes));
    decoder.Struct(reply.header);
    if (reply.allowed()) decoder.Struct(reply.fields);
    COFFER_CHECK(decoder.finished());
    return reply;
  }
  // The answers' frame; nullptr where the keeper would end.
  std::shared_ptr<std::vector<uint8_t>> Dispatch(Bytes items, uint16_t count) {
    std::vector<uint8_t> body(wire::kBatchHeaderBytes - 4);
    base::Encoder encoder{MutableBytes(body)};
    encoder.Number(wire::kMessageFormat);
    encoder.Number(++sequence);
    encoder.Number(count);
    body.insert(body.end(), items.begin(), items.end());
    auto size = keeper::DispatchBatch(parts->shared, sequence, body, answers);
    if (vault().state() == wire::VaultState::kOperational) {
      COFFER_CHECK(
          parts->journal.SyncNow(vault().keyring().journal_key()).ok());
      parts->journal.Poll();
    }
    if (!size.ok()) return nullptr;
    return std::make_shared<std::vector<uint8_t>>(
        answers.begin(), answers.begin() + static_cast<long>(*size));
  }

  KeptLink Create() {
    auto reply = One<wire::NewRecord>(wire::Op::kCreate, TestCreate(caller));
    COFFER_CHECK(reply.allowed());
    return KeptLink(reply.fields);
  }
  Reply<wire::IssueAnswer> Issue(const KeptLink& link) {
    return One<wire::IssueAnswer>(wire::Op::kIssue, TestIssue(caller, link));
  }
  Reply<wire::RedeemAnswer> Redeem(std::string_view token,
                                   const KeptLink& link) {
    wire::RedeemItem item;
    item.connection = caller;
    item.token = token;
    item.stored = link.Stored(true);
    return One<wire::RedeemAnswer>(wire::Op::kRedeem, item);
  }
  wire::Rule Revoke(const KeptLink& link) {
    wire::RevokeConsentItem item;
    item.connection = caller;
    item.link = link.link;
    item.stored = link.Stored(false);
    return One<wire::NewRecord>(wire::Op::kRevokeConsent, item).rule();
  }

  // Leaves from the end, oldest first.
  std::vector<wire::Leaf> Tail(uint32_t count) {
    wire::TailAnswer tail;
    tail_bytes.resize(256 * 1024);
    COFFER_CHECK(
        parts->journal.ReadTail(wire::kNoLeaf, count, tail_bytes, tail).ok());
    std::vector<wire::Leaf> leaves;
    for (const wire::LeafBytes& bytes : tail.leaves) {
      auto leaf = wire::DecodeLeaf(bytes.leaf);
      COFFER_CHECK(leaf.ok());
      leaves.push_back(*leaf);
    }
    return leaves;
  }

  // Rewrites the state's sealed body as whoever holds the root could. While
  // stopped: between two Restarts.
  void ChangeBody(std::function<void(std::vector<uint8_t>&)> change) {
    keeper::StateFile state(files, kState);
    COFFER_CHECK(state.Open().ok());
    const keeper::StateHeader header = state.header();
    const keeper::StateSlot& slot = header.slots[0];
    crypto::SlotSecret secret(*parts->arena);
    // The key file's bytes are all 7: the one way to them without the raw key.
    wire::ByteArray<32> seven;
    seven.fill(7);
    std::memcpy(crypto::SecretKeyBytes::Mutable(secret).data(), seven.data(),
                seven.size());
    uint8_t row[512];
    auto size = base::EncodeWhole(MutableBytes(row), slot.header);
    crypto::SigningKey slot_key(*parts->arena);
    crypto::DeriveSigningKey(slot_key, secret, "coffer slot key",
                             {header.vault_id, Bytes(row, *size)});
    crypto::RootKey root(*parts->arena);
    COFFER_CHECK(crypto::UnsealKey(root, slot.sealed_root, slot_key).ok());
    Bytes plaintext;
    COFFER_CHECK(state.OpenBody(root, plaintext).ok());
    std::vector<uint8_t> body(plaintext.begin(), plaintext.end());
    change(body);
    std::copy(body.begin(), body.end(), state.body_buffer().begin());
    COFFER_CHECK(state.Write(root, header, body.size()).ok());
  }

  keeper::Vault& vault() { return parts->vault; }

  struct Parts {
    explicit Parts(World& world)
        : arena(std::move(base::SecretArena::Create(320)).value()),
          journal(world.files, kJournalA, kJournalB, -1),
          state_file(world.files, kState),
          vault(world.clock, *arena, journal, state_file),
          opened(*arena),
          sealed(*arena),
          shared{vault, connections, pending, opened, sealed} {}
    std::unique_ptr<base::SecretArena> arena;
    keeper::Journal journal;
    keeper::StateFile state_file;
    keeper::Vault vault;
    keeper::Connections connections;
    keeper::PendingWrites pending;
    keeper::OpenedLink opened;
    keeper::SealedLink sealed;
    keeper::Operation::Shared shared;
  };

  base::FakeClock clock;
  keeper::FakeFiles files;
  std::unique_ptr<Parts> parts;
  wire::ConnectionId caller = 0;
  uint64_t sequence = 0;

 private:
  static const wire::Policy* SharedPolicy() {
    static const wire::Policy* policy = new wire::Policy(TestPolicy());
    return policy;
  }
  void Make() {
    parts = std::make_unique<Parts>(*this);
    sequence = 0;
  }

  std::vector<uint8_t> answers =
      std::vector<uint8_t>(base::kAnswerBatchBytesMax);
  std::vector<uint8_t> tail_bytes;
};

}  // namespace coffer::keeper_test
