#include "vault/store/fault_guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store_test_support.h"

namespace coffer::store {
namespace {

constexpr size_t kMapBytes = 4096;

// A mapped file that was cut to nothing: reading it is SIGBUS.
const volatile uint8_t* MapNothing() {
  char name[] = "/tmp/coffer-guard-XXXXXX";
  const int fd = mkstemp(name);
  COFFER_CHECK(fd >= 0);
  unlink(name);
  void* map = mmap(nullptr, kMapBytes, PROT_READ, MAP_SHARED, fd, 0);
  COFFER_CHECK(map != MAP_FAILED);
  close(fd);
  return static_cast<const volatile uint8_t*>(map);
}
// Pages that may not be read: SIGSEGV.
const volatile uint8_t* MapForbidden() {
  void* map =
      mmap(nullptr, kMapBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  COFFER_CHECK(map != MAP_FAILED);
  return static_cast<const volatile uint8_t*>(map);
}
AddressRange RangeOf(const volatile uint8_t* map) {
  const auto begin = reinterpret_cast<uintptr_t>(map);
  return {begin, begin + kMapBytes};
}

TEST(FaultGuard, ReturnsWhatTheCallReturns) {
  EXPECT_EQ(Guarded({}, [] { return 17; }), 17);
}

TEST(FaultGuard, AFaultInTheMapIsAResultEveryTime) {
#ifdef __SANITIZE_THREAD__
  // Its own handler blocks every signal, and leaving it by a jump keeps it so.
  GTEST_SKIP() << "skipped: the thread sanitizer handles faults itself";
#endif
  InstallFaultGuard();
  const volatile uint8_t* nothing = MapNothing();
  const volatile uint8_t* forbidden = MapForbidden();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Guarded(RangeOf(nothing), [=] { return int{nothing[9]}; }),
              kMapFault);
    EXPECT_EQ(Guarded(RangeOf(forbidden), [=] { return int{forbidden[9]}; }),
              kMapFault);
  }
  EXPECT_EQ(Guarded({}, [] { return 17; }), 17);
}

TEST(FaultGuard, AFileCutShortIsAFaultWhereverItIsMapped) {
  InstallFaultGuard();
  const volatile uint8_t* nothing = MapNothing();
  EXPECT_EQ(Guarded({1, 2}, [=] { return int{nothing[0]}; }), kMapFault);
}

TEST(FaultGuard, OnlyTheInnermostCallEnds) {
  InstallFaultGuard();
  const volatile uint8_t* nothing = MapNothing();
  EXPECT_EQ(Guarded({},
                    [=] {
                      const int inner =
                          Guarded({}, [=] { return int{nothing[0]}; });
                      return inner == kMapFault ? 5 : 6;
                    }),
            5);
}

TEST(FaultGuard, AFailedAssertionEndsTheCall) {
  EXPECT_EQ(Guarded({},
                    [] {
                      FaultNow();
                      return 1;
                    }),
            kMapFault);
  FaultNow();  // no call: nothing
}

#ifndef COFFER_SANITIZED
TEST(FaultGuard, AFaultElsewhereStillEndsTheProcess) {
  InstallFaultGuard();
  const volatile uint8_t* forbidden = MapForbidden();
  const volatile uint8_t* nothing = MapNothing();
  EXPECT_EQ(RunInChild([=] {
              return Guarded({1, 2}, [=] { return int{forbidden[0]}; });
            }),
            128 + SIGSEGV);
  EXPECT_EQ(RunInChild([=] { return int{forbidden[0]}; }), 128 + SIGSEGV);
  EXPECT_EQ(RunInChild([=] { return int{nothing[0]}; }), 128 + SIGBUS);
}

TEST(FaultGuard, ASentSignalIsNoFault) {
  InstallFaultGuard();
  EXPECT_EQ(RunInChild([] {
              return Guarded({}, [] {
                raise(SIGBUS);
                raise(SIGBUS);
                return 0;
              });
            }),
            128 + SIGBUS);
}
#endif

}  // namespace
}  // namespace coffer::store
