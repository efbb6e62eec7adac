// Budgets and the brake: how many distinct links a caller may ask tokens for,
// for one purpose, in a UTC hour and day, and how many tokens a second. Runs in
// the keeper; pure but for its tables, the clock is passed in. Refuses what a
// window has no room for, and goes on with the links that it counted already.
//
// Counts are exact: one entry for each link of a budget, with the last hour in
// which it was counted. The owner makes each first count of a window, each trip
// and each release durable as a change in the journal; replaying them over a
// later snapshot changes nothing. A budget is known by a keyed hash of its
// caller's and purpose's names, so that a policy without them, and one that has
// them again, change no count.
//
//   budgets := count u16 | budget* | count u32 | (key 16 | budget u16 | hour
//              u32)*                            in the state's body
//   budget  := tag 16 | brake (of the hour) | brake (of the day)
//   brake   := window u32 | releases u32 | counted u32 | tripped_at u64
#pragma once

#include "crypto/secret_key.h"
#include "vault/keeper/state_table.h"
#include "vault/wire/operator_limits.h"

namespace coffer::keeper {

inline constexpr size_t kBudgetWindows = 2;  // hour, day
// Beyond the policy's: whose names went while their windows last.
inline constexpr size_t kBudgetRowsMax = 2 * base::kBudgetsMax;
inline constexpr size_t kBudgetEntryBytes = 16 + 2 + 4;
inline constexpr size_t kBudgetRowBytes = 16 + 2 * (4 + 4 + 4 + 8);
inline constexpr size_t kBudgetsBytesMax =
    2 + kBudgetRowsMax * kBudgetRowBytes + 4 +
    base::kBudgetLinksMax * kBudgetEntryBytes;

// --- Changes, for the journal

// A link was counted for the first time in this hour.
struct BudgetCount {
  base::ByteArray<16> tag{};  // of the budget
  base::ByteArray<16> key{};  // the link's id XOR the tag
  uint32_t hour = 0;          // since the epoch

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.tag);
    coder.Fixed(self.key);
    coder.Number(self.hour);
  }
};
// What a brake has come to in its window. Every number only rises.
struct BrakeState {
  uint32_t window = 0;      // hours or days since the epoch
  uint32_t releases = 0;    // each gives the window its limit once more
  uint32_t counted = 0;     // links, when it tripped last
  uint64_t tripped_at = 0;  // 0: it did not

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.window);
    coder.Number(self.releases);
    coder.Number(self.counted);
    coder.Number(self.tripped_at);
  }
};
struct BrakeChange {
  base::ByteArray<16> tag{};
  wire::BudgetWindow window = wire::BudgetWindow::kHour;
  BrakeState state;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.tag);
    coder.Number(self.window);
    coder.Struct(self.state);
  }
};

// Resource: its tables, of which only what is used is ever touched.
class Budgets {
 public:
  Budgets();

  // --- Policy
  // kFull when the tables have no room for its budgets: too many names went
  // today. Then nothing has changed.
  base::Status Prepare(const wire::Policy& policy,
                       const crypto::IndexKey& index_key, uint64_t now);
  // Puts the limits that were prepared last in force.
  void Bind(uint64_t boot_milliseconds);

  // --- Issue
  struct Wish {
    size_t caller = 0;  // places in the policy
    size_t purpose = 0;
    wire::LinkId link{};
    uint64_t now = 0;
    uint64_t boot_milliseconds = 0;
  };
  struct Spent {
    wire::Rule rule = wire::Rule::kAllowed;
    bool counted = false;  // `count` is to be made durable
    bool tripped = false;  // `brake` is to be made durable
    BudgetCount count;
    BrakeChange brake;
  };
  // Takes one token, or says which limit refuses it. For what everything else
  // has allowed.
  Spent Spend(const Wish& wish);

  // --- Operators
  // Brakes that hold now, and refusals since this process started.
  uint32_t Holding(uint64_t now) const;
  uint64_t refusals() const { return refusals_; }
  // From a place in the rows on, which stay while their windows last.
  void List(const wire::Policy& policy, uint64_t now, uint32_t from,
            wire::BrakeListAnswer& answer) const;
  struct Released {
    size_t caller = 0;
    size_t purpose = 0;
    uint32_t counted = 0;
    BrakeChange brake;
  };
  // kNotFound when no such brake holds.
  base::Status Release(const wire::BrakeId& id, uint64_t now, Released& out);
  // The clock was put back: what was counted later is counted now, so that
  // nothing is given twice and no window outlasts its length.
  void PutBack(uint64_t now);

  // --- State
  void Encode(base::Encoder& encoder, uint64_t now) const;
  base::Status Decode(base::Decoder& decoder);
  // kFull when the tables cannot hold it.
  base::Status Replay(const BudgetCount& count);
  base::Status Replay(const BrakeChange& change);
  void Clear();

  size_t links() const { return table_.size(); }

 private:
  using Tag = base::ByteArray<16>;
  static constexpr uint16_t kNone = 0xffff;
  static_assert(kBudgetRowsMax < kNone);

  // No initialisers, so that unused ones are never touched.
  struct Entry {
    base::ByteArray<16> key;
    uint32_t hour;
    uint16_t row;
  };
  struct Brake {
    BrakeState state;
    uint64_t refused = 0;  // since the window began here
  };
  struct Row {
    Tag tag{};
    bool used = false;
    bool bound = false;  // the policy has it; else `limits` are of before
    uint16_t caller = 0;
    uint16_t purpose = 0;
    wire::BudgetLimits limits;
    uint32_t entries = 0;  // in the table, stale ones too
    uint32_t hour = 0;     // the last in which something was counted
    uint32_t counted[kBudgetWindows]{};  // in that hour, and in its day
    Brake brakes[kBudgetWindows];
    uint64_t level = 0;  // of the bucket, in thousandths of a token
    uint64_t filled_at = 0;
  };
  struct Next {
    Tag tag{};
    uint16_t caller = 0;
    uint16_t purpose = 0;
    wire::BudgetLimits limits;
  };

  uint16_t FindRow(const Tag& tag) const;
  uint16_t AddRow(const Tag& tag);
  bool IsFree(const Row& row) const;
  bool IsNext(const Tag& tag) const;
  bool IsStale(const Entry& entry) const;
  void Reclaim();
  void Advance(uint32_t hour);
  static void Roll(Row& row, uint32_t hour);
  static void CountIn(Row& row, const Entry* before, uint32_t hour);
  bool Insert(const Tag& key, uint16_t row, uint32_t hour);
  bool HasToken(Row& row, uint64_t boot_milliseconds) const;
  bool Refuses(const Row& row, size_t window, const Entry* entry,
               uint32_t hour) const;
  void Refuse(Row& row, size_t window, uint64_t now, Spent& spent);
  bool Holds(const Row& row, size_t window, uint32_t hour) const;

  StateTable<Entry, base::kBudgetLinksMax> table_;
  std::unique_ptr<Row[]> rows_;
  size_t rows_size_ = 0;  // of those ever used
  std::unique_ptr<Next[]> next_;
  size_t next_size_ = 0;
  uint16_t places_[base::kCallersMax][base::kPurposesMax];
  uint32_t hour_ = 0;            // the latest seen
  uint32_t reclaimed_hour_ = 0;  // once an hour at most, and at a day's change
  uint64_t refusals_ = 0;
};

}  // namespace coffer::keeper
