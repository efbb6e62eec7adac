// Latencies in buckets of 3% width, from 1 ns to 2^40 ns, without allocation
// while it counts. Part of the load generator.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace coffer::bench {

class Histogram {
 public:
  static constexpr int kStepBits = 5;  // 32 buckets to a power of two
  static constexpr uint64_t kSteps = uint64_t{1} << kStepBits;
  static constexpr size_t kBuckets = (40 - kStepBits + 1) * kSteps;

  void Add(uint64_t nanoseconds) {
    ++counts_[BucketOf(nanoseconds)];
    ++total_;
  }
  uint64_t total() const { return total_; }
  uint64_t count(size_t bucket) const { return counts_[bucket]; }

  // The middle of the bucket in which the given share (0 to 1) is reached.
  double QuantileMicroseconds(double share) const {
    if (total_ == 0) return 0;
    uint64_t wanted =
        static_cast<uint64_t>(share * static_cast<double>(total_));
    if (wanted >= total_) wanted = total_ - 1;
    uint64_t seen = 0;
    for (size_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen > wanted) return LowerNanoseconds(i) * 1.015 / 1000;
    }
    return LowerNanoseconds(kBuckets - 1) / 1000;
  }

  static size_t BucketOf(uint64_t nanoseconds) {
    if (nanoseconds < kSteps) return nanoseconds;
    int width = static_cast<int>(std::bit_width(nanoseconds));
    if (width > 40) return kBuckets - 1;
    int shift = width - kStepBits - 1;
    return (static_cast<size_t>(shift) + 1) * kSteps +
           ((nanoseconds >> shift) & (kSteps - 1));
  }
  static double LowerNanoseconds(size_t bucket) {
    if (bucket < kSteps) return static_cast<double>(bucket);
    size_t shift = bucket / kSteps - 1;
    return static_cast<double>((kSteps + bucket % kSteps) << shift);
  }

 private:
  std::array<uint64_t, kBuckets> counts_{};
  uint64_t total_ = 0;
};

}  // namespace coffer::bench
