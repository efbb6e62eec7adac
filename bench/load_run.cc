#include "bench/load_run.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <deque>

#include "bench/load_http.h"

namespace coffer::bench {

namespace {

constexpr uint64_t kGraceNanoseconds = 5'000'000'000;  // for the last answers
constexpr size_t kReadBytes = 256 * 1024;

uint64_t Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000ull +
         static_cast<uint64_t>(now.tv_nsec);
}

double ProcessSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int Connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -1;
  std::memcpy(address.sun_path, path.data(), path.size());
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

struct Connection {
  int fd = -1;
  bool waits_to_write = false;
  std::string out;
  size_t out_sent = 0;
  std::string in;
  std::vector<uint64_t> started;  // ring of send times, `depth` of them
  size_t first = 0;
  uint32_t in_flight = 0;
};

class Runner {
 public:
  Runner(const LoadOptions& options, RequestMaker& maker,
         const std::string& save_field, LoadReport& report)
      : options_(options),
        maker_(maker),
        save_field_(save_field),
        report_(report) {}
  ~Runner() {
    for (Connection& c : connections_) {
      if (c.fd >= 0) close(c.fd);
    }
    if (epoll_ >= 0) close(epoll_);
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  bool Open();
  void Run();

 private:
  bool SendingIsOver(uint64_t now) const {
    return now >= stop_at_ ||
           (options_.count_max != 0 && sent_ >= options_.count_max);
  }
  uint64_t ScheduledAt(uint64_t number) const {
    return started_at_ + static_cast<uint64_t>(static_cast<double>(number) *
                                               1e9 / options_.rate);
  }
  void SendDue(uint64_t now);
  void Put(Connection& c, uint64_t start);
  void Flush(Connection& c);
  void Readable(Connection& c);
  void TakeAnswer(Connection& c, std::string_view answer, size_t body_bytes,
                  uint64_t now);
  void Refill(Connection& c, uint64_t now);
  void Drop(Connection& c, const char* why);
  void Error(std::string_view what);
  int Wait(epoll_event* events, int events_max, uint64_t now);

  const LoadOptions& options_;
  RequestMaker& maker_;
  const std::string& save_field_;
  LoadReport& report_;
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::deque<uint32_t> free_;  // connections with room; fixed rate only
  std::vector<uint32_t> touched_;
  std::vector<char> buffer_ = std::vector<char>(kReadBytes);
  uint64_t started_at_ = 0;
  uint64_t measure_from_ = 0;
  uint64_t stop_at_ = 0;
  uint64_t last_answer_at_ = 0;
  uint64_t sent_ = 0;
  uint64_t in_flight_ = 0;
  uint32_t open_ = 0;
};

bool Runner::Open() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  connections_.resize(options_.connections);
  for (uint32_t i = 0; i < options_.connections; ++i) {
    Connection& c = connections_[i];
    c.fd = Connect(options_.socket);
    if (c.fd < 0) {
      std::fprintf(stderr, "load_generator: cannot connect to %s: %s\n",
                   options_.socket.c_str(), std::strerror(errno));
      return false;
    }
    c.started.resize(options_.depth);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = i;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
  }
  open_ = options_.connections;
  return true;
}

void Runner::Error(std::string_view what) {
  ++report_.errors;
  if (report_.first_error.empty()) report_.first_error = what.substr(0, 600);
}

void Runner::Drop(Connection& c, const char* why) {
  if (c.fd < 0) return;
  for (uint32_t i = 0; i < c.in_flight; ++i) Error(why);
  if (c.in_flight == 0) Error(why);
  in_flight_ -= c.in_flight;
  c.in_flight = 0;
  close(c.fd);
  c.fd = -1;
  --open_;
}

// `start` is when the request leaves or was meant to.
void Runner::Put(Connection& c, uint64_t start) {
  maker_.Append(c.out);
  c.started[(c.first + c.in_flight) % options_.depth] = start;
  ++c.in_flight;
  ++in_flight_;
  ++sent_;
}

void Runner::Flush(Connection& c) {
  while (c.fd >= 0 && c.out_sent < c.out.size()) {
    ssize_t n = send(c.fd, c.out.data() + c.out_sent, c.out.size() - c.out_sent,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return Drop(c, "the other end hung up");
    if (n < 0) break;
    c.out_sent += static_cast<size_t>(n);
  }
  if (c.fd < 0) return;
  bool left = c.out_sent < c.out.size();
  if (!left) {
    c.out.clear();
    c.out_sent = 0;
  }
  if (left != c.waits_to_write) {
    epoll_event event{};
    event.events = left ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.u32 = static_cast<uint32_t>(&c - connections_.data());
    epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
    c.waits_to_write = left;
  }
}

void Runner::TakeAnswer(Connection& c, std::string_view answer,
                        size_t body_bytes, uint64_t now) {
  uint64_t start = c.started[c.first];
  c.first = (c.first + 1) % options_.depth;
  --c.in_flight;
  --in_flight_;
  ++report_.requests_total;
  last_answer_at_ = now;
  int status = StatusOf(answer);
  std::string_view body = answer.substr(answer.size() - body_bytes);
  bool good = status >= 200 && status < 300;
  if (good && options_.kind == Kind::kBatch) {
    good = body.find("\"error\"") == std::string_view::npos;
  }
  if (options_.rate > 0) {
    free_.push_back(static_cast<uint32_t>(&c - connections_.data()));
  }
  if (!good) return Error(answer);
  if (now >= measure_from_ && now <= stop_at_) {
    ++report_.requests;
    report_.latency.Add(now > start ? now - start : 0);
  }
  if (!save_field_.empty()) {
    std::string_view text = TextField(body, save_field_);
    if (!text.empty()) report_.saved.emplace_back(text);
  }
}

// Fixed rate: sends all that is due while a connection has room. What finds no
// room stays due, and its latency counts from its own time.
void Runner::SendDue(uint64_t now) {
  touched_.clear();
  while (!SendingIsOver(now) && ScheduledAt(sent_) <= now && !free_.empty()) {
    uint32_t index = free_.front();
    free_.pop_front();
    Connection& c = connections_[index];
    if (c.fd < 0) continue;
    Put(c, ScheduledAt(sent_));
    touched_.push_back(index);
  }
  for (uint32_t index : touched_) Flush(connections_[index]);
}

// Closed loop: the next requests of this connection.
void Runner::Refill(Connection& c, uint64_t now) {
  if (c.fd < 0) return;
  while (c.in_flight < options_.depth && !SendingIsOver(now)) Put(c, now);
  Flush(c);
}

void Runner::Readable(Connection& c) {
  ssize_t n = recv(c.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return Drop(c, "the other end hung up");
  uint64_t now = Now();
  std::string_view bytes(buffer_.data(), static_cast<size_t>(n));
  if (!c.in.empty()) {
    c.in.append(bytes);
    bytes = c.in;
  }
  size_t used = 0;
  while (used < bytes.size()) {
    size_t body_bytes = 0;
    size_t size = WholeMessage(bytes.substr(used), &body_bytes);
    if (size == 0) break;
    if (c.in_flight == 0) return Drop(c, "an answer to nothing");
    TakeAnswer(c, bytes.substr(used, size), body_bytes, now);
    used += size;
  }
  c.in = std::string(bytes.substr(used));
  if (options_.rate == 0) Refill(c, now);
}

int Runner::Wait(epoll_event* events, int events_max, uint64_t now) {
  uint64_t until = stop_at_ + kGraceNanoseconds;
  if (options_.rate > 0 && !SendingIsOver(now) && !free_.empty()) {
    until = ScheduledAt(sent_);
  }
  uint64_t left = until > now ? until - now : 0;
  timespec timeout{};
  timeout.tv_sec = static_cast<time_t>(left / 1000000000);
  timeout.tv_nsec = static_cast<long>(left % 1000000000);
  return epoll_pwait2(epoll_, events, events_max, &timeout, nullptr);
}

void Runner::Run() {
  double cpu_before = ProcessSeconds();
  started_at_ = Now();
  measure_from_ =
      started_at_ + static_cast<uint64_t>(options_.warmup_seconds * 1e9);
  stop_at_ = measure_from_ + static_cast<uint64_t>(options_.seconds * 1e9);
  if (options_.rate > 0) {
    prctl(PR_SET_TIMERSLACK, 1000ul);
    for (uint32_t d = 0; d < options_.depth; ++d) {
      for (uint32_t i = 0; i < options_.connections; ++i) free_.push_back(i);
    }
  } else {
    for (Connection& c : connections_) Refill(c, started_at_);
  }
  epoll_event events[64];
  for (;;) {
    uint64_t now = Now();
    if (options_.rate > 0) SendDue(now);
    if (open_ == 0 || (in_flight_ == 0 && SendingIsOver(now))) break;
    if (now > stop_at_ + kGraceNanoseconds) break;
    int n = Wait(events, 64, now);
    for (int i = 0; i < n; ++i) {
      Connection& c = connections_[events[i].data.u32];
      if (c.fd >= 0 && (events[i].events & EPOLLOUT) != 0) Flush(c);
      if (c.fd >= 0 && (events[i].events & ~uint32_t{EPOLLOUT}) != 0) {
        Readable(c);
      }
    }
  }
  for (uint64_t i = 0; i < in_flight_; ++i) Error("no answer");
  uint64_t end = last_answer_at_ < stop_at_ ? last_answer_at_ : stop_at_;
  if (end > measure_from_) {
    report_.seconds = static_cast<double>(end - measure_from_) / 1e9;
  }
  report_.cpu_seconds = ProcessSeconds() - cpu_before;
}

}  // namespace

bool RunLoad(const LoadOptions& options, RequestMaker& maker,
             const std::string& save_field, LoadReport& report) {
  Runner runner(options, maker, save_field, report);
  if (!runner.Open()) return false;
  runner.Run();
  return true;
}

}  // namespace coffer::bench
