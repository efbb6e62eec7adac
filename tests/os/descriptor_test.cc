#include "vault/os/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "tests/os/test_support.h"

namespace coffer::os {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

TEST(FileDescriptor, ClosesAtItsEndAndLeavesErrno) {
  int number = dup(1);
  {
    FileDescriptor owned(number);
    EXPECT_TRUE(IsOpen(number));
    errno = 77;
  }
  EXPECT_EQ(errno, 77);
  EXPECT_FALSE(IsOpen(number));
}

TEST(FileDescriptor, MovesAndNeverClosesTwice) {
  FileDescriptor first(dup(1));
  int number = first.get();
  FileDescriptor second(std::move(first));
  EXPECT_EQ(second.get(), number);
  FileDescriptor third(dup(1));
  int closed = third.get();
  third = std::move(second);
  EXPECT_FALSE(IsOpen(closed));
  EXPECT_EQ(third.Release(), number);
  EXPECT_FALSE(third.valid());
  EXPECT_TRUE(IsOpen(number));
  close(number);
}

TEST(Descriptor, FullReadAndWriteCrossASmallPipe) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  std::vector<uint8_t> sent(300000);
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<uint8_t>(i);
  std::vector<uint8_t> got(sent.size());
  std::thread other([&] { EXPECT_TRUE(WriteFull(writer.get(), sent).ok()); });
  EXPECT_TRUE(ReadFull(reader.get(), got).ok());
  other.join();
  EXPECT_EQ(got, sent);
}

TEST(Descriptor, AnEarlyEndIsUnreachable) {
  auto pair = MakeStreamPair();
  ASSERT_TRUE(pair.ok());
  ASSERT_TRUE(WriteFull(pair->here.get(), base::AsBytes("ab")).ok());
  pair->here.Reset();
  uint8_t three[3];
  auto status = ReadFull(pair->there.get(), three);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, base::Code::kUnreachable);
  // No SIGPIPE either: this test would end here.
  status = WriteFull(pair->there.get(), three);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, base::Code::kUnreachable);
}

TEST(Descriptor, FlagsAreSetAndCleared) {
  FileDescriptor fd(dup(0));
  ASSERT_TRUE(SetCloseOnExec(fd.get(), true).ok());
  EXPECT_EQ(fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  ASSERT_TRUE(SetCloseOnExec(fd.get(), false).ok());
  EXPECT_EQ(fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  auto pair = MakeStreamPair();
  ASSERT_TRUE(SetNonBlocking(pair->here.get(), true).ok());
  char byte;
  EXPECT_EQ(read(pair->here.get(), &byte, 1), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_FALSE(SetNonBlocking(-1, true).ok());
}

TEST(Descriptor, ADuplicateIsClosedOnExec) {
  auto copy = Duplicate(1);
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(fcntl(copy->get(), F_GETFD), FD_CLOEXEC);
  EXPECT_FALSE(Duplicate(-1).ok());
}

}  // namespace
}  // namespace coffer::os
