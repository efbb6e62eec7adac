// Turns a list of permitted system calls into a seccomp BPF program. Built by
// hand, so that the keeper links no library for it; a test holds the program
// against an independent one. The program refuses (kills the process for)
// every call that is not listed, every other architecture, and the x32 calls.
#pragma once

#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <span>

#include "crypto/base/result.h"

namespace coffer::os {

// One argument's condition. Only the low 32 bits are looked at: the arguments
// we limit are ints and flag words, of which the kernel uses no more.
struct ArgumentRule {
  enum class Kind : uint8_t { kAny, kEqual, kWithoutBits };

  Kind kind = Kind::kAny;
  uint8_t index = 0;   // 0 to 5
  uint32_t value = 0;  // the value, or the bits that must be zero
};

constexpr ArgumentRule Equal(uint8_t index, uint32_t value) {
  return {ArgumentRule::Kind::kEqual, index, value};
}
constexpr ArgumentRule WithoutBits(uint8_t index, uint32_t bits) {
  return {ArgumentRule::Kind::kWithoutBits, index, bits};
}

// A call is allowed when one rule of its number holds with all its conditions.
struct SyscallRule {
  uint32_t number;
  const char* reason;  // why this process needs the call
  std::array<ArgumentRule, 2> arguments{};
};

inline constexpr size_t kFilterInstructionsMax = 1024;

// Room for one program; `size` instructions are in use.
struct SeccompFilter {
  std::array<sock_filter, kFilterInstructionsMax> code;
  uint16_t size = 0;
};

// kTooLarge when the list does not fit.
base::Status BuildSeccompFilter(std::span<const SyscallRule> rules,
                                SeccompFilter& filter);

}  // namespace coffer::os
