// The operator socket's questions about budgets, brakes and whole groups of
// tokens; see operator_message.h for the frames.
#pragma once

#include "vault/wire/operator_message.h"

namespace coffer::wire {

// --- kBrakeList: what tripped and still holds
enum class BudgetWindow : uint8_t { kHour = 1, kDay = 2 };
std::string_view BudgetWindowText(BudgetWindow window);  // "hour"
// Names a brake for `brake release`: of caller, purpose and window.
using BrakeId = ByteArray<6>;
struct BrakeRow {
  BrakeId id{};
  std::string_view caller;
  std::string_view purpose;
  BudgetWindow window = BudgetWindow::kHour;
  uint32_t limit = 0;     // of distinct links in the window
  uint32_t releases = 0;  // each gave the window that limit once more
  uint32_t counted = 0;   // in the window so far
  uint64_t refused = 0;   // since it tripped or the keeper's start
  uint64_t tripped_at = 0;
  uint64_t ends_at = 0;  // with its window, by itself

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.id);
    coder.Text(self.caller, base::kNameBytesMax);
    coder.Text(self.purpose, base::kNameBytesMax);
    coder.Number(self.window);
    coder.Number(self.limit);
    coder.Number(self.releases);
    coder.Number(self.counted);
    coder.Number(self.refused);
    coder.Number(self.tripped_at);
    coder.Number(self.ends_at);
  }
};
struct BrakeListQuestion {
  uint32_t from = 0;  // `next` of the answer before

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.from);
  }
};
struct BrakeListAnswer {
  uint32_t next = 0;  // 0: these are the last
  base::BoundedList<BrakeRow, base::kBrakeRowsMax> rows;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.next);
    coder.Structs(self.rows);
  }
};

// --- kBrakeRelease: gives the window its limit once more
struct BrakeQuestion {
  BrakeId id{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.id);
  }
};

// --- kRevokeTokens: one floor ends every token there is of the name; the name
// need not be in the policy any more.
enum class TokenGroup : uint8_t {
  kCaller = 1,  // that it was issued to
  kPurpose = 2,
  kInstitution = 3,
};
struct RevokeTokensQuestion {
  TokenGroup group = TokenGroup::kCaller;
  std::string_view name;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.group);
    coder.Text(self.name, base::kNameBytesMax);
  }
};

}  // namespace coffer::wire
