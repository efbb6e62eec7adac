// What an operation leaves on the stack: it runs on a thread whose stack is
// ours to search afterwards. Of no use under a sanitizer, which keeps its own
// frames.
#pragma once

#include <pthread.h>

#include <cstdlib>
#include <cstring>
#include <functional>

#include "crypto/base/bytes.h"

namespace coffer {

inline constexpr size_t kStackBytes = 2 << 20;

// Runs the operation far down, where the thread's own end does not reach and
// wipe out what we look for.
[[gnu::noinline]] inline void RunDeep(const std::function<void()>& operation) {
  uint8_t above[64 * 1024];
  asm volatile("" : : "r"(above) : "memory");
  operation();
  asm volatile("" : : "r"(above) : "memory");
}

// The number of places on the stack that hold 8 bytes of `secret`.
inline size_t Residue(base::Bytes secret,
                      const std::function<void()>& operation) {
  void* stack = nullptr;
  COFFER_CHECK(posix_memalign(&stack, 4096, kStackBytes) == 0);
  std::memset(stack, 0x11, kStackBytes);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, kStackBytes);
  pthread_t thread;
  auto run = [](void* argument) -> void* {
    RunDeep(*static_cast<const std::function<void()>*>(argument));
    return nullptr;
  };
  COFFER_CHECK(pthread_create(&thread, &attributes, run,
                              const_cast<std::function<void()>*>(&operation)) ==
               0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  size_t hits = 0;
  const uint8_t* bytes = static_cast<const uint8_t*>(stack);
  for (size_t i = 0; i + 8 <= secret.size(); ++i) {
    const uint8_t* at = bytes;
    while ((at = static_cast<const uint8_t*>(
                memmem(at, static_cast<size_t>(bytes + kStackBytes - at),
                       secret.data() + i, 8))) != nullptr) {
      ++hits;
      ++at;
    }
  }
  free(stack);
  return hits;
}

}  // namespace coffer
