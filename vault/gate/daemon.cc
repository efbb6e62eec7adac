#include "vault/gate/daemon.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "vault/gate/launch.h"
#include "vault/gate/log.h"
#include "vault/gate/server.h"
#include "vault/os/keeper_cage.h"

namespace coffer::gate {
namespace {

constexpr int kKeeperEndMilliseconds = 10'000;

// "exit 3" or "signal 9"; empty when it still runs.
std::string KeeperEndText(os::ChildProcess& keeper) {
  auto ended = keeper.WaitIfEnded();
  if (!ended.ok() || !ended->has_value()) return "";
  const os::ExitStatus& status = **ended;
  return (status.signaled ? "signal " : "exit ") + std::to_string(status.code);
}

// Its end follows the end of the channel; `milliseconds` is the most to wait.
std::string AwaitKeeper(Launched& launched, int milliseconds) {
  epoll_event event{};
  epoll_wait(launched.end_of_keeper.get(), &event, 1, milliseconds);
  return KeeperEndText(*launched.keeper);
}

void SayReady(const Launched& launched, wire::VaultState state, int ready_fd) {
  launched.notifier.Ready();
  Log("serving; the vault is " + std::string(wire::VaultStateText(state)));
  if (ready_fd < 0) return;
  char byte = static_cast<char>('0' + static_cast<int>(state));
  ssize_t put = write(ready_fd, &byte, 1);
  static_cast<void>(put);
  close(ready_fd);
}

int StopKeeper(Launched& launched) {
  // The end of the channel tells the keeper to write its state and end.
  launched.keeper_channel.Reset();
  launched.descriptors.Reset();
  std::string end = AwaitKeeper(launched, kKeeperEndMilliseconds);
  if (end == "exit 0") return 0;
  if (end.empty()) {
    Log("the keeper did not end within 10 seconds");
  } else {
    Log("the keeper ended (" + end + ")");
  }
  return 1;
}

int ReportKeeperEnd(Launched& launched) {
  std::string end = AwaitKeeper(launched, 1000);
  if (end == "exit " + std::to_string(os::kZeroizedExit)) {
    Log("zeroized: the keeper has wiped every key and ended; no link opens "
        "again here. See docs/operating.md, \"The end\"");
    return 1;
  }
  if (end.empty()) end = "it closed its channel";
  Log("the keeper ended (" + end + ")");
  return 1;
}

}  // namespace

int RunDaemon(const api::Config& config, bool dev, int ready_fd) {
  Launched launched;
  if (!Launch(config, dev, launched)) return 1;
  base::SystemClock clock;
  Metrics metrics;
  KeeperClient keeper(launched.keeper_channel.get());
  Turn turn(keeper, *launched.store, clock, metrics);
  ServerChannels channels;
  channels.loop = launched.loop.get();
  channels.keeper = launched.keeper_channel.get();
  channels.descriptors = launched.descriptors.get();
  channels.signals = launched.signals.get();
  channels.keeper_pidfd = launched.keeper->pidfd();
  auto server = Server::Create(channels, turn, keeper, clock, metrics);
  if (!server.ok()) {
    if (server.error().code == base::Code::kUnreachable) {
      return ReportKeeperEnd(launched);
    }
    LogError("cannot serve", server.error());
    return 1;
  }
  ServerEnd end = ServerEnd::kRunning;
  while (end == ServerEnd::kRunning && turn.status_answered() == 0) {
    end = (*server)->RunOnce(1000);
  }
  if (end == ServerEnd::kRunning) {
    SayReady(launched, turn.state(), ready_fd);
    end = (*server)->Run();
  }
  switch (end) {
    case ServerEnd::kKeeperEnded:
      return ReportKeeperEnd(launched);
    case ServerEnd::kBroken:
      Log(std::string("stopping: ") + (*server)->fault());
      return 1;
    case ServerEnd::kRunning:
    case ServerEnd::kStopped:
      break;
  }
  launched.notifier.Stopping();
  server->reset();
  return StopKeeper(launched);
}

}  // namespace coffer::gate
