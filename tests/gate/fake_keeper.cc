#include "tests/gate/fake_keeper.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>

#include "vault/os/fd_channel.h"

namespace coffer::gate {

using wire::Op;
using wire::Rule;

wire::SubjectHash FakeHash(std::string_view text) {
  wire::SubjectHash hash{};
  uint64_t sum = 14695981039346656037u;
  for (char letter : text) {
    sum = (sum ^ static_cast<uint8_t>(letter)) * 1099511628211u;
  }
  std::memcpy(hash.data(), &sum, sizeof sum);
  hash[15] = 1;
  return hash;
}

FakeKeeper::FakeKeeper()
    : batches_(os::MakeStreamPair().value()),
      descriptors_(os::MakeSeqpacketPair().value()) {}

os::FileDescriptor FakeKeeper::Connect(wire::SocketKind socket,
                                       wire::ConnectionId id) {
  os::SocketPair pair = os::MakeStreamPair().value();
  uint8_t message[wire::kArrivalBytes];
  wire::Arrival arrival{id, socket};
  EXPECT_TRUE(base::EncodeWhole(message, arrival).ok());
  auto sent =
      os::SendDescriptor(descriptors_.here.get(), pair.there.get(), message);
  EXPECT_TRUE(sent.ok());
  return std::move(pair.here);
}

void FakeKeeper::HangUp() {
  batches_.here.Reset();
  descriptors_.here.Reset();
}

void FakeKeeper::Send(const std::vector<uint8_t>& bytes) {
  ASSERT_EQ(send(batches_.here.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

void FakeKeeper::Pump() {
  uint8_t bytes[65536];
  ssize_t got;
  while ((got = recv(batches_.here.get(), bytes, sizeof bytes, MSG_DONTWAIT)) >
         0) {
    incoming_.insert(incoming_.end(), bytes, bytes + got);
  }
  while (incoming_.size() >= 4) {
    uint32_t size = 0;
    base::Decoder(incoming_).Number(size);
    ASSERT_LE(size + 4, base::kBatchBytesMax);
    if (incoming_.size() < size + 4) return;
    std::vector<uint8_t> answers =
        AnswerBatch(base::Bytes(incoming_).subspan(0, size + 4));
    incoming_.erase(incoming_.begin(), incoming_.begin() + size + 4);
    if (spoil != nullptr) spoil(answers);
    if (holding) {
      held_.push_back(std::move(answers));
    } else {
      Send(answers);
    }
  }
}

void FakeKeeper::AnswerHeld(size_t most) {
  for (; most > 0 && !held_.empty(); --most) {
    Send(held_.front());
    held_.pop_front();
  }
}

std::vector<uint8_t> FakeKeeper::AnswerBatch(base::Bytes frame) {
  base::Decoder decoder(frame);
  wire::BatchHeader header;
  decoder.Struct(header);
  EXPECT_EQ(header.format, wire::kMessageFormat);
  EXPECT_GT(header.count, 0);
  EXPECT_LE(header.count, base::kBatchItemsMax);
  batch_sizes.push_back(header.count);
  std::vector<uint8_t> out(base::kAnswerBatchBytesMax);
  base::Encoder encoder(out);
  encoder.Struct(header);
  encoder.Number(state);
  for (uint16_t i = 0; i < header.count; ++i) {
    Op op{};
    decoder.Number(op);
    AnswerItem(op, decoder, encoder);
    EXPECT_FALSE(decoder.failed());
  }
  EXPECT_TRUE(decoder.finished());
  EXPECT_FALSE(encoder.failed());
  out.resize(encoder.used());
  uint32_t size = static_cast<uint32_t>(out.size() - 4);
  base::Encoder(base::MutableBytes(out).subspan(0, 4)).Number(size);
  return out;
}

template <typename Item>
Item FakeKeeper::Take(base::Decoder& decoder) {
  Item item;
  decoder.Struct(item);
  return item;
}

template <typename Answer>
void FakeKeeper::Allow(base::Encoder& out, Op op, const Answer& answer) {
  out.Struct(wire::AnswerHeader{op, Rule::kAllowed, next_leaf_++});
  out.Struct(answer);
}

bool FakeKeeper::Refused(base::Encoder& out, Op op) {
  auto found = refuse.find(op);
  if (found == refuse.end()) return false;
  out.Struct(wire::AnswerHeader{op, found->second, next_leaf_++});
  return true;
}

wire::NewRecord FakeKeeper::MakeRecord(const wire::LinkId& link,
                                       uint32_t revision,
                                       std::string_view subject,
                                       std::string_view token) {
  wire::RecordHead head;
  head.link = link;
  head.revision = revision;
  head.leaf = next_leaf_;
  head.expires_at = 2'000'000'000;
  head.institution = "citi";
  head.linker = caller;
  head.subject = FakeHash(subject);
  head.metadata_box = base::AsBytes(subject);
  head_.resize(base::kRecordHeadBytesMax);
  head_.resize(*base::EncodeWhole(head_, head));
  wire::Wrap wrap;
  wrap.leaf = next_leaf_;
  wrap.revision = revision;
  wrap.linker = caller;
  wrap.kek = kek;
  wrap.subject = head.subject;
  wrap_.resize(base::kWrapBytesMax);
  wrap_.resize(*base::EncodeWhole(wrap_, wrap));
  token_box_ = token;
  return {link, revision, {head_, wrap_, base::AsBytes(token_box_)}};
}

void FakeKeeper::Note(const wire::StoredLink& stored) {
  had_link.push_back(!stored.head.empty());
  had_token_box.push_back(!stored.token_box.empty());
}

namespace {

std::string Subject(const wire::StoredLink& stored) {
  auto head = wire::DecodeRecordHead(stored.head);
  return head.ok() ? std::string(base::AsText(head->metadata_box)) : "";
}

uint32_t Revision(const wire::StoredLink& stored) {
  auto head = wire::DecodeRecordHead(stored.head);
  return head.ok() ? head->revision : 0;
}

}  // namespace

void FakeKeeper::Reply(Op op, const wire::StatusItem&, base::Encoder& out) {
  wire::StatusAnswer status;
  status.state = state;
  if (state != wire::VaultState::kUninitialised) {
    status.vault_id = vault_id;
  }
  status.leaves = next_leaf_;
  out.Struct(wire::AnswerHeader{op, Rule::kAllowed, wire::kNoLeaf});
  return out.Struct(status);
}

void FakeKeeper::Reply(Op op, const wire::HashItem& item, base::Encoder& out) {
  if (Refused(out, op)) return;
  wire::HashAnswer answer;
  if (!item.subject.empty()) answer.subject = FakeHash(item.subject);
  if (!item.idempotency_key.empty()) {
    answer.idempotency =
        FakeHash(std::string(item.route) + std::string(item.idempotency_key));
    answer.body = FakeHash(base::AsText(item.body));
  }
  answer.caller = caller;
  answer.all_links = all_links;
  return Allow(out, op, answer);
}

void FakeKeeper::Reply(Op op, const wire::CreateItem& item,
                       base::Encoder& out) {
  bank_tokens.emplace_back(base::AsText(item.bank_token));
  if (Refused(out, op)) return;
  wire::LinkId link{};
  link[2] = next_link_++;
  return Allow(
      out, op,
      MakeRecord(link, 1, item.subject, base::AsText(item.bank_token)));
}

void FakeKeeper::Reply(Op op, const wire::ReadItem& item, base::Encoder& out) {
  Note(item.stored);
  if (Refused(out, op)) return;
  bool other =
      std::find(foreign.begin(), foreign.end(), item.link) != foreign.end();
  if (item.stored.head.empty() || other) {
    out.Struct(wire::AnswerHeader{
        op, other ? Rule::kLinkOfAnotherLinker : Rule::kLinkUnknown,
        next_leaf_++});
    return;
  }
  wire::ReadAnswer answer;
  answer.link = item.link;
  answer.revision = Revision(item.stored);
  answer.institution = "citi";
  answer.linker = caller;
  answer.consent.consent_id = "c-1";
  answer.consent.purposes.push_back("balance_display");
  answer.consent.clusters.push_back("ACCOUNT_BASIC");
  return Allow(out, op, answer);
}

void FakeKeeper::Reply(Op op, const wire::ReplaceBankTokenItem& item,
                       base::Encoder& out) {
  Note(item.stored);
  bank_tokens.emplace_back(base::AsText(item.bank_token));
  if (Refused(out, op)) return;
  return Allow(out, op,
               wire::ReplaceAnswer{MakeRecord(item.link, item.if_match + 1,
                                              Subject(item.stored),
                                              base::AsText(item.bank_token)),
                                   {}});
}

void FakeKeeper::Reply(Op op, const wire::ReplaceConsentItem& item,
                       base::Encoder& out) {
  Note(item.stored);
  if (Refused(out, op)) return;
  return Allow(out, op,
               wire::ReplaceAnswer{MakeRecord(item.link, item.if_match + 1,
                                              Subject(item.stored), "resealed"),
                                   {}});
}

void FakeKeeper::Reply(Op op, const wire::CommitItem& item,
                       base::Encoder& out) {
  (op == Op::kCommitted ? committed : not_committed).push_back(item);
  if (Refused(out, op)) return;
  return Allow(out, op, wire::EmptyAnswer{});
}

void FakeKeeper::Reply(Op op, const wire::RevokeConsentItem& item,
                       base::Encoder& out) {
  Note(item.stored);
  if (Refused(out, op)) return;
  return Allow(out, op,
               MakeRecord(item.link, Revision(item.stored) + 1,
                          Subject(item.stored), ""));
}

void FakeKeeper::Reply(Op op, const wire::EraseLinkItem& item,
                       base::Encoder& out) {
  Note(item.stored);
  if (Refused(out, op)) return;
  return Allow(out, op, wire::EraseAnswer{"v4.public.certificate"});
}

void FakeKeeper::Reply(Op op, const wire::EraseSubjectItem& item,
                       base::Encoder& out) {
  reported_links = item.links;
  if (Refused(out, op)) return;
  return Allow(out, op, wire::EraseAnswer{"v4.public.certificate"});
}

void FakeKeeper::Reply(Op op, const wire::IssueItem& item, base::Encoder& out) {
  Note(item.stored);
  if (Refused(out, op)) return;
  if (item.purpose == "advertising") {
    out.Struct(wire::AnswerHeader{op, Rule::kPurposeProhibited, next_leaf_++});
    return;
  }
  std::string token = "v4.local." + std::string(item.purpose);
  return Allow(out, op, wire::IssueAnswer{token, 60, "ACCOUNT_BASIC"});
}

void FakeKeeper::Reply(Op op, const wire::LocateItem&, base::Encoder& out) {
  if (Refused(out, op)) return;
  wire::LinkId link{};
  link[2] = 1;
  return Allow(out, op, wire::LocateAnswer{link});
}

void FakeKeeper::Reply(Op op, const wire::RedeemItem& item,
                       base::Encoder& out) {
  Note(item.stored);
  if (Refused(out, op)) return;
  wire::RedeemAnswer answer;
  answer.bank_token = item.stored.token_box;
  answer.revision = 1;
  answer.institution = "citi";
  answer.purpose = "balance_display";
  return Allow(out, op, answer);
}

void FakeKeeper::Reply(Op op, const wire::IntrospectItem& item,
                       base::Encoder& out) {
  Note(item.stored);
  if (Refused(out, op)) return;
  wire::IntrospectAnswer answer;
  answer.client_id = "dev";
  answer.audience = "dev";
  answer.purpose = "balance_display";
  return Allow(out, op, answer);
}

void FakeKeeper::Reply(Op op, const wire::RevokeTokenItem&,
                       base::Encoder& out) {
  if (Refused(out, op)) return;
  return Allow(out, op, wire::EmptyAnswer{});
}

void FakeKeeper::Reply(Op op, const wire::KeysItem&, base::Encoder& out) {
  if (Refused(out, op)) return;
  return Allow(out, op, wire::KeysAnswer{});
}

void FakeKeeper::AnswerItem(Op op, base::Decoder& in, base::Encoder& out) {
  const bool background =
      op == Op::kStatus || op == Op::kWork || op == Op::kLeaves;
  if (!background) asked.push_back(op);
  switch (op) {
    case Op::kStatus:
      return Reply(op, Take<wire::StatusItem>(in), out);
    case Op::kHash:
      return Reply(op, Take<wire::HashItem>(in), out);
    case Op::kCreate:
      return Reply(op, Take<wire::CreateItem>(in), out);
    case Op::kRead:
      return Reply(op, Take<wire::ReadItem>(in), out);
    case Op::kReplaceBankToken:
      return Reply(op, Take<wire::ReplaceBankTokenItem>(in), out);
    case Op::kReplaceConsent:
      return Reply(op, Take<wire::ReplaceConsentItem>(in), out);
    case Op::kCommitted:
    case Op::kNotCommitted:
      return Reply(op, Take<wire::CommitItem>(in), out);
    case Op::kRevokeConsent:
      return Reply(op, Take<wire::RevokeConsentItem>(in), out);
    case Op::kEraseLink:
      return Reply(op, Take<wire::EraseLinkItem>(in), out);
    case Op::kEraseSubject:
      return Reply(op, Take<wire::EraseSubjectItem>(in), out);
    case Op::kIssue:
      return Reply(op, Take<wire::IssueItem>(in), out);
    case Op::kLocate:
      return Reply(op, Take<wire::LocateItem>(in), out);
    case Op::kRedeem:
      return Reply(op, Take<wire::RedeemItem>(in), out);
    case Op::kIntrospect:
      return Reply(op, Take<wire::IntrospectItem>(in), out);
    case Op::kRevokeToken:
      return Reply(op, Take<wire::RevokeTokenItem>(in), out);
    case Op::kKeys:
      return Reply(op, Take<wire::KeysItem>(in), out);
    case Op::kWork:
      return Reply(op, Take<wire::WorkItem>(in), out);
    case Op::kRewrap:
      return Reply(op, Take<wire::RewrapItem>(in), out);
    case Op::kSettle:
      return Reply(op, Take<wire::SettleItem>(in), out);
    case Op::kDrained:
      return Reply(op, Take<wire::DrainedItem>(in), out);
    case Op::kAdopted:
      return Reply(op, Take<wire::AdoptedItem>(in), out);
    case Op::kTags:
      return Reply(op, Take<wire::TagsItem>(in), out);
    case Op::kLeaves:
      return Reply(op, Take<wire::LeavesItem>(in), out);
    case Op::kBury:
      return Reply(op, Take<wire::BuryItem>(in), out);
    case Op::kHistory:
      return Reply(op, Take<wire::HistoryItem>(in), out);
  }
  FAIL() << "an unknown op " << static_cast<int>(op);
}

}  // namespace coffer::gate
