// The store in memory: what the interface means, in the plainest way; for tests
// of the code above it. Never holds data that must last. Can be told to fail.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "vault/store/store.h"

namespace coffer::store {

// Value-like, on one thread.
class MemoryStore final : public Store {
 public:
  Result<LinkBytes> GetLink(const LinkId& link, bool with_token_box) override;
  Result<std::vector<LinkId>> SubjectLinks(const SubjectHash& subject,
                                           const LinkId& after,
                                           size_t most) override;
  Result<IdempotencyEntry> GetIdempotency(const IdempotencyHash& key,
                                          uint64_t now) override;
  Result<std::vector<Use>> Uses(const UseKey& from, size_t most) override;
  Result<std::vector<HistoryBytes>> History(const SubjectHash& subject,
                                            const HistoryKey& after,
                                            size_t most) override;
  Result<std::vector<ExpiredLink>> ExpiredLinks(uint64_t now,
                                                const ExpiredLink& after,
                                                size_t most) override;
  Result<std::vector<uint8_t>> GetState(std::string_view name) override;
  Result<uint64_t> CountLinks() override;
  Result<std::vector<wire::KekCount>> CountWraps() override;
  Status WalkWraps(std::string_view institution, const LinkId& after,
                   size_t most, WrapPage& page) override;
  Status Commit(const std::function<Status(WriteBatch&)>& fill) override;
  Status Adopt(const VaultId& vault, const StoreDigest& digest) override;

  // The next commit whose fill is ok ends with `error`; `written`: though it
  // was written, as kIo allows.
  void FailNextCommit(base::Error error, bool written);
  // The next Adopt that puts a store in force says kUnreachable.
  void FailNextAdopt() { fail_adopt_ = true; }
  // Leaves a store to be adopted, as a restore does.
  void Leave(const MemoryStore& incoming) { incoming_ = incoming.tables_; }

  struct Tables {
    std::map<LinkId, LinkBytes> links;
    std::map<IdempotencyHash, IdempotencyEntry> idempotency;
    std::map<std::vector<uint8_t>, std::vector<uint8_t>> uses;     // by row key
    std::map<std::vector<uint8_t>, std::vector<uint8_t>> history;  // the same
    std::map<std::string, std::vector<uint8_t>, std::less<>> state;
  };

 private:
  struct Failure {
    base::Error error;
    bool written;
  };

  Tables tables_;
  bool fail_adopt_ = false;
  std::optional<Tables> incoming_;
  std::optional<Failure> failure_;
};

}  // namespace coffer::store
