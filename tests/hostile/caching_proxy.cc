#include "tests/hostile/caching_proxy.h"

#include <sys/socket.h>
#include <unistd.h>

#include "tests/hostile/caller_client.h"
#include "vault/os/listen.h"

namespace coffer::hostile {

CachingProxy::CachingProxy(std::string path, std::string daemon,
                           std::chrono::milliseconds kept)
    : daemon_(std::move(daemon)), kept_(kept) {
  os::ListenOptions options;
  options.path = path.c_str();
  options.mode = 0600;
  options.owner = geteuid();
  options.group = getegid();
  auto listening = os::ListenAt(options);
  COFFER_CHECK(listening.ok());
  listener_ = std::move(listening).value();
  COFFER_CHECK(os::SetNonBlocking(listener_.get(), false).ok());
  accepting_ = std::thread([this] { Accept(); });
}

CachingProxy::~CachingProxy() {
  shutdown(listener_.get(), SHUT_RDWR);
  accepting_.join();
  for (std::thread& thread : serving_) thread.join();
}

void CachingProxy::Accept() {
  for (;;) {
    os::FileDescriptor client(
        accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client.valid()) return;
    serving_.emplace_back([this, moved = std::move(client)]() mutable {
      Serve(std::move(moved));
    });
  }
}

bool CachingProxy::FromMemory(const std::string& request, std::string& answer) {
  std::lock_guard lock(mutex_);
  auto found = memory_.find(request);
  if (found == memory_.end()) return false;
  if (Clock::now() > found->second.until) {
    memory_.erase(found);
    return false;
  }
  answer = found->second.answer;
  return true;
}

void CachingProxy::Serve(os::FileDescriptor client) {
  os::FileDescriptor daemon = ConnectUnix(daemon_);
  MessageReader from_client(client.get()), from_daemon(daemon.get());
  std::string head, body, answer_head, answer_body, answer;
  while (from_client.Read(head, body)) {
    const bool redeems = head.starts_with("POST /v1/redeem ");
    if (redeems && FromMemory(body, answer)) {
      ++hits_;
    } else {
      if (!WriteAll(daemon.get(), head + body)) return;
      if (!from_daemon.Read(answer_head, answer_body)) return;
      answer = answer_head + answer_body;
      if (redeems && answer.starts_with("HTTP/1.1 200 ")) {
        std::lock_guard lock(mutex_);
        memory_.try_emplace(body, Kept{answer, Clock::now() + kept_});
      }
    }
    if (!WriteAll(client.get(), answer)) return;
  }
}

}  // namespace coffer::hostile
