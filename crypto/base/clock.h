// Where time comes from. Passed in, never global; the tests pass a fake.
#pragma once

#include <time.h>

#include <cstdint>

namespace coffer::base {

class Clock {
 public:
  virtual ~Clock() = default;
  // Seconds since the Unix epoch, as the host says it.
  virtual uint64_t WallSeconds() = 0;
  // Milliseconds since boot, suspend included; never steps (CLOCK_BOOTTIME).
  virtual uint64_t BootMilliseconds() = 0;
};

class SystemClock final : public Clock {
 public:
  uint64_t WallSeconds() override {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<uint64_t>(now.tv_sec);
  }
  uint64_t BootMilliseconds() override {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1000 +
           static_cast<uint64_t>(now.tv_nsec) / 1000000;
  }
};

class FakeClock final : public Clock {
 public:
  uint64_t WallSeconds() override { return wall_seconds; }
  uint64_t BootMilliseconds() override { return boot_milliseconds; }
  void Advance(uint64_t seconds) {
    wall_seconds += seconds;
    boot_milliseconds += seconds * 1000;
  }
  uint64_t wall_seconds = 1785542400;  // 2026-08-01T00:00:00Z
  uint64_t boot_milliseconds = 1000000;
};

}  // namespace coffer::base
