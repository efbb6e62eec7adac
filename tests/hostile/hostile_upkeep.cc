// What the liar says and asks of its store.
#include "tests/hostile/hostile_liar.h"

namespace coffer::hostile {

using wire::Op;

bool Liar::MakeRewrap() {
  wire::RewrapItem item;
  item.institution = kInstitutions[Below(2)];
  const uint64_t rows = 1 + Below(16);
  for (uint64_t i = 0; i < rows; ++i) {
    VersionPointer version = AnyVersion();
    if (version == nullptr) return false;
    wire::RewrapRow row;
    row.link = version->link;
    row.wrap =
        Part(version->wraps[Below(version->wraps.size())],
             [](const Version& other) -> Bytes { return other.wraps.back(); });
    item.rows.push_back(row);
  }
  return Encode(Op::kRewrap, item);
}

bool Liar::MakeUpkeep(Op op) {
  if (op == Op::kWork) {
    auto item = std::make_unique<wire::WorkItem>();
    item->counted = Chance(80);
    for (const wire::KeyId& kek : keks_) {
      item->counts.push_back({kek, Chance(50) ? 0 : Below(5000)});
    }
    return Encode(op, *item);
  }
  lied_ = true;
  if (op == Op::kAdopted) {
    wire::AdoptedItem item;
    item.adopted = Chance(70);
    return Encode(op, item);
  }
  wire::DrainedItem item;
  item.institution = kInstitutions[Below(3)];
  if (!keks_.empty()) item.kek = keks_[Below(keks_.size())];
  return Encode(op, item);
}

bool Liar::MakeEraseSubject() {
  text_.clear();
  wire::EraseSubjectItem item;
  const std::string subject = "subject-" + std::to_string(Below(5000));
  const std::string caller = live.contains("self") ? "self"
                             : Chance(30)          ? "auditor"
                             : Chance(30)          ? "signer"
                                                   : "linker";
  item.connection = As(caller);
  item.subject = subject;
  item.links = static_cast<uint32_t>(Below(3));
  for (uint64_t rows = Below(20); rows > 0; --rows) {
    VersionPointer version = AnyVersion();
    if (version == nullptr) break;
    if (Chance(50) && rows > 1) text_ = version->subject;
    item.rows.push_back(
        {version->link, kInstitutions[version->institution],
         Part(version->wraps.back(), [](const Version& other) -> Bytes {
           return other.wraps.back();
         })});
  }
  if (!text_.empty()) item.subject = text_;
  wire::ConsentStatement said;
  said.subject = item.subject;
  item.signed_consent = Sign(caller, said);
  return Encode(Op::kEraseSubject, item);
}

bool Liar::MakeHistory() {
  const auto& past = model_.past();
  if (past.empty()) return false;
  const Past& one = past[Below(past.size())];
  wire::HistoryItem item;
  item.connection = As(
      Chance(30) && live.contains("auditor") ? "auditor" : one.version->linker);
  item.history = one.bytes;
  if (Chance(10)) item.history = Spoilt(item.history);
  return Encode(Op::kHistory, item);
}

bool Liar::MakeLeaves() {
  wire::LeavesItem item;
  const auto& tokens = model_.tokens();
  if (!tokens.empty()) item.from = tokens[Below(tokens.size())]->leaf;
  if (Chance(5)) item.from = random_();
  return Encode(wire::Op::kLeaves, item);
}

}  // namespace coffer::hostile
