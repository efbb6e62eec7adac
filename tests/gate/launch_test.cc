// The launcher's pieces that need no other program.
#include "vault/gate/launch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "vault/gate/data_directory.h"

namespace coffer::gate {
namespace {

class Launch : public ::testing::Test {
 protected:
  Launch() {
    char path[] = "/tmp/coffer-launch-test-XXXXXX";
    EXPECT_NE(mkdtemp(path), nullptr);
    root_ = path;
    data_ = root_ + "/data";
  }
  ~Launch() override { std::filesystem::remove_all(root_); }

  static mode_t ModeOf(const std::string& path) {
    struct stat found = {};
    EXPECT_EQ(lstat(path.c_str(), &found), 0) << path;
    return found.st_mode & 0777;
  }
  bool Open(DataDirectory& out) {
    return OpenDataDirectory(data_, users_, out);
  }

  std::string root_;
  std::string data_;
  Users users_;
};

TEST_F(Launch, MakesTheDataDirectoryForItsUsersAlone) {
  DataDirectory data;
  ASSERT_TRUE(Open(data));
  for (const char* name : {"/store", "/audit", "/keeper"}) {
    EXPECT_EQ(ModeOf(data_ + name), 0700u) << name;
  }
  for (const char* name : {"/keeper.state", "/journal-0", "/journal-1"}) {
    EXPECT_EQ(ModeOf(data_ + "/keeper" + name), 0600u) << name;
  }
  EXPECT_TRUE(data.state.valid());
  EXPECT_NE(fcntl(data.state.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(Launch, TwoDaemonsCannotShareADataDirectory) {
  DataDirectory first;
  ASSERT_TRUE(Open(first));
  {
    DataDirectory second;
    EXPECT_FALSE(Open(second));
  }
  first.state.Reset();
  DataDirectory third;
  EXPECT_TRUE(Open(third));
}

TEST_F(Launch, ALockHoldsAsLongAsAnInheritedDescriptor) {
  DataDirectory first;
  ASSERT_TRUE(Open(first));
  os::FileDescriptor inherited(dup(first.state.get()));
  first.state.Reset();
  DataDirectory second;
  EXPECT_FALSE(Open(second));
}

TEST_F(Launch, NarrowsModesThatWereWidened) {
  {
    DataDirectory data;
    ASSERT_TRUE(Open(data));
  }
  ASSERT_EQ(chmod((data_ + "/keeper").c_str(), 0755), 0);
  ASSERT_EQ(chmod((data_ + "/keeper/keeper.state").c_str(), 0644), 0);
  DataDirectory data;
  ASSERT_TRUE(Open(data));
  EXPECT_EQ(ModeOf(data_ + "/keeper"), 0700u);
  EXPECT_EQ(ModeOf(data_ + "/keeper/keeper.state"), 0600u);
}

TEST_F(Launch, RefusesFilesThatAreNotPlainAndSingle) {
  std::string keeper = data_ + "/keeper";
  std::string state = keeper + "/keeper.state";
  ASSERT_TRUE(std::filesystem::create_directories(keeper));
  std::ofstream(root_ + "/elsewhere") << "x";
  DataDirectory data;

  std::filesystem::create_symlink(root_ + "/elsewhere", state);
  EXPECT_FALSE(Open(data));
  std::filesystem::remove(state);
  std::filesystem::create_hard_link(root_ + "/elsewhere", state);
  EXPECT_FALSE(Open(data));
  std::filesystem::remove(state);
  std::filesystem::create_directory(state);
  EXPECT_FALSE(Open(data));
  std::filesystem::remove(state);
  ASSERT_EQ(mkfifo(state.c_str(), 0600), 0);
  EXPECT_FALSE(Open(data));
  std::filesystem::remove(state);
  EXPECT_TRUE(Open(data));
}

TEST_F(Launch, RefusesADirectoryThatIsALink) {
  ASSERT_TRUE(std::filesystem::create_directories(data_));
  std::filesystem::create_directory(root_ + "/elsewhere");
  std::filesystem::create_directory_symlink(root_ + "/elsewhere",
                                            data_ + "/store");
  DataDirectory data;
  EXPECT_FALSE(Open(data));
}

TEST_F(Launch, GivesEachPlaceToItsOwnUserAndRefusesAnothers) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root for other users' files";
  users_.gate = os::Identity{4001, 4001};
  users_.keeper = os::Identity{4002, 4002};
  {
    DataDirectory data;
    ASSERT_TRUE(Open(data));
  }
  struct stat found = {};
  ASSERT_EQ(stat((data_ + "/store").c_str(), &found), 0);
  EXPECT_EQ(found.st_uid, 4001u);
  ASSERT_EQ(stat((data_ + "/keeper/journal-1").c_str(), &found), 0);
  EXPECT_EQ(found.st_uid, 4002u);
  users_.keeper = os::Identity{4003, 4003};
  DataDirectory data;
  EXPECT_FALSE(Open(data));
}

TEST_F(Launch, AUserThatIsSetAndMissingIsAnErrorAsRootAndADefaultIsNot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to change users";
  api::Config config;
  config.gate_user = {"no-such-user-of-coffer", true};
  EXPECT_FALSE(ResolveUsers(config, false, users_));
  EXPECT_TRUE(ResolveUsers(config, true, users_));
  config.gate_user = {"no-such-user-of-coffer", false};
  config.keeper_user = {"no-such-user-of-coffer", false};
  EXPECT_TRUE(ResolveUsers(config, false, users_));
  EXPECT_FALSE(users_.gate.has_value());
  EXPECT_TRUE(users_.KeptOut().empty());
  config.caller.group = {"no-such-group-of-coffer", true};
  EXPECT_FALSE(ResolveUsers(config, false, users_));
}

TEST_F(Launch, GateAndKeeperCannotBeOneUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to change users";
  api::Config config;
  config.gate_user = {"daemon", true};
  config.keeper_user = {"daemon", true};
  EXPECT_FALSE(ResolveUsers(config, false, users_));
}

TEST_F(Launch, ReadConfigRefusesWhatIsMissingOrMalformed) {
  api::Config config;
  EXPECT_FALSE(ReadConfig(root_ + "/none.toml", config));
  std::ofstream(root_ + "/bad.toml") << "nonsense = 1\n";
  EXPECT_FALSE(ReadConfig(root_ + "/bad.toml", config));
  std::ofstream(root_ + "/good.toml") << "data_dir = \"/var/lib/x\"\n";
  EXPECT_TRUE(ReadConfig(root_ + "/good.toml", config));
  EXPECT_EQ(config.data_dir, "/var/lib/x");
}

}  // namespace
}  // namespace coffer::gate
