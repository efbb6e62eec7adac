#include "vault/os/peer.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <numeric>
#include <vector>

#include "tests/os/test_support.h"

namespace coffer::os {
namespace {

// What the kernel says of a peer that made its socket pair with `groups`.
PeerCredentials PeerWithGroups(const std::vector<gid_t>& groups) {
  auto carrier = MakeSeqpacketPair();
  COFFER_CHECK(carrier.ok());
  PeerCredentials peer;
  ExitStatus status = RunInChild([&] {
    if (setgroups(groups.size(), groups.data()) < 0) return 1;
    if (setresgid(1234, 1234, 1234) < 0) return 2;
    if (setresuid(1233, 1233, 1233) < 0) return 3;
    auto pair = MakeStreamPair();
    if (!pair.ok()) return 4;
    auto found = ReadPeerCredentials(pair->here.get());
    if (!found.ok()) return 5;
    return send(carrier->there.get(), &*found, sizeof *found, 0) > 0 ? 0 : 6;
  });
  COFFER_CHECK(status.code == 0 && !status.signaled);
  COFFER_CHECK(recv(carrier->here.get(), &peer, sizeof peer, 0) == sizeof peer);
  return peer;
}

std::vector<gid_t> Numbered(size_t count) {
  std::vector<gid_t> groups(count);
  std::iota(groups.begin(), groups.end(), 5000u);
  return groups;
}

TEST(Peer, IsWhoTheKernelSays) {
  auto pair = MakeStreamPair();
  ASSERT_TRUE(pair.ok());
  auto peer = ReadPeerCredentials(pair->here.get());
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->uid, getuid());
  EXPECT_EQ(peer->gid, getgid());
  EXPECT_EQ(peer->pid, getpid());
  EXPECT_FALSE(peer->groups_truncated);
}

TEST(Peer, HasItsSupplementaryGroups) {
  if (geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  for (size_t count : {size_t{0}, size_t{1}, size_t{3}, base::kGroupsMax}) {
    std::vector<gid_t> groups = Numbered(count);
    PeerCredentials peer = PeerWithGroups(groups);
    EXPECT_EQ(peer.uid, 1233u);
    EXPECT_EQ(peer.gid, 1234u);
    EXPECT_EQ(std::vector<gid_t>(peer.groups.begin(), peer.groups.end()),
              groups);
    EXPECT_FALSE(peer.groups_truncated);
  }
}

TEST(Peer, WithTooManyGroupsHasNoneAndSaysSo) {
  if (geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  PeerCredentials peer = PeerWithGroups(Numbered(base::kGroupsMax + 1));
  EXPECT_TRUE(peer.groups_truncated);
  EXPECT_TRUE(peer.groups.empty());
  for (gid_t group : peer.groups.items) EXPECT_EQ(group, 0u);
}

TEST(Peer, OfSomethingElseIsAnError) {
  FileDescriptor internet(socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_FALSE(ReadPeerCredentials(internet.get()).ok());
  EXPECT_FALSE(ReadPeerCredentials(0).ok());
  EXPECT_FALSE(ReadPeerCredentials(-1).ok());
  // A listening socket names who listens, but one that is neither connected
  // nor listening has no peer.
  FileDescriptor alone(socket(AF_UNIX, SOCK_STREAM, 0));
  EXPECT_FALSE(ReadPeerCredentials(alone.get()).ok());
}

}  // namespace
}  // namespace coffer::os
