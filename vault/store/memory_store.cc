#include "vault/store/memory_store.h"

#include <algorithm>

#include "vault/store/rows.h"

namespace coffer::store {
namespace {

using base::Code;
using base::Fail;
using Tables = MemoryStore::Tables;

std::vector<uint8_t> Owned(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

bool IsOf(const LinkBytes& parts, std::string_view institution) {
  auto head = wire::DecodeRecordHead(parts.head);
  return head.ok() && head->institution == institution;
}

bool HasState(const Tables& tables, std::string_view name, Bytes value) {
  const auto found = tables.state.find(name);
  return found != tables.state.end() && base::Equal(found->second, value);
}

// Writes to a copy of everything.
class MemoryBatch final : public WriteBatch {
 public:
  explicit MemoryBatch(const Tables& tables) : tables_(tables) {}

  Status PutLink(const LinkId& link, Bytes head, Bytes wrap,
                 Bytes token_box) override {
    auto fields = CheckLinkParts(link, head, wrap, token_box);
    if (!fields.ok()) return fields.error();
    tables_.links[link] = {Owned(head), Owned(wrap), Owned(token_box)};
    return {};
  }
  Status EraseLink(const LinkId& link) override {
    tables_.links.erase(link);
    return {};
  }
  Result<bool> ReplaceWrap(std::string_view institution, const LinkId& link,
                           Bytes expected, Bytes fresh) override {
    auto move = CheckWrapMove(expected, fresh);
    if (!move.ok()) return move.error();
    if (!Has(institution, link, expected)) return false;
    tables_.links[link].wrap = Owned(fresh);
    return true;
  }
  Result<bool> EraseDead(std::string_view institution, const LinkId& link,
                         Bytes expected) override {
    if (!Has(institution, link, expected)) return false;
    tables_.links.erase(link);
    return true;
  }
  Status PutIdempotency(const IdempotencyHash& key,
                        const IdempotencyEntry& entry) override {
    tables_.idempotency[key] = entry;
    return {};
  }
  Status SweepIdempotency(uint64_t now, size_t most) override {
    size_t left = most;
    for (auto at = tables_.idempotency.begin();
         at != tables_.idempotency.end() && left > 0;) {
      const bool ended = at->second.expires_at < now;
      if (ended) --left;
      at = ended ? tables_.idempotency.erase(at) : std::next(at);
    }
    return {};
  }
  Status PutUse(const UseKey& key, Bytes leaf) override {
    if (leaf.empty() || leaf.size() > base::kLeafBytesMax) {
      return Fail(Code::kInvalid, "store: not a leaf");
    }
    tables_.uses[Owned(UseRowKey(key).view())] = Owned(leaf);
    return {};
  }
  Status SweepUses(uint32_t day, size_t most) override {
    const auto end =
        tables_.uses.lower_bound(Owned(UseRowKey({day, {}, 0}).view()));
    auto at = tables_.uses.begin();
    for (; at != end && most > 0; --most) at = tables_.uses.erase(at);
    return {};
  }
  Status ClearUses() override {
    tables_.uses.clear();
    return {};
  }
  Status PutHistory(Bytes row) override {
    auto fields = CheckHistory(row);
    if (!fields.ok()) return fields.error();
    const RowKey key =
        HistoryRowKey(fields->subject, {fields->link, fields->leaf});
    tables_.history[Owned(key.view())] = Owned(row);
    return {};
  }
  Status SweepHistory(uint64_t now, size_t most) override {
    for (auto at = tables_.history.begin();
         at != tables_.history.end() && most > 0;) {
      const bool ended = CheckHistory(at->second)->keep_until < now;
      if (ended) --most;
      at = ended ? tables_.history.erase(at) : std::next(at);
    }
    return {};
  }
  Status PutState(std::string_view name, Bytes value) override {
    COFFER_TRY(CheckStateName(name));
    tables_.state[std::string(name)] = Owned(value);
    return {};
  }

  Tables& tables() { return tables_; }

 private:
  bool Has(std::string_view institution, const LinkId& link, Bytes wrap) const {
    const auto found = tables_.links.find(link);
    return found != tables_.links.end() && IsOf(found->second, institution) &&
           base::Equal(found->second.wrap, wrap);
  }

  Tables tables_;
};

}  // namespace

Result<LinkBytes> MemoryStore::GetLink(const LinkId& link,
                                       bool with_token_box) {
  const auto found = tables_.links.find(link);
  if (found == tables_.links.end()) return LinkBytes{};
  LinkBytes parts = found->second;
  if (!with_token_box) parts.token_box.clear();
  return parts;
}

Result<std::vector<LinkId>> MemoryStore::SubjectLinks(
    const SubjectHash& subject, const LinkId& after, size_t most) {
  std::vector<LinkId> links;
  for (auto at = tables_.links.upper_bound(after);
       at != tables_.links.end() && links.size() < most; ++at) {
    auto head = wire::DecodeRecordHead(at->second.head);
    if (head.ok() && head->subject == subject) links.push_back(at->first);
  }
  return links;
}

Result<IdempotencyEntry> MemoryStore::GetIdempotency(const IdempotencyHash& key,
                                                     uint64_t now) {
  const auto found = tables_.idempotency.find(key);
  if (found == tables_.idempotency.end() || found->second.expires_at < now) {
    return Fail(Code::kNotFound, "store: no such idempotency key");
  }
  return found->second;
}

Result<std::vector<Use>> MemoryStore::Uses(const UseKey& from, size_t most) {
  std::vector<Use> uses;
  for (auto at = tables_.uses.lower_bound(Owned(UseRowKey(from).view()));
       at != tables_.uses.end() && uses.size() < most; ++at) {
    auto key = DecodeUseKey(at->first);
    if (key->day != from.day || key->tag != from.tag) break;
    uses.push_back({key->index, at->second});
  }
  return uses;
}

Result<std::vector<HistoryBytes>> MemoryStore::History(
    const SubjectHash& subject, const HistoryKey& after, size_t most) {
  std::vector<HistoryBytes> rows;
  const RowKey start = HistoryRowKey(subject, after);
  for (auto at = tables_.history.upper_bound(Owned(start.view()));
       at != tables_.history.end() && rows.size() < most; ++at) {
    if (!base::Equal(Bytes(at->first).first(subject.size()), subject)) break;
    rows.push_back({HistoryKeyOf(at->first), at->second});
  }
  return rows;
}

Result<std::vector<ExpiredLink>> MemoryStore::ExpiredLinks(
    uint64_t now, const ExpiredLink& after, size_t most) {
  std::vector<std::pair<uint64_t, LinkId>> ended;
  for (const auto& [link, parts] : tables_.links) {
    const uint64_t at = wire::DecodeRecordHead(parts.head)->expires_at;
    const auto one = std::pair(at, link);
    if (at <= now && one > std::pair(after.expires_at, after.link)) {
      ended.push_back(one);
    }
  }
  std::sort(ended.begin(), ended.end());
  if (ended.size() > most) ended.resize(most);
  std::vector<ExpiredLink> links;
  for (const auto& [at, link] : ended) links.push_back({at, link});
  return links;
}

Result<std::vector<uint8_t>> MemoryStore::GetState(std::string_view name) {
  COFFER_TRY(CheckStateName(name));
  const auto found = tables_.state.find(name);
  if (found == tables_.state.end()) return std::vector<uint8_t>{};
  return found->second;
}

Result<uint64_t> MemoryStore::CountLinks() {
  return uint64_t{tables_.links.size()};
}

Result<std::vector<wire::KekCount>> MemoryStore::CountWraps() {
  std::map<wire::KeyId, uint64_t> counts;
  for (const auto& [link, parts] : tables_.links) {
    ++counts[wire::DecodeWrap(parts.wrap)->kek];
  }
  std::vector<wire::KekCount> out;
  for (const auto& [kek, links] : counts) out.push_back({kek, links});
  return out;
}

Status MemoryStore::WalkWraps(std::string_view institution, const LinkId& after,
                              size_t most, WrapPage& page) {
  page.rows.clear();
  page.bytes.clear();
  page.last = true;
  for (auto at = tables_.links.upper_bound(after); at != tables_.links.end();
       ++at) {
    if (!IsOf(at->second, institution)) continue;
    if (page.rows.size() == most) {
      page.last = false;
      break;
    }
    const auto& wrap = at->second.wrap;
    page.rows.push_back({at->first, static_cast<uint32_t>(page.bytes.size()),
                         static_cast<uint16_t>(wrap.size())});
    page.bytes.insert(page.bytes.end(), wrap.begin(), wrap.end());
  }
  page.count = page.rows.size();
  return {};
}

Status MemoryStore::Commit(const std::function<Status(WriteBatch&)>& fill) {
  MemoryBatch batch(tables_);
  COFFER_TRY(fill(batch));
  const auto failure = std::exchange(failure_, std::nullopt);
  if (!failure || failure->written) tables_ = std::move(batch.tables());
  if (failure) return failure->error;
  return {};
}

Status MemoryStore::Adopt(const VaultId& vault, const StoreDigest& digest) {
  const auto matches = [&](const Tables& tables) {
    return HasState(tables, kVaultIdRow, vault) &&
           HasState(tables, kIncomingRow, digest);
  };
  if (!incoming_) {
    if (matches(tables_)) return {};
    return Fail(Code::kNotFound, "store: none lies ready to be adopted");
  }
  if (!matches(*incoming_)) {
    return Fail(Code::kConflict, "store: the one that lies ready is another");
  }
  tables_ = std::move(*incoming_);
  incoming_.reset();
  if (std::exchange(fail_adopt_, false)) {
    return Fail(Code::kUnreachable, "store: not yet safe");
  }
  return {};
}

void MemoryStore::FailNextCommit(base::Error error, bool written) {
  failure_ = Failure{error, written};
}

}  // namespace coffer::store
