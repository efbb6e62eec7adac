// What a well-meaning cache in front of the daemon would do: answers a redeem
// that went well again from memory, for a while. The linearizability harness
// has to catch it. For tests only.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "vault/os/descriptor.h"

namespace coffer::hostile {

class CachingProxy {
 public:
  CachingProxy(std::string path, std::string daemon,
               std::chrono::milliseconds kept);
  ~CachingProxy();
  CachingProxy(const CachingProxy&) = delete;
  CachingProxy& operator=(const CachingProxy&) = delete;

  uint64_t hits() const { return hits_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Kept {
    std::string answer;
    Clock::time_point until;
  };

  void Accept();
  void Serve(os::FileDescriptor client);
  bool FromMemory(const std::string& request, std::string& answer);

  const std::string daemon_;
  const std::chrono::milliseconds kept_;
  os::FileDescriptor listener_;
  std::atomic<uint64_t> hits_ = 0;
  std::mutex mutex_;
  std::map<std::string, Kept> memory_;
  std::vector<std::thread> serving_;
  std::thread accepting_;
};

}  // namespace coffer::hostile
