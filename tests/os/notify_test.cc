#include "vault/os/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>

#include "tests/os/test_support.h"

namespace coffer::os {
namespace {

// A service manager's end, at a path or at "@name".
class Manager {
 public:
  explicit Manager(const std::string& address)
      : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un target = {};
    target.sun_family = AF_UNIX;
    address.copy(target.sun_path, address.size());
    if (address[0] == '@') target.sun_path[0] = '\0';
    COFFER_CHECK(bind(socket_.get(), reinterpret_cast<sockaddr*>(&target),
                      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                             address.size())) == 0);
  }
  std::string Next() {
    char buffer[4096];
    ssize_t got = recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    return got < 0 ? "nothing" : std::string(buffer, static_cast<size_t>(got));
  }

 private:
  FileDescriptor socket_;
};

TEST(Notifier, TellsTheServiceManagerAtAPath) {
  TemporaryFolder folder;
  Manager manager(folder.Path("notify"));
  setenv("NOTIFY_SOCKET", folder.Path("notify").c_str(), 1);
  auto notifier = Notifier::FromEnvironment();
  ASSERT_TRUE(notifier.ok());
  EXPECT_TRUE(notifier->active());
  EXPECT_EQ(getenv("NOTIFY_SOCKET"), nullptr);  // not for our children
  notifier->Ready();
  notifier->Status("sealed; run\ncoffer unseal");
  notifier->Stopping();
  EXPECT_EQ(manager.Next(), "READY=1");
  EXPECT_EQ(manager.Next(), "STATUS=sealed; run coffer unseal");
  EXPECT_EQ(manager.Next(), "STOPPING=1");
  EXPECT_EQ(manager.Next(), "nothing");
}

TEST(Notifier, KnowsAbstractAddresses) {
  std::string address = "@coffer-test-" + std::to_string(getpid());
  Manager manager(address);
  auto notifier = Notifier::To(address);
  ASSERT_TRUE(notifier.ok());
  notifier->Ready();
  EXPECT_EQ(manager.Next(), "READY=1");
}

TEST(Notifier, DoesNothingWithoutAServiceManager) {
  unsetenv("NOTIFY_SOCKET");
  auto notifier = Notifier::FromEnvironment();
  ASSERT_TRUE(notifier.ok());
  EXPECT_FALSE(notifier->active());
  notifier->Ready();
}

TEST(Notifier, RefusesAnAddressItCannotUse) {
  for (const char* address : {"relative", "/", "@", "/no/such/socket"}) {
    EXPECT_FALSE(Notifier::To(address).ok()) << address;
  }
  EXPECT_FALSE(Notifier::To("/" + std::string(200, 'x')).ok());
}

TEST(Notifier, SurvivesAManagerThatIsGone) {
  TemporaryFolder folder;
  Notifier notifier;
  {
    Manager manager(folder.Path("notify"));
    auto connected = Notifier::To(folder.Path("notify"));
    ASSERT_TRUE(connected.ok());
    notifier = std::move(*connected);
  }
  notifier.Ready();
}

}  // namespace
}  // namespace coffer::os
