// The program, one block a rule, tried in order:
//
//   load arch;  if it is not ours, kill
//   load number;  on x86-64: if it has the x32 bit, kill
//   rule without conditions:   if number != N skip 1;  allow
//   rule with conditions:      if number != N skip the block
//                              load argument;  if it fails go to reload
//                              ... allow;  reload: load number
//   kill

#include "vault/os/seccomp_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cstddef>

namespace coffer::os {

using base::Code;
using base::Fail;

namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the seccomp filter knows x86-64 and aarch64 only"
#endif

constexpr uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr uint16_t kJumpIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr uint16_t kJumpIfBits = BPF_JMP | BPF_JSET | BPF_K;
constexpr uint16_t kReturn = BPF_RET | BPF_K;

// Where the low half of an argument stands; both architectures are
// little-endian.
constexpr uint32_t ArgumentOffset(uint8_t index) {
  return static_cast<uint32_t>(offsetof(seccomp_data, args)) + 8u * index;
}

class Assembler {
 public:
  explicit Assembler(SeccompFilter& filter) : filter_(filter) {
    filter_.size = 0;
  }

  void Add(uint16_t code, uint32_t operand, uint8_t if_true = 0,
           uint8_t if_false = 0) {
    if (filter_.size == filter_.code.size()) {
      full_ = true;
      return;
    }
    filter_.code[filter_.size++] = {code, if_true, if_false, operand};
  }
  void LoadNumber() { Add(kLoad, offsetof(seccomp_data, nr)); }
  void Rule(const SyscallRule& rule);
  bool full() const { return full_; }

 private:
  SeccompFilter& filter_;
  bool full_ = false;
};

void Assembler::Rule(const SyscallRule& rule) {
  uint8_t conditions = 0;
  for (const ArgumentRule& argument : rule.arguments) {
    if (argument.kind != ArgumentRule::Kind::kAny) ++conditions;
  }
  if (conditions == 0) {
    Add(kJumpIfEqual, rule.number, 0, 1);
    Add(kReturn, SECCOMP_RET_ALLOW);
    return;
  }
  // Two instructions a condition, then allow and reload.
  Add(kJumpIfEqual, rule.number, 0, static_cast<uint8_t>(2 * conditions + 2));
  for (const ArgumentRule& argument : rule.arguments) {
    if (argument.kind == ArgumentRule::Kind::kAny) continue;
    --conditions;
    // From a failed condition: over the others and over allow, to reload.
    uint8_t to_reload = static_cast<uint8_t>(2 * conditions + 1);
    Add(kLoad, ArgumentOffset(argument.index));
    if (argument.kind == ArgumentRule::Kind::kEqual) {
      Add(kJumpIfEqual, argument.value, 0, to_reload);
    } else {
      Add(kJumpIfBits, argument.value, to_reload, 0);
    }
  }
  Add(kReturn, SECCOMP_RET_ALLOW);
  LoadNumber();
}

}  // namespace

base::Status BuildSeccompFilter(std::span<const SyscallRule> rules,
                                SeccompFilter& filter) {
  Assembler assembler(filter);
  assembler.Add(kLoad, offsetof(seccomp_data, arch));
  assembler.Add(kJumpIfEqual, kArchitecture, 1, 0);
  assembler.Add(kReturn, SECCOMP_RET_KILL_PROCESS);
  assembler.LoadNumber();
#if defined(__x86_64__)
  constexpr uint32_t kX32Bit = 0x40000000;
  assembler.Add(kJumpIfBits, kX32Bit, 0, 1);
  assembler.Add(kReturn, SECCOMP_RET_KILL_PROCESS);
#endif
  for (const SyscallRule& rule : rules) assembler.Rule(rule);
  assembler.Add(kReturn, SECCOMP_RET_KILL_PROCESS);
  if (assembler.full()) {
    return Fail(Code::kTooLarge, "the seccomp list does not fit");
  }
  return {};
}

}  // namespace coffer::os
