// coffer-keeper: the process that holds the keys. Started by cofferd with the
// descriptors of InheritedFd and nothing else; see docs/design.md.

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/random.h"
#include "crypto/self_test.h"
#include "vault/keeper/loop.h"
#include "vault/os/keeper_cage.h"

namespace coffer::keeper {
namespace {

constexpr size_t kSpareSlots = 64;  // beyond the keyring's keys
constexpr size_t kHeapReserveBytes = 256 * 1024;

int Refuse(const base::Error& error) {
  LogLine(error.message);
  return 1;
}

bool InheritedAll() {
  struct stat status;
  for (int fd = kBatchFd; fd <= kUnsealFd; ++fd) {
    if (fstat(fd, &status) != 0) return false;
  }
  return true;
}

// The launcher ends this process by closing the channel, never by a signal
// that a terminal or an init system sends to the whole group. A limit on file
// sizes (SIGXFSZ) is a write that failed, and is answered as one.
void IgnoreSignals() {
  for (int number : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGXFSZ}) {
    signal(number, SIG_IGN);
  }
}

// The vault stays sealed, and can be opened by an operator, whatever comes.
void UnsealAtStart(SlotService& slots) {
  base::Status opened = slots.UnsealFrom(kUnsealFd);
  if (!opened.ok()) LogLine(opened.error().message);
  close(kUnsealFd);
}

int RunKeeper() {
  IgnoreSignals();
  if (!InheritedAll()) {
    LogLine("started by hand? cofferd starts this program");
    return 2;
  }
  base::Status ready = crypto::Initialise();
  if (!ready.ok()) return Refuse(ready.error());
  ready = os::PrepareKeeperHeap(kHeapReserveBytes);
  if (!ready.ok()) return Refuse(ready.error());
  auto arena = base::SecretArena::Create(base::kKeysMax + kSpareSlots);
  if (!arena.ok()) return Refuse(arena.error());
  os::FileDescriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  os::FileDescriptor event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

  base::SystemClock clock;
  SystemFileOps files;
  Journal journal(files, kJournalAFd, kJournalBFd, event.get());
  StateFile state_file(files, kStateFd);
  Vault vault(clock, **arena, journal, state_file);
  Connections connections;
  PendingWrites pending;
  OpenedLink opened(**arena);
  SealedLink sealed(**arena);
  Operation::Shared shared{vault, connections, pending, opened, sealed};
  KeyService keys(vault);
  SlotService slots(vault);
  OperatorCommands commands(shared, journal, keys, slots,
                            !os::SeccompIsLeftOut());
  OperatorService operators(connections, commands);
  Loop loop({journal, connections, shared, operators, commands, keys},
            epoll.get(), event.get());

  const crypto::SelfTestReport report = crypto::RunSelfTests(**arena);
  if (!report.passed()) {
    LogLine("a self-test of the cryptography failed; see `coffer status`");
  }
  ready = vault.Start(report);
  if (ready.ok()) ready = loop.Prepare();
  if (ready.ok()) UnsealAtStart(slots);
  // Landlock binds one thread and what it starts, so it comes before the sync
  // thread; seccomp is put on both.
  if (ready.ok()) ready = os::EnterKeeperFiles();
  if (ready.ok()) ready = journal.StartThread();
  if (ready.ok()) ready = os::EnterKeeperSyscalls();
  if (!ready.ok()) return Refuse(ready.error());
  if (os::SeccompIsLeftOut()) {
    LogLine("built with sanitizers: runs without its seccomp cage");
  }
  const int code = loop.Run();
  (*arena)->WipeAll();
  // The sync thread cannot be joined inside the cage; the process ends whole.
  _exit(code);
}

}  // namespace
}  // namespace coffer::keeper

int main() { return coffer::keeper::RunKeeper(); }
