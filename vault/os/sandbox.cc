#include "vault/os/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "vault/os/descriptor.h"

namespace coffer::os {

using base::Code;
using base::Fail;

namespace {

// The kernel's interface by version (Documentation/userspace-api/landlock.rst);
// Debian 12's header stops at version 2, so what came later stands here.
constexpr uint64_t kRefer = LANDLOCK_ACCESS_FS_REFER;  // version 2
constexpr uint64_t kTruncate = 1ull << 14;             // version 3
constexpr uint64_t kTcpBindAndConnect = 3;             // version 4
constexpr uint64_t kIoctlDevice = 1ull << 15;          // version 5
constexpr uint64_t kAbstractSocketAndSignal = 3;       // version 6
constexpr uint64_t kVersion1 = (1ull << 13) - 1;

struct RulesetAttributes {
  uint64_t files;
  uint64_t network;  // version 4
  uint64_t scoped;   // version 6
};

constexpr uint64_t kReadBits =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWriteBits = LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
constexpr uint64_t kChangeBits =
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | kRefer;
// What a rule on a single file may carry.
constexpr uint64_t kFileBits = LANDLOCK_ACCESS_FS_READ_FILE | kWriteBits;

base::Status AddPathRule(int ruleset, const PathRule& rule, uint64_t handled) {
  FileDescriptor place(open(rule.path, O_PATH | O_CLOEXEC));
  struct stat found = {};
  if (!place.valid() || fstat(place.get(), &found) < 0) {
    return Fail(Code::kIo, "cannot open a path of the Landlock rules");
  }
  uint64_t access = 0;
  if (rule.access & kPathRead) access |= kReadBits;
  if (rule.access & kPathWrite) access |= kWriteBits;
  if (rule.access & kPathChange) access |= kChangeBits;
  if (!S_ISDIR(found.st_mode)) access &= kFileBits;
  landlock_path_beneath_attr beneath = {};
  beneath.allowed_access = access & handled;
  beneath.parent_fd = place.get();
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
              &beneath, 0) < 0) {
    return Fail(Code::kIo, "the kernel refused a Landlock rule");
  }
  return {};
}

}  // namespace

base::Status HardenProcess() {
  rlimit no_core = {0, 0};
  if (setrlimit(RLIMIT_CORE, &no_core) < 0) {
    return Fail(Code::kIo, "cannot forbid core dumps");
  }
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
      prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) {
    return Fail(Code::kIo, "cannot make the process non-dumpable");
  }
  // Yama's exception list; without Yama there is none to clear.
  if (prctl(PR_SET_PTRACER, 0, 0, 0, 0) < 0 && errno != EINVAL) {
    return Fail(Code::kIo, "cannot clear the permitted debugger");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
    return Fail(Code::kIo, "cannot set no_new_privs");
  }
  return {};
}

int LandlockVersion() {
  long version = syscall(SYS_landlock_create_ruleset, nullptr, 0,
                         LANDLOCK_CREATE_RULESET_VERSION);
  return version < 0 ? 0 : static_cast<int>(version);
}

base::Status ApplyLandlock(std::span<const PathRule> rules) {
  int version = LandlockVersion();
  if (version == 0) {
    return errno == EOPNOTSUPP
               ? Fail(Code::kUnreachable,
                      "Landlock is not enabled in this kernel (add it to lsm= "
                      "at boot)")
               : Fail(Code::kUnreachable, "this kernel has no Landlock");
  }
  RulesetAttributes attributes = {kVersion1, 0, 0};
  if (version >= 2) attributes.files |= kRefer;
  if (version >= 3) attributes.files |= kTruncate;
  if (version >= 5) attributes.files |= kIoctlDevice;
  size_t size = sizeof attributes.files;
  if (version >= 4) {
    attributes.network = kTcpBindAndConnect;
    size += sizeof attributes.network;
  }
  if (version >= 6) {
    attributes.scoped = kAbstractSocketAndSignal;
    size += sizeof attributes.scoped;
  }
  FileDescriptor ruleset(static_cast<int>(
      syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  if (!ruleset.valid()) {
    return Fail(Code::kIo, "the kernel refused a Landlock ruleset");
  }
  for (const PathRule& rule : rules) {
    COFFER_TRY(AddPathRule(ruleset.get(), rule, attributes.files));
  }
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) < 0) {
    return Fail(Code::kIo, "the kernel refused to apply Landlock");
  }
  return {};
}

base::Status ApplySeccomp(std::span<const SyscallRule> rules,
                          bool all_threads) {
  if (SeccompIsLeftOut()) return {};
  SeccompFilter filter;
  COFFER_TRY(BuildSeccompFilter(rules, filter));
  sock_fprog program = {filter.size, filter.code.data()};
  unsigned flags = all_threads ? SECCOMP_FILTER_FLAG_TSYNC : 0;
  long done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (done > 0) {
    return Fail(Code::kIo, "a thread could not take the seccomp filter");
  }
  if (done < 0) {
    return errno == ENOSYS || errno == EINVAL
               ? Fail(Code::kUnreachable, "this kernel has no seccomp filters")
               : Fail(Code::kIo, "the kernel refused the seccomp filter");
  }
  return {};
}

bool SeccompIsLeftOut() {
#if defined(COFFER_SANITIZED)
  return true;
#else
  return false;
#endif
}

}  // namespace coffer::os
