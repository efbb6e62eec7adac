#include "vault/gate/server.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "vault/os/fd_channel.h"

namespace coffer::gate {
namespace {

using base::Code;
using base::Fail;

// What an event is for: below kFirstConnection one of ours, else a slot.
enum Tag : uint64_t {
  kKeeperTag = 0,
  kDescriptorsTag = 1,
  kSignalsTag = 2,
  kPidfdTag = 3,
  kFirstConnection = 16,
};

constexpr int kWaitMost = 250;                 // milliseconds
constexpr uint64_t kStopMilliseconds = 5'000;  // for what is under way
constexpr size_t kConnectionsMax =
    base::kCallerConnectionsMax + base::kMonitorConnectionsMax;
constexpr int kRoundsMax = 8;

}  // namespace

base::Result<std::unique_ptr<Server>> Server::Create(
    const ServerChannels& channels, Turn& turn, KeeperClient& keeper,
    base::Clock& clock, Metrics& metrics) {
  std::unique_ptr<Server> server(
      new Server(channels, turn, keeper, clock, metrics));
  COFFER_TRY(
      server->Watch(channels.keeper, kKeeperTag, EPOLLIN, EPOLL_CTL_ADD));
  COFFER_TRY(server->Watch(channels.descriptors, kDescriptorsTag, EPOLLIN,
                           EPOLL_CTL_ADD));
  if (channels.signals >= 0) {
    COFFER_TRY(
        server->Watch(channels.signals, kSignalsTag, EPOLLIN, EPOLL_CTL_ADD));
  }
  if (channels.keeper_pidfd >= 0) {
    COFFER_TRY(server->Watch(channels.keeper_pidfd, kPidfdTag, EPOLLIN,
                             EPOLL_CTL_ADD));
  }
  // The keeper's state is known before the first request, if it answers soon.
  turn.AskStatus();
  COFFER_TRY(turn.Send());
  return server;
}

Server::Server(const ServerChannels& channels, Turn& turn, KeeperClient& keeper,
               base::Clock& clock, Metrics& metrics)
    : channels_(channels),
      turn_(turn),
      keeper_(keeper),
      clock_(clock),
      metrics_(metrics),
      now_(clock.BootMilliseconds()) {}

Server::~Server() {
  for (auto& connection : slots_) {
    if (connection != nullptr) Close(*connection);
  }
}

base::Status Server::Watch(int fd, uint64_t tag, uint32_t events,
                           int operation) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  if (epoll_ctl(channels_.loop, operation, fd, &event) != 0) {
    return Fail(Code::kIo, "cannot watch a descriptor");
  }
  return {};
}

ServerEnd Server::Run() {
  while (true) {
    ServerEnd end = RunOnce(kWaitMost);
    if (end != ServerEnd::kRunning) return end;
  }
}

void Server::Stop() {
  if (stopping_) return;
  stopping_ = true;
  turn_.Stop();
  now_ = clock_.BootMilliseconds();
  stop_at_ = now_ + kStopMilliseconds;
  for (auto& connection : slots_) {
    if (connection == nullptr) continue;
    connection->last_request = true;
    Touch(*connection);
  }
}

ServerEnd Server::Broken(const base::Error& error) {
  fault_ = error.message;
  return error.code == Code::kUnreachable ? ServerEnd::kKeeperEnded
                                          : ServerEnd::kBroken;
}

int Server::WaitMilliseconds(int most) const {
  if (again_) return 0;
  if (count_ > 0 || stopping_) most = std::min(most, kWaitMost);
  return static_cast<int>(turn_.Delay(static_cast<uint64_t>(most)));
}

ServerEnd Server::RunOnce(int wait_milliseconds) {
  epoll_event events[128];
  int count = epoll_wait(channels_.loop, events, 128,
                         WaitMilliseconds(wait_milliseconds));
  if (count < 0) {
    if (errno == EINTR) return ServerEnd::kRunning;
    return Broken(Fail(Code::kIo, "waiting for events failed"));
  }
  now_ = clock_.BootMilliseconds();
  bool keeper_readable = false;
  bool arrivals = false;
  for (int i = 0; i < count; ++i) {
    uint64_t tag = events[i].data.u64;
    if (tag >= kFirstConnection) {
      OnConnectionEvent(static_cast<uint32_t>(tag - kFirstConnection),
                        events[i].events);
    } else if (tag == kKeeperTag) {
      keeper_readable = (events[i].events & ~uint32_t{EPOLLOUT}) != 0;
    } else if (tag == kDescriptorsTag) {
      arrivals = true;
    } else if (tag == kSignalsTag) {
      Stop();
    } else if (tag == kPidfdTag) {
      fault_ = "the keeper's process ended";
      return ServerEnd::kKeeperEnded;
    }
  }
  if (arrivals) {
    base::Status taken = TakeArrivals();
    if (!taken.ok()) return Broken(taken.error());
  }
  return EndTurn(keeper_readable);
}

// The second half of a turn: answers, one commit, what these allow to begin,
// one batch, replies.
ServerEnd Server::EndTurn(bool keeper_readable) {
  if (keeper_readable) {
    base::Status taken = turn_.TakeAnswers();
    if (!taken.ok()) return Broken(taken.error());
  }
  Deliver();
  if (turn_.has_writes()) {
    // A kill's answer goes out, and the keeper works on, while the store syncs.
    base::Status sent = turn_.Send();
    if (!sent.ok()) return Broken(sent.error());
    Flush();
  }
  turn_.CommitWrites();
  int rounds = 0;
  do {
    again_ = false;
    Deliver();
    ProcessStalled();
    Deliver();
    base::Status sent = turn_.Send();
    if (!sent.ok()) return Broken(sent.error());
    Flush();
  } while (again_ && ++rounds < kRoundsMax);
  // Callers have their answers; the keeper works on while the store syncs.
  turn_.AskUpkeep();
  base::Status sent = turn_.Send();
  if (!sent.ok()) return Broken(sent.error());
  turn_.CommitUpkeep();
  if (keeper_.wants_write() != keeper_watched_for_write_) {
    keeper_watched_for_write_ = keeper_.wants_write();
    uint32_t events = EPOLLIN;
    if (keeper_watched_for_write_) events |= EPOLLOUT;
    base::Status watched =
        Watch(channels_.keeper, kKeeperTag, events, EPOLL_CTL_MOD);
    if (!watched.ok()) return Broken(watched.error());
  }
  CheckDeadlines();
  closed_.clear();
  for (uint32_t slot : closed_slots_) free_slots_.push_back(slot);
  closed_slots_.clear();
  if (!stopping_) return ServerEnd::kRunning;
  bool finished = count_ == 0 && keeper_.idle() && !turn_.has_writes();
  return finished || now_ >= stop_at_ ? ServerEnd::kStopped
                                      : ServerEnd::kRunning;
}

base::Status Server::TakeArrivals() {
  while (descriptors_open_) {
    wire::ByteArray<wire::kArrivalBytes> message{};
    auto received = os::ReceiveDescriptor(channels_.descriptors, message);
    if (!received.ok()) return received.error();
    if (received->outcome == os::ReceiveOutcome::kWouldBlock) return {};
    if (received->outcome == os::ReceiveOutcome::kClosed) {
      // The batch channel, or the process's end, says what that means.
      descriptors_open_ = false;
      epoll_ctl(channels_.loop, EPOLL_CTL_DEL, channels_.descriptors, nullptr);
      return {};
    }
    auto arrival = base::DecodeWhole<wire::Arrival>(message);
    if (!arrival.ok()) return arrival.error();
    RouteFlag socket = kOnCaller;
    if (arrival->socket == wire::SocketKind::kMonitor) {
      socket = kOnMonitor;
    } else if (arrival->socket != wire::SocketKind::kCaller) {
      return Fail(Code::kInvalid, "an arrival on an unknown socket");
    }
    auto connection = std::make_unique<Connection>(
        std::move(received->fd), arrival->connection, socket, now_);
    if (stopping_ || count_ == kConnectionsMax) continue;  // closes it
    uint32_t slot = 0;
    if (free_slots_.empty()) {
      slot = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      slot = free_slots_.back();
      free_slots_.pop_back();
    }
    connection->slot = slot;
    connection->events = EPOLLIN;
    COFFER_TRY(Watch(connection->fd(), kFirstConnection + slot, EPOLLIN,
                     EPOLL_CTL_ADD));
    slots_[slot] = std::move(connection);
    ++count_;
    metrics_.connections = count_;
  }
  return {};
}

void Server::UpdateEvents(Connection& connection) {
  uint32_t wanted = 0;
  if (connection.discarding) {
    wanted = EPOLLIN;
  } else {
    bool reads = !connection.input_ended && !connection.last_request &&
                 !connection.ending && !connection.stalled;
    if (reads) wanted |= EPOLLIN;
    if (!connection.output.empty()) wanted |= EPOLLOUT;
  }
  if (wanted == connection.events) return;
  if (Watch(connection.fd(), kFirstConnection + connection.slot, wanted,
            EPOLL_CTL_MOD)
          .ok()) {
    connection.events = wanted;
  }
}

void Server::Close(Connection& connection) {
  uint32_t slot = connection.slot;
  if (slots_[slot].get() != &connection) return;  // closed already
  // The keeper shares the open file, so that closing alone leaves it watched.
  epoll_ctl(channels_.loop, EPOLL_CTL_DEL, connection.fd(), nullptr);
  for (Exchange* exchange : connection.under_way) {
    exchange->connection = nullptr;
    if (exchange->done && exchange->delivered) turn_.Release(*exchange);
  }
  connection.under_way.clear();
  connection.ending = true;
  connection.stalled = false;
  closed_.push_back(std::move(slots_[slot]));
  closed_slots_.push_back(slot);
  --count_;
  metrics_.connections = count_;
}

}  // namespace coffer::gate
