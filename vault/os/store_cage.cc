#include "vault/os/store_cage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "vault/os/descriptor.h"

namespace coffer::os {

using base::Code;
using base::Fail;

namespace {

constexpr rlim_t kDescriptorsMax = 32;

constexpr SyscallRule kSyscalls[] = {
    // The parent.
    {SYS_read, "rows from the parent"},
    {SYS_sendto, "rows to the parent, without SIGPIPE"},
    {SYS_close, "the store's files"},

    // Memory; never executable.
    {SYS_brk, "the heap"},
    {SYS_mmap, "large blocks and the store", {WithoutBits(2, PROT_EXEC)}},
    {SYS_munmap, "large blocks and the store"},
    {SYS_mremap, "large blocks that grow"},
    {SYS_madvise, "the store is read at random; free memory goes back"},

    // The store, beneath its directory (Landlock).
    {SYS_openat, "the store's files"},
    {SYS_newfstatat, "sizes and owners of files"},
    {SYS_fstat, "sizes of files"},
    {SYS_lseek, "LMDB, before a write at a place"},
    {SYS_pread64, "LMDB's meta pages"},
    {SYS_pwrite64, "LMDB's pages"},
    {SYS_pwritev, "LMDB's pages"},
    {SYS_writev, "LMDB's pages"},
    {SYS_write, "LMDB's pages"},
    {SYS_fdatasync, "a commit"},
    {SYS_fsync, "a new file and its directory"},
    {SYS_ftruncate, "LMDB's files when made"},
    {SYS_fstatfs, "LMDB asks for the file system when it opens"},
    {SYS_uname, "LMDB asks for the kernel's version when it opens"},
    {SYS_fcntl, "LMDB's locks", {Equal(1, F_SETLK)}},
    {SYS_fcntl, "LMDB's locks", {Equal(1, F_SETLKW)}},
    {SYS_fcntl, "LMDB's locks", {Equal(1, F_GETLK)}},
    {SYS_fcntl, "close-on-exec on LMDB's files", {Equal(1, F_GETFD)}},
    {SYS_fcntl, "close-on-exec on LMDB's files", {Equal(1, F_SETFD)}},

    // The C library.
    {SYS_futex, "LMDB's mutexes"},
    {SYS_clock_gettime, "time, where the vDSO has no clock to offer"},
    {SYS_getrandom, "the C library's hash seeds"},
    {SYS_getpid, "LMDB's reader table"},
    {SYS_gettid, "LMDB's reader table; abort"},
    {SYS_geteuid, "whether what is made is the owner's already"},
    {SYS_rt_sigaction, "faults in the map are caught"},
    {SYS_rt_sigprocmask, "abort"},
    {SYS_rt_sigreturn, "returning from a signal"},
    {SYS_restart_syscall, "a wait goes on after a stop"},
    {SYS_exit_group, "the process's end"},
};

constexpr SyscallRule kBuilding[] = {
#ifdef SYS_rename
    {SYS_mkdir, "the place of the new store"},
    {SYS_rename, "the new store when it is whole"},
    {SYS_unlink, "what was not finished"},
    {SYS_rmdir, "the place of the new store"},
#else
    {SYS_mkdirat, "the place of the new store"},
    {SYS_renameat, "the new store when it is whole"},
    {SYS_unlinkat, "what was not finished, and its place"},
#endif
};

base::Status EnterFiles(StoreUse use, const char* store_directory) {
  if (use == StoreUse::kBuilds) {
    const PathRule rules[] = {
        {store_directory, kPathRead | kPathWrite | kPathChange}};
    return ApplyLandlock(rules);
  }
  // LMDB's table of readers, there before the directory is for reading alone.
  const std::string lock = std::string(store_directory) + "/lock.mdb";
  const FileDescriptor made(open(lock.c_str(),
                                 O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                                 S_IRUSR | S_IWUSR));
  if (!made.valid()) return Fail(Code::kIo, "store: lock.mdb cannot be opened");
  const PathRule rules[] = {{store_directory, kPathRead},
                            {lock.c_str(), kPathRead | kPathWrite}};
  return ApplyLandlock(rules);
}

}  // namespace

std::vector<SyscallRule> StoreSyscalls(StoreUse use) {
  std::vector<SyscallRule> rules(std::begin(kSyscalls), std::end(kSyscalls));
  if (use == StoreUse::kBuilds) {
    rules.insert(rules.end(), std::begin(kBuilding), std::end(kBuilding));
  }
  rules.push_back({SYS_tgkill,
                   "abort ends this process itself",
                   {Equal(0, static_cast<uint32_t>(getpid()))}});
  return rules;
}

base::Status EnterStoreCage(StoreUse use, const char* store_directory) {
  COFFER_TRY(HardenProcess());
  const rlimit few = {kDescriptorsMax, kDescriptorsMax};
  if (setrlimit(RLIMIT_NOFILE, &few) != 0) {
    return Fail(Code::kIo, "cannot bound the descriptors");
  }
  COFFER_TRY(EnterFiles(use, store_directory));
  return ApplySeccomp(StoreSyscalls(use), true);
}

}  // namespace coffer::os
