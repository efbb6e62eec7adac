// Who is connected: the keeper's limits, hang-ups, and identity by the kernel's
// word alone.
#include <sys/socket.h>

#include "tests/keeper/keeper_fixture.h"
#include "vault/keeper/connections.h"

namespace coffer::keeper_test {
namespace {

class ConnectionsTest : public KeeperFixture {
 protected:
  // True once the keeper closed our end unanswered.
  static bool IsClosed(const os::FileDescriptor& fd) {
    char byte;
    return recv(fd.get(), &byte, 1, 0) == 0;
  }
  // The hang-up is noticed by another event than the batch that follows it.
  bool GoneSoon(wire::ConnectionId id) {
    for (int i = 0; i < 2000; ++i) {
      auto reply = keeper_.One<wire::KeysAnswer>(Op::kKeys, wire::KeysItem{id});
      if (reply.rule() == Rule::kGone) return true;
      usleep(1000);
    }
    return false;
  }
  Rule Ask(wire::ConnectionId id) {
    return keeper_.One<wire::KeysAnswer>(Op::kKeys, wire::KeysItem{id}).rule();
  }
  std::string Path(const char* name) { return keeper_.folder() + name; }
};

TEST_F(ConnectionsTest, HangUpEndsTheIdentityAndItsNumberIsNeverUsedAgain) {
  const wire::ConnectionId id = caller_.id;
  EXPECT_EQ(Ask(id), Rule::kAllowed);
  caller_.client.Reset();  // the gate keeps its duplicate
  EXPECT_TRUE(GoneSoon(id));
  for (int i = 0; i < 20; ++i) {
    Caller next = keeper_.Connect();
    EXPECT_GT(next.id, id);
    EXPECT_EQ(Ask(next.id), Rule::kAllowed);
  }
  EXPECT_EQ(Ask(id), Rule::kGone);
}

TEST_F(ConnectionsTest, HalfCloseIsNoHangUpAndAGatesShutdownIs) {
  Caller half = keeper_.Connect();
  ASSERT_EQ(shutdown(half.client.get(), SHUT_WR), 0);
  usleep(20000);
  EXPECT_EQ(Ask(half.id), Rule::kAllowed);
  ASSERT_EQ(shutdown(half.gate_side.get(), SHUT_RDWR), 0);
  EXPECT_TRUE(GoneSoon(half.id));
}

TEST_F(ConnectionsTest, NumbersThatNeverWereAreGone) {
  for (wire::ConnectionId id :
       {uint64_t{0}, uint64_t{1}, caller_.id + 1, caller_.id + 512,
        caller_.id ^ 1, ~uint64_t{0}}) {
    EXPECT_EQ(Ask(id), Rule::kGone) << id;
  }
}

TEST_F(ConnectionsTest, MonitorAndOperatorConnectionsAreNoCallers) {
  Caller monitor = keeper_.Arrive(keeper_.ConnectTo(Path("/monitor.sock")));
  EXPECT_EQ(Ask(monitor.id), Rule::kGone);
  const KeptLink link = Create();
  wire::IssueItem item = TestIssue(monitor.id, link);
  EXPECT_EQ(TryIssue(item).rule(), Rule::kGone);
  // An operator's number is not even told; the ones around are none either.
  os::FileDescriptor fd = keeper_.ConnectTo(Path("/operator.sock"));
  (void)keeper_.Status();
  for (uint64_t serial = 1; serial < 6; ++serial) {
    for (uint64_t place = 0; place < 6; ++place) {
      const wire::ConnectionId id = (caller_.id / 512 + serial) * 512 + place;
      EXPECT_NE(Ask(id), Rule::kAllowed) << id;
    }
  }
}

TEST_F(ConnectionsTest, OneUidHasItsShareOfCallersAndNoMore) {
  std::vector<Caller> callers;
  for (size_t i = 1; i < base::kCallerConnectionsPerUidMax; ++i) {
    callers.push_back(keeper_.Connect());
  }
  os::FileDescriptor over = keeper_.ConnectTo(Path("/caller.sock"));
  EXPECT_TRUE(IsClosed(over));
  EXPECT_EQ(Ask(callers.back().id), Rule::kAllowed);
  EXPECT_EQ(keeper_.Status().callers, base::kCallerConnectionsPerUidMax);
  // One that leaves makes room.
  const wire::ConnectionId left = callers.back().id;
  callers.pop_back();
  EXPECT_TRUE(GoneSoon(left));
  Caller next = keeper_.Connect();
  EXPECT_EQ(Ask(next.id), Rule::kAllowed);
}

TEST_F(ConnectionsTest, MonitorsAndOperatorsAreBounded) {
  std::vector<Caller> monitors;
  for (size_t i = 0; i < base::kMonitorConnectionsMax; ++i) {
    monitors.push_back(
        keeper_.Arrive(keeper_.ConnectTo(Path("/monitor.sock"))));
  }
  EXPECT_TRUE(IsClosed(keeper_.ConnectTo(Path("/monitor.sock"))));
  // One uid leaves two of the operators' places to others.
  std::vector<os::FileDescriptor> operators;
  for (size_t i = 0; i < keeper::kOperatorConnectionsPerUidMax; ++i) {
    operators.push_back(keeper_.ConnectTo(Path("/operator.sock")));
  }
  EXPECT_TRUE(IsClosed(keeper_.ConnectTo(Path("/operator.sock"))));
  // Callers have their own bound.
  Caller caller = keeper_.Connect();
  EXPECT_EQ(Ask(caller.id), Rule::kAllowed);
  operators.clear();
  OperatorReply reply;
  for (int i = 0; i < 2000 && !reply.done(); ++i) {
    reply = keeper_.Ask(wire::OperatorOp::kStatus, wire::EmptyQuestion{});
    usleep(1000);
  }
  EXPECT_TRUE(reply.done());
}

TEST_F(ConnectionsTest, DescriptorChannelThatIsFullHoldsArrivalsAndLosesNone) {
  // More than the channel takes before the test, as the gate, reads any.
  std::vector<os::FileDescriptor> clients;
  for (size_t i = 1; i < base::kCallerConnectionsPerUidMax; ++i) {
    clients.push_back(keeper_.ConnectTo(Path("/caller.sock")));
  }
  usleep(50000);
  EXPECT_EQ(Ask(caller_.id), Rule::kAllowed);  // neither side is blocked
  std::vector<Caller> callers;
  for (auto& client : clients) {
    callers.push_back(keeper_.Arrive(std::move(client)));
  }
  for (size_t i = 0; i < callers.size(); i += 20) {
    EXPECT_EQ(Ask(callers[i].id), Rule::kAllowed);
  }
}

TEST_F(ConnectionsTest, UidThatThePolicyDoesNotNameIsRefusedAndLogged) {
  auto policy = FiveCallers("nobody");
  Load(*policy);
  EXPECT_EQ(Ask(caller_.id), Rule::kUnknownCaller);
  EXPECT_EQ(LastRule(), Rule::kUnknownCaller);
}

TEST_F(ConnectionsTest, ConnectionThatMatchesTwoCallersIsNone) {
  auto policy = FiveCallers("linker");
  policy->callers[1].identity_kind = wire::IdentityKind::kGid;
  policy->callers[1].identity = getegid();
  Load(*policy);
  EXPECT_EQ(Ask(caller_.id), Rule::kAmbiguousCaller);
  EXPECT_EQ(LastRule(), Rule::kAmbiguousCaller);
}

TEST_F(ConnectionsTest, AnotherUidIsAnotherCaller) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to connect as another uid";
  auto policy = FiveCallers("linker");
  policy->callers[1].identity = 61234;  // the messenger
  Load(*policy);
  const KeptLink link = Create();
  Caller messenger = keeper_.ConnectAs(61234);
  Caller stranger = keeper_.ConnectAs(61235);
  EXPECT_EQ(Ask(messenger.id), Rule::kAllowed);
  EXPECT_EQ(Ask(stranger.id), Rule::kUnknownCaller);
  wire::IssueItem item = IssueItem(link);
  EXPECT_EQ(TryIssue(item).rule(), Rule::kNoIssueRule);
  item.connection = messenger.id;
  EXPECT_EQ(TryIssue(item).rule(), Rule::kAllowed);
  item.connection = stranger.id;
  EXPECT_EQ(TryIssue(item).rule(), Rule::kUnknownCaller);
}

TEST_F(ConnectionsTest, TwoUidsReachTheLimitOfAllCallers) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to connect as another uid";
  std::vector<Caller> callers;
  for (size_t i = 1; i < base::kCallerConnectionsPerUidMax; ++i) {
    callers.push_back(keeper_.Connect());
  }
  for (size_t i = 0; i < base::kCallerConnectionsPerUidMax; ++i) {
    callers.push_back(keeper_.ConnectAs(61234));
  }
  EXPECT_EQ(keeper_.Status().callers, base::kCallerConnectionsMax);
  EXPECT_EQ(Ask(callers.front().id), Rule::kAllowed);
}

}  // namespace
}  // namespace coffer::keeper_test
