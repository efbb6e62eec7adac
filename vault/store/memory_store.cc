#include "vault/store/memory_store.h"

#include "vault/store/rows.h"

namespace coffer::store {
namespace {

using base::Code;
using base::Fail;
using Tables = MemoryStore::Tables;

std::vector<uint8_t> Owned(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

// Checks at once, writes when the batch is applied.
class MemoryBatch final : public WriteBatch {
 public:
  Status PutLink(const LinkId& link, Bytes head, Bytes wrap,
                 Bytes token_box) override {
    auto fields = CheckLinkParts(link, head, wrap, token_box);
    if (!fields.ok()) return fields.error();
    LinkBytes parts{Owned(head), Owned(wrap), Owned(token_box)};
    writes_.push_back(
        [link, parts](Tables& tables) { tables.links[link] = parts; });
    return {};
  }
  Status EraseLink(const LinkId& link) override {
    writes_.push_back([link](Tables& tables) { tables.links.erase(link); });
    return {};
  }
  Status PutIdempotency(const IdempotencyHash& key,
                        const IdempotencyEntry& entry) override {
    writes_.push_back(
        [key, entry](Tables& tables) { tables.idempotency[key] = entry; });
    return {};
  }
  Status SweepIdempotency(uint64_t now, size_t most) override {
    writes_.push_back([now, most](Tables& tables) {
      size_t left = most;
      for (auto at = tables.idempotency.begin();
           at != tables.idempotency.end() && left > 0;) {
        const bool ended = at->second.expires_at < now;
        if (ended) --left;
        at = ended ? tables.idempotency.erase(at) : std::next(at);
      }
    });
    return {};
  }
  Status PutState(std::string_view name, Bytes value) override {
    COFFER_TRY(CheckStateName(name));
    writes_.push_back([key = std::string(name), bytes = Owned(value)](
                          Tables& tables) { tables.state[key] = bytes; });
    return {};
  }

  void Apply(Tables& tables) const {
    for (const auto& write : writes_) write(tables);
  }

 private:
  std::vector<std::function<void(Tables&)>> writes_;
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

Result<std::vector<uint8_t>> MemoryStore::GetState(std::string_view name) {
  COFFER_TRY(CheckStateName(name));
  const auto found = tables_.state.find(name);
  if (found == tables_.state.end()) return std::vector<uint8_t>{};
  return found->second;
}

Result<uint64_t> MemoryStore::CountLinks() {
  return uint64_t{tables_.links.size()};
}

Status MemoryStore::Commit(const std::function<Status(WriteBatch&)>& fill) {
  MemoryBatch batch;
  COFFER_TRY(fill(batch));
  const auto failure = std::exchange(failure_, std::nullopt);
  if (!failure || failure->written) batch.Apply(tables_);
  if (failure) return failure->error;
  return {};
}

void MemoryStore::FailNextCommit(base::Error error, bool written) {
  failure_ = Failure{error, written};
}

}  // namespace coffer::store
