// A keeper for the gate's tests: the far end of both channels, without keys. It
// answers every item with something plausible, writes down what it was asked,
// and can be told to refuse, to hold its answers back, and to answer nonsense.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "vault/os/spawn.h"
#include "vault/wire/message.h"

namespace coffer::gate {

class FakeKeeper {
 public:
  FakeKeeper();

  int gate_channel() const { return batches_.there.get(); }
  int gate_descriptors() const { return descriptors_.there.get(); }

  // Reads whole batches and, unless holding, answers them.
  void Pump();
  // Answers what was held back, at most so many batches.
  void AnswerHeld(size_t most = SIZE_MAX);
  // Accepts a connection: the gate gets the far end, the caller the near one.
  os::FileDescriptor Connect(wire::SocketKind socket, wire::ConnectionId id);
  void HangUp();

  wire::VaultState state = wire::VaultState::kOperational;
  wire::ByteArray<16> vault_id{1, 2, 3};
  bool holding = false;
  // Refusals by op; all items of the op.
  std::map<wire::Op, wire::Rule> refuse;
  // Links whose read is answered link_of_another_linker.
  std::vector<wire::LinkId> foreign;
  std::string caller = "dev";
  bool all_links = false;

  // What was asked, in order; kStatus is left out.
  std::vector<wire::Op> asked;
  std::vector<size_t> batch_sizes;
  std::vector<std::string> bank_tokens;     // of create and replace
  std::vector<wire::CommitItem> committed;  // kCommitted
  std::vector<wire::CommitItem> not_committed;
  std::vector<bool> had_token_box;  // of items with a stored link
  std::vector<bool> had_link;
  uint32_t reported_links = 0;  // kEraseSubject

  // --- The store's upkeep ----------------------------------------------------
  // An institution whose wraps are to be walked; an old KEK that was drained
  // goes, and with the last one the row.
  struct Work {
    std::string institution = "citi";
    wire::KeyId active{};
    bool urgent = false;
    std::vector<wire::KeyId> old;
  };
  std::vector<Work> work;
  wire::ByteArray<32> adopt{};
  wire::KeyId kek{};                            // of the records it makes
  std::map<wire::LinkId, wire::Rule> verdicts;  // of kRewrap, else kAllowed
  std::vector<wire::KekCount> counts;           // as last reported
  bool counted = false;
  size_t work_asked = 0;
  std::vector<std::pair<std::string, wire::LinkId>> rewrapped;  // asked for
  std::vector<std::pair<std::string, wire::KeyId>> drained;
  std::vector<wire::LinkId> settled;
  // Links that were asked to be buried, in order; each has ended but for these.
  std::vector<wire::LinkId> buried;
  std::set<wire::LinkId> not_ended;
  std::vector<wire::AdoptedItem> adopted;

  // --- Audit leaves, and links' names in them --------------------------------
  // The others are of no link.
  std::map<uint64_t, std::vector<uint8_t>> journal;
  uint64_t journal_from = 0;
  std::map<wire::LinkId, wire::TagsAnswer> tags;  // of one day each: day by day
  size_t leaves_asked = 0;                        // items
  uint64_t AddLeaf(wire::Leaf leaf);
  void ForgetLeavesFrom(uint64_t index);

  // Bytes to send in place of the next answers, after `spoil` changed them.
  void (*spoil)(std::vector<uint8_t>& answers) = nullptr;

 private:
  std::vector<uint8_t> AnswerBatch(base::Bytes frame);
  void AnswerItem(wire::Op op, base::Decoder& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::StatusItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::HashItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::CreateItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::ReadItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::ReplaceBankTokenItem& item,
             base::Encoder& out);
  void Reply(wire::Op op, const wire::ReplaceConsentItem& item,
             base::Encoder& out);
  void Reply(wire::Op op, const wire::RevokeConsentItem& item,
             base::Encoder& out);
  void Reply(wire::Op op, const wire::EraseLinkItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::EraseSubjectItem& item,
             base::Encoder& out);
  void Reply(wire::Op op, const wire::IssueItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::LocateItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::RedeemItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::IntrospectItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::RevokeTokenItem& item,
             base::Encoder& out);
  void Reply(wire::Op op, const wire::KeysItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::CommitItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::WorkItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::RewrapItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::SettleItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::DrainedItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::AdoptedItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::TagsItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::LeavesItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::BuryItem& item, base::Encoder& out);
  void Reply(wire::Op op, const wire::HistoryItem& item, base::Encoder& out);
  template <typename Item>
  Item Take(base::Decoder& decoder);
  template <typename Answer>
  void Allow(base::Encoder& out, wire::Op op, const Answer& answer);
  bool Refused(base::Encoder& out, wire::Op op);
  wire::NewRecord MakeRecord(const wire::LinkId& link, uint32_t revision,
                             std::string_view subject, std::string_view token);
  void Note(const wire::StoredLink& stored);
  void Send(const std::vector<uint8_t>& bytes);

  os::SocketPair batches_;
  os::SocketPair descriptors_;
  std::vector<uint8_t> incoming_;
  std::deque<std::vector<uint8_t>> held_;
  uint64_t next_leaf_ = 0;
  uint64_t walk_ = 0;
  uint8_t next_link_ = 1;
  std::vector<uint8_t> head_;
  std::vector<uint8_t> wrap_;
  std::string token_box_;
};

// A stand-in for the keyed hash of a subject.
wire::SubjectHash FakeHash(std::string_view text);

}  // namespace coffer::gate
