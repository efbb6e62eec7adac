#include "vault/os/fd_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "tests/os/test_support.h"

namespace coffer::os {
namespace {

constexpr std::string_view kMessage = "12345678";

class FdChannel : public testing::Test {
 protected:
  FdChannel() {
    auto pair = MakeSeqpacketPair();
    COFFER_CHECK(pair.ok());
    channel_ = std::move(*pair);
  }

  base::Result<ReceivedDescriptor> Receive() {
    return ReceiveDescriptor(channel_.there.get(), got_);
  }

  // As a hostile sender could: any text with any number of descriptors.
  void SendRaw(std::string_view text, size_t descriptors) {
    alignas(cmsghdr) std::array<char, 256> control{};
    iovec part = {const_cast<char*>(text.data()), text.size()};
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (descriptors > 0) {
      header.msg_control = control.data();
      header.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
      cmsghdr* rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
      for (size_t i = 0; i < descriptors; ++i) {
        int fd = 1;
        std::memcpy(CMSG_DATA(rights) + i * sizeof fd, &fd, sizeof fd);
      }
    }
    ASSERT_EQ(sendmsg(channel_.here.get(), &header, 0),
              static_cast<ssize_t>(text.size()));
  }

  SocketPair channel_;
  std::array<uint8_t, kMessage.size()> got_{};
};

TEST_F(FdChannel, CarriesADescriptorWithItsMessage) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  auto sent =
      SendDescriptor(channel_.here.get(), ends[1], base::AsBytes(kMessage));
  ASSERT_TRUE(sent.ok());
  EXPECT_EQ(*sent, SendOutcome::kSent);
  auto received = Receive();
  ASSERT_TRUE(received.ok());
  ASSERT_EQ(received->outcome, ReceiveOutcome::kReceived);
  EXPECT_EQ(base::AsText(got_), kMessage);
  EXPECT_NE(received->fd.get(), ends[1]);
  EXPECT_EQ(fcntl(received->fd.get(), F_GETFD), FD_CLOEXEC);
  ASSERT_TRUE(WriteFull(received->fd.get(), base::AsBytes("x")).ok());
  char byte = 0;
  EXPECT_EQ(read(ends[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
  close(ends[0]);
  close(ends[1]);
}

TEST_F(FdChannel, AnEmptyOneWouldBlockAndAClosedOneIsClosed) {
  auto received = Receive();
  ASSERT_TRUE(received.ok());
  EXPECT_EQ(received->outcome, ReceiveOutcome::kWouldBlock);
  channel_.here.Reset();
  received = Receive();
  ASSERT_TRUE(received.ok());
  EXPECT_EQ(received->outcome, ReceiveOutcome::kClosed);
}

TEST_F(FdChannel, AFullOneWouldBlockAndGoesOnLater) {
  size_t sent = 0;
  for (;; ++sent) {
    auto outcome =
        SendDescriptor(channel_.here.get(), 1, base::AsBytes(kMessage));
    ASSERT_TRUE(outcome.ok());
    if (*outcome == SendOutcome::kWouldBlock) break;
    ASSERT_LT(sent, 100000u);
  }
  EXPECT_GT(sent, 0u);
  for (size_t i = 0; i < sent; ++i) {
    auto received = Receive();
    ASSERT_TRUE(received.ok());
    ASSERT_EQ(received->outcome, ReceiveOutcome::kReceived);
  }
  auto outcome =
      SendDescriptor(channel_.here.get(), 1, base::AsBytes(kMessage));
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(*outcome, SendOutcome::kSent);
}

TEST_F(FdChannel, SendingToNobodyIsUnreachable) {
  channel_.there.Reset();
  auto sent = SendDescriptor(channel_.here.get(), 1, base::AsBytes(kMessage));
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().code, base::Code::kUnreachable);
}

TEST_F(FdChannel, AnyOtherFormIsRefusedAndItsDescriptorsAreClosed) {
  struct Case {
    std::string_view text;
    size_t descriptors;
  };
  for (const Case& one :
       {Case{kMessage, 0}, Case{kMessage, 2}, Case{kMessage, 3},
        Case{kMessage, 20}, Case{"1234567", 1}, Case{"123456789", 1}}) {
    size_t before = OpenDescriptors();
    SendRaw(one.text, one.descriptors);
    auto received = Receive();
    ASSERT_FALSE(received.ok()) << one.text << one.descriptors;
    EXPECT_EQ(received.error().code, base::Code::kDenied);
    EXPECT_EQ(OpenDescriptors(), before) << one.text << one.descriptors;
  }
}

}  // namespace
}  // namespace coffer::os
