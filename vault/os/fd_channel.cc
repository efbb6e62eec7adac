#include "vault/os/fd_channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace coffer::os {

using base::Code;
using base::Fail;

base::Result<SendOutcome> SendDescriptor(int channel, int fd,
                                         base::Bytes message) {
  COFFER_CHECK(!message.empty());
  iovec part = {const_cast<uint8_t*>(message.data()), message.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);

  ssize_t put;
  do {
    put = sendmsg(channel, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (put < 0 && errno == EINTR);
  if (put == static_cast<ssize_t>(message.size())) return SendOutcome::kSent;
  if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    return SendOutcome::kWouldBlock;
  }
  if (put < 0 && (errno == EPIPE || errno == ECONNRESET)) {
    return Fail(Code::kUnreachable, "the descriptor channel is closed");
  }
  return Fail(Code::kIo, "cannot pass a descriptor");
}

base::Result<ReceivedDescriptor> ReceiveDescriptor(int channel,
                                                   base::MutableBytes message) {
  // Room for one message of one descriptor; the padding would let the kernel
  // place a second one, which is found below and closed.
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec part = {message.data(), message.size()};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();

  ssize_t got;
  do {
    got = recvmsg(channel, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  ReceivedDescriptor received;
  if (got < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return received;
    return Fail(Code::kIo, "cannot receive a descriptor");
  }

  size_t count = 0;
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr;
       item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) {
      count += 2;  // foreign ancillary data: refused below
      continue;
    }
    size_t fds = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < fds; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(item) + i * sizeof fd, sizeof fd);
      received.fd.Reset(fd);  // closes the one before, if there was one
      ++count;
    }
  }
  const bool cut = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  if (got == 0 && count == 0 && !cut) {
    received.outcome = ReceiveOutcome::kClosed;
    return received;
  }
  if (got != static_cast<ssize_t>(message.size()) || count != 1 || cut) {
    return Fail(Code::kDenied, "malformed message on the descriptor channel");
  }
  received.outcome = ReceiveOutcome::kReceived;
  return received;
}

}  // namespace coffer::os
