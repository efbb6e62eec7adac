// Our filter against libseccomp's for the same list: both run in a small
// interpreter of BPF over every call number and the argument values that
// matter, and must agree. Then what the kernel takes.
#include "vault/os/seccomp_filter.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "vault/os/gate_cage.h"
#include "vault/os/keeper_cage.h"

namespace coffer::os {
namespace {

using Program = std::vector<sock_filter>;

// The return value of `program` for `data`; nothing for what the interpreter
// does not know.
std::optional<uint32_t> Interpret(const Program& program,
                                  const seccomp_data& data) {
  uint32_t accumulator = 0;
  uint32_t memory[BPF_MEMWORDS] = {};
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    bool holds = false;
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (step.k + 4 > sizeof data) return std::nullopt;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + step.k,
                    4);
        continue;
      case BPF_LD | BPF_MEM:
        accumulator = memory[step.k];
        continue;
      case BPF_ST:
        memory[step.k] = accumulator;
        continue;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= step.k;
        continue;
      case BPF_RET | BPF_K:
        return step.k;
      case BPF_JMP | BPF_JA:
        at += step.k;
        continue;
      case BPF_JMP | BPF_JEQ | BPF_K:
        holds = accumulator == step.k;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        holds = accumulator >= step.k;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        holds = accumulator > step.k;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        holds = (accumulator & step.k) != 0;
        break;
      default:
        return std::nullopt;
    }
    at += holds ? step.jt : step.jf;
  }
  return std::nullopt;
}

Program Ours(std::span<const SyscallRule> rules) {
  SeccompFilter filter;
  EXPECT_TRUE(BuildSeccompFilter(rules, filter).ok());
  return {filter.code.begin(), filter.code.begin() + filter.size};
}

Program Libseccomps(std::span<const SyscallRule> rules) {
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
  EXPECT_NE(context, nullptr);
  seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  for (const SyscallRule& rule : rules) {
    scmp_arg_cmp conditions[2];
    unsigned count = 0;
    for (const ArgumentRule& argument : rule.arguments) {
      if (argument.kind == ArgumentRule::Kind::kAny) continue;
      bool equal = argument.kind == ArgumentRule::Kind::kEqual;
      conditions[count++] = {argument.index, SCMP_CMP_MASKED_EQ,
                             equal ? 0xffffffffull : argument.value,
                             equal ? argument.value : 0ull};
    }
    int added = seccomp_rule_add_array(context, SCMP_ACT_ALLOW,
                                       static_cast<int>(rule.number), count,
                                       conditions);
    EXPECT_TRUE(added == 0 || added == -EEXIST) << rule.number;
  }
  int file = memfd_create("filter", MFD_CLOEXEC);
  EXPECT_EQ(seccomp_export_bpf(context, file), 0);
  seccomp_release(context);
  Program program(static_cast<size_t>(lseek(file, 0, SEEK_END)) /
                  sizeof(sock_filter));
  EXPECT_EQ(
      pread(file, program.data(), program.size() * sizeof(sock_filter), 0),
      static_cast<ssize_t>(program.size() * sizeof(sock_filter)));
  close(file);
  return program;
}

#if defined(__x86_64__)
constexpr uint32_t kOurs = AUDIT_ARCH_X86_64;
#else
constexpr uint32_t kOurs = AUDIT_ARCH_AARCH64;
#endif

// How many of the cases the two programs judge alike; the rest are failures.
size_t Compare(std::span<const SyscallRule> rules) {
  Program ours = Ours(rules);
  Program theirs = Libseccomps(rules);
  std::vector<uint64_t> values = {0, 1, 4, 7, 0x100000000, 0xffffffffffffffff};
  for (const SyscallRule& rule : rules) {
    for (const ArgumentRule& argument : rule.arguments) {
      values.push_back(argument.value);
      values.push_back(argument.value + 1ull);
      values.push_back(argument.value | 0xabcd00000000ull);
    }
  }
  size_t cases = 0;
  for (uint32_t arch :
       {kOurs, uint32_t{AUDIT_ARCH_I386}, uint32_t{AUDIT_ARCH_ARM}, 0u}) {
    for (uint32_t base : {0u, 0x40000000u, 0x80000000u}) {
      for (uint32_t number = 0; number < 600; ++number) {
        for (uint64_t value : values) {
          seccomp_data data = {};
          data.nr = static_cast<int>(base + number);
          data.arch = arch;
          for (auto& argument : data.args) argument = value;
          auto a = Interpret(ours, data);
          auto b = Interpret(theirs, data);
          EXPECT_TRUE(a.has_value() && b.has_value());
          bool alike = a == b;
          EXPECT_TRUE(alike) << "call " << data.nr << " value " << value;
          if (alike) ++cases;
        }
      }
    }
  }
  return cases;
}

TEST(SeccompFilter, AgreesWithLibseccompOnTheKeepersList) {
  std::printf("%zu cases judged alike\n", Compare(KeeperSyscalls()));
}

TEST(SeccompFilter, AgreesWithLibseccompOnTheGatesList) {
  std::printf("%zu cases judged alike\n", Compare(GateSyscalls()));
}

TEST(SeccompFilter, AgreesOnTwoConditionsOfOneCall) {
  const SyscallRule rules[] = {
      {5, "first", {Equal(0, 7), WithoutBits(2, 4)}},
      {5, "second", {WithoutBits(0, 1), Equal(1, 4)}},
      {9, "plain"},
  };
  Compare(rules);
}

TEST(SeccompFilter, AnEmptyListPermitsNothing) {
  Program program = Ours({});
  for (uint32_t number = 0; number < 600; ++number) {
    seccomp_data data = {};
    data.nr = static_cast<int>(number);
    data.arch = kOurs;
    EXPECT_EQ(Interpret(program, data), uint32_t{SECCOMP_RET_KILL_PROCESS});
  }
}

TEST(SeccompFilter, RefusesAListThatDoesNotFit) {
  std::vector<SyscallRule> rules(kFilterInstructionsMax, {1, "again"});
  SeccompFilter filter;
  auto built = BuildSeccompFilter(rules, filter);
  ASSERT_FALSE(built.ok());
  EXPECT_EQ(built.error().code, base::Code::kTooLarge);
}

}  // namespace
}  // namespace coffer::os
