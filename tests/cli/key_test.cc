// key, institution and zeroize against a keeper that tells what a test wants.
#include <pthread.h>
#include <signal.h>

#include "tests/cli/harness.h"
#include "vault/wire/operator_keys.h"
#include "vault/wire/operator_quorum.h"

namespace coffer::cli {
namespace {

using wire::InstitutionRow;
using wire::KeyRow;
using wire::KeyState;
using wire::KeyUse;
using wire::OperatorCode;
using wire::OperatorOp;

constexpr uint64_t kNow = 1785542400;

wire::KeyId Id(uint8_t first, uint8_t last = 0) {
  wire::KeyId id{};
  id[0] = first;
  id[1] = 0xab;
  id[15] = last;
  return id;
}

KeyRow Kek(uint8_t id, std::string_view institution, uint32_t version,
           KeyState state, uint64_t links) {
  KeyRow row;
  row.id = Id(id);
  row.institution = institution;
  row.version = version;
  row.state = state;
  row.created_at = kNow - 90061;
  row.counted = true;
  row.links = links;
  return row;
}

// Holds keys and institutions; answers pages of two.
struct Keeper {
  explicit Keeper(Coffer& coffer)
      : fake(coffer.operator_socket(),
             [this](OperatorOp op, base::Bytes fields) {
               return Answer(op, fields);
             }) {}

  template <typename Answer, typename Rows>
  KeeperAnswer Page(const Rows& all, base::Bytes fields) {
    auto question = base::DecodeWhole<wire::KeyListQuestion>(fields);
    EXPECT_TRUE(question.ok());
    Answer answer;
    if constexpr (requires { answer.now; }) answer.now = kNow;
    for (size_t i = question->from; i < all.size() && i < question->from + 2;
         ++i) {
      answer.rows.push_back(all[i]);
    }
    if (question->from + 2 < all.size()) answer.next = question->from + 2;
    return KeeperAnswer::Of(answer);
  }

  KeeperAnswer Answer(OperatorOp op, base::Bytes fields) {
    if (awaits && op != OperatorOp::kKeyList &&
        op != OperatorOp::kInstitutionList) {
      KeeperAnswer answer = KeeperAnswer::Of(
          wire::AwaitingAnswer{{1, 2, 3, 4, 5, 6, 7, 8}, 0, 2});
      answer.code = OperatorCode::kAwaitsApproval;
      return answer;
    }
    switch (op) {
      case OperatorOp::kKeyList: {
        if (on_list) on_list();
        if (gone) return {OperatorCode::kDone, "", {}, true};
        return Page<wire::KeyListAnswer>(keys, fields);
      }
      case OperatorOp::kInstitutionList:
        return Page<wire::InstitutionListAnswer>(institutions, fields);
      case OperatorOp::kKeyRotate:
        rotate = *base::DecodeWhole<wire::RotateQuestion>(fields);
        institution = std::string(rotate.institution);
        return KeeperAnswer::Of(wire::RotateAnswer{1});
      case OperatorOp::kKeyDestroy:
        key = *base::DecodeWhole<wire::KeyQuestion>(fields);
        return KeeperAnswer::Of(
            wire::DestroyAnswer{key.cancel ? 0 : kNow + 604800});
      case OperatorOp::kKeyCompromise:
        key = *base::DecodeWhole<wire::KeyQuestion>(fields);
        return {};
      case OperatorOp::kKeyExport: {
        auto question = base::DecodeWhole<wire::ExportQuestion>(fields);
        wire::ExportAnswer answer;
        answer.generation = 7;
        stored = question->stored;
        if (stored != 0) return KeeperAnswer::Of(answer);
        answer.bytes = base::AsBytes("sealed keyring");
        return KeeperAnswer::Of(answer);
      }
      case OperatorOp::kInstitutionChange: {
        auto question = base::DecodeWhole<wire::InstitutionQuestion>(fields);
        institution = std::string(question->name);
        action = question->action;
        return {};
      }
      case OperatorOp::kZeroize:
        return {OperatorCode::kDone, "", {}, true};
      default:
        return {};
    }
  }

  uint64_t stored = 0;  // a key export's generation, once its file is safe
  std::vector<KeyRow> keys;
  std::vector<InstitutionRow> institutions;
  std::function<void()> on_list;
  std::atomic<bool> gone{false};
  bool awaits = false;
  wire::RotateQuestion rotate;
  wire::KeyQuestion key;
  std::string institution;
  wire::InstitutionAction action{};
  FakeKeeper fake;
};

void FillKeys(Keeper& keeper) {
  keeper.keys = {Kek(1, "citi", 1, KeyState::kDestroyed, 0),
                 Kek(2, "citi", 2, KeyState::kDeactivated, 1234),
                 Kek(3, "citi", 3, KeyState::kActive, 98765)};
  keeper.keys[2].rotate_at = kNow + 86400;
  KeyRow token;
  token.use = KeyUse::kToken;
  token.id = Id(4);
  token.version = 1;
  token.created_at = kNow - 5;
  token.destroy_at = kNow + 604800;
  keeper.keys.push_back(token);
  keeper.keys.push_back(Kek(5, "a-name-of-thirty-two-characters-", 12345678,
                            KeyState::kCompromised, 10000000));
}

TEST(KeyList, ShowsEveryVersionOfEveryPageWithin80Columns) {
  Coffer coffer;
  Keeper keeper(coffer);
  FillKeys(keeper);
  ASSERT_EQ(coffer.RunHere({"key", "list"}), Exit::kDone) << coffer.err();
  EXPECT_TRUE(Fits80(coffer.out())) << coffer.out();
  for (const char* words :
       {"01ab00000000", "kek citi 2", "deactivated", "1,234", "rotate 1 d",
        "destroy 7 d", "1 d 1 h", "token 1", "compromised"}) {
    EXPECT_NE(coffer.out().find(words), std::string::npos) << words << "\n"
                                                           << coffer.out();
  }
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kKeyList), 3);
  ASSERT_EQ(coffer.RunHere({"key", "list", "--json"}), Exit::kDone);
  EXPECT_NE(coffer.out().find("\"id\":\"" + base::EncodeHex(Id(2)) + "\""),
            std::string::npos);
  EXPECT_NE(coffer.out().find("\"links\":1234"), std::string::npos);
}

TEST(KeyList, SaysWhenTheStoreHasNotCountedYet) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.keys = {Kek(1, "citi", 1, KeyState::kActive, 0)};
  keeper.keys[0].counted = false;
  ASSERT_EQ(coffer.RunHere({"key", "list"}), Exit::kDone);
  EXPECT_NE(coffer.out().find("counting"), std::string::npos);
  ASSERT_EQ(coffer.RunHere({"key", "list", "--json"}), Exit::kDone);
  EXPECT_EQ(coffer.out().find("links"), std::string::npos);
}

TEST(KeyDestroy, NamesTheKeyByAUniqueBeginningOfItsId) {
  Coffer coffer;
  Keeper keeper(coffer);
  FillKeys(keeper);
  keeper.keys.push_back(keeper.keys[1]);
  keeper.keys.back().id = Id(2, 1);
  EXPECT_EQ(coffer.RunHere({"key", "destroy", "01ab0"}), Exit::kUsage);
  EXPECT_EQ(coffer.RunHere({"key", "destroy", "09ab00"}), Exit::kRefused);
  EXPECT_NE(coffer.err().find("no key"), std::string::npos);
  EXPECT_EQ(coffer.RunHere({"key", "destroy", "02ab00"}), Exit::kRefused);
  EXPECT_NE(coffer.err().find("several keys"), std::string::npos);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kKeyDestroy), 0);
  std::string whole = base::EncodeHex(Id(2, 1));
  ASSERT_EQ(coffer.RunHere({"key", "destroy", whole}), Exit::kDone);
  EXPECT_EQ(keeper.key.id, Id(2, 1));
  EXPECT_NE(coffer.out().find("destroyed at 2026-08-08"), std::string::npos)
      << coffer.out();
  EXPECT_EQ(coffer.RunHere({"key", "destroy", whole + "00"}), Exit::kRefused);
  ASSERT_EQ(coffer.RunHere({"key", "destroy", "03ab00", "--cancel"}),
            Exit::kDone);
  EXPECT_TRUE(keeper.key.cancel);
  EXPECT_EQ(keeper.key.id, Id(3));
  // As the text form of the id has it: 33 bytes, of which 16 are known.
  std::string lid(33, '\0');
  wire::KeyId id = Id(3);
  std::copy(id.begin(), id.end(), lid.begin());
  lid[20] = 'x';
  ASSERT_EQ(
      coffer.RunHere({"key", "compromise",
                      "k4.lid." + base::EncodeBase64Url(base::AsBytes(lid))}),
      Exit::kDone)
      << coffer.err();
  EXPECT_EQ(keeper.key.id, Id(3));
}

TEST(KeyDestroy, AsksOnATerminal) {
  Coffer coffer;
  Keeper keeper(coffer);
  FillKeys(keeper);
  coffer.terminal.input_is_terminal = true;
  for (const char* verb : {"destroy", "compromise"}) {
    EXPECT_EQ(coffer.RunHere({"key", verb, "03ab00"}), Exit::kRefused);
    EXPECT_NE(coffer.terminal.asked.find("kek citi 3"), std::string::npos);
  }
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kKeyDestroy), 0);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kKeyCompromise), 0);
}

TEST(KeyExport, IsANewPrivateFile) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string file = coffer.directory / "keys";
  ASSERT_EQ(coffer.RunHere({"key", "export", file}), Exit::kDone);
  EXPECT_EQ(ReadFile(file), "sealed keyring");
  EXPECT_EQ(ModeOf(file), 0600u);
  EXPECT_NE(coffer.out().find("generation 7"), std::string::npos);
  EXPECT_EQ(keeper.stored, 7u);
  keeper.stored = 0;
  EXPECT_EQ(coffer.RunHere({"key", "export", file}), Exit::kRefused);
  EXPECT_NE(coffer.err().find("there is such a file; name a new one"),
            std::string::npos);
  EXPECT_EQ(keeper.stored, 0u);
  EXPECT_EQ(ReadFile(file), "sealed keyring");
}

TEST(KeyRotate, FollowsToTheEndAndNamesEachVersionThatIsGone) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.keys = {Kek(1, "citi", 1, KeyState::kActive, 1000),
                 Kek(2, "citi", 2, KeyState::kActive, 0),
                 Kek(3, "chase", 1, KeyState::kDeactivated, 5000)};
  int lists = 0;
  keeper.on_list = [&] {
    // Two pages a list.
    switch (++lists) {
      case 3:
        keeper.keys[0].state = KeyState::kDeactivated;
        break;
      case 5:
        keeper.keys[0].links = 400;
        break;
      case 7:
        keeper.keys[0].links = 0;
        keeper.keys[0].state = KeyState::kDestroyed;
        break;
    }
  };
  ASSERT_EQ(coffer.RunHere({"key", "rotate", "--institution", "citi"}),
            Exit::kDone)
      << coffer.err();
  EXPECT_EQ(keeper.institution, "citi");
  EXPECT_EQ(keeper.rotate.target, wire::RotateTarget::kInstitution);
  EXPECT_EQ(coffer.out(), "citi: 0 left under version 1; destroyed\n");
  EXPECT_NE(coffer.err().find("100%"), std::string::npos) << coffer.err();
  EXPECT_EQ(lists, 8);
}

TEST(KeyRotate, FollowsTheOneThatIsUnderWayAlready) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.keys = {Kek(1, "citi", 1, KeyState::kDeactivated, 1000)};
  int lists = 0;
  keeper.on_list = [&] {
    if (++lists == 2) keeper.keys[0].state = KeyState::kDestroyed;
  };
  EXPECT_EQ(coffer.RunHere({"key", "rotate", "--institution", "citi"}),
            Exit::kDone);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kKeyRotate), 0);
  EXPECT_NE(coffer.err().find("under way"), std::string::npos);
}

TEST(KeyRotate, ShowsWhatIsLeftOnATerminal) {
  Coffer coffer;
  Keeper keeper(coffer);
  coffer.terminal.error_is_terminal = true;
  keeper.keys = {Kek(1, "citi", 1, KeyState::kDeactivated, 1000000)};
  int lists = 0;
  keeper.on_list = [&] {
    coffer.clock.Advance(1);
    if (++lists == 2) keeper.keys[0].links = 400000;
    if (lists == 3) keeper.keys[0].state = KeyState::kDestroyed;
  };
  ASSERT_EQ(coffer.RunHere({"key", "rotate", "--all"}), Exit::kDone);
  EXPECT_NE(coffer.err().find("60%"), std::string::npos) << coffer.err();
  EXPECT_NE(coffer.err().find("400,000 left"), std::string::npos)
      << coffer.err();
  EXPECT_NE(coffer.err().find("600,000/s"), std::string::npos) << coffer.err();
  for (size_t start = 0; start < coffer.err().size();) {
    size_t end = std::min(coffer.err().find_first_of("\r\n", start),
                          coffer.err().size());
    EXPECT_LE(end - start, 79u);
    start = end + 1;
  }
}

TEST(KeyRotate, ControlCLeavesItRunningAndSaysSo) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.keys = {Kek(1, "citi", 1, KeyState::kDeactivated, 1000)};
  pthread_t self = pthread_self();
  int lists = 0;
  keeper.on_list = [&] {
    if (++lists > 2) pthread_kill(self, SIGINT);
  };
  ASSERT_EQ(coffer.RunHere({"key", "rotate", "--institution", "citi"}),
            Exit::kDone);
  EXPECT_NE(coffer.out().find("1,000 left under version 1"), std::string::npos)
      << coffer.out();
  EXPECT_NE(coffer.err().find("left running"), std::string::npos);
}

TEST(KeyRotate, AKeeperThatGoesAwayIsToldWithItsExitCode) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.keys = {Kek(1, "citi", 1, KeyState::kDeactivated, 1000)};
  int lists = 0;
  keeper.on_list = [&] { keeper.gone = ++lists == 2; };
  EXPECT_EQ(coffer.RunHere({"key", "rotate", "--institution", "citi"}),
            Exit::kUnreachable);
  EXPECT_NE(coffer.err().find("goes on by itself"), std::string::npos)
      << coffer.err();
}

TEST(KeyRotate, OfOtherKeysIsDoneAtOnce) {
  Coffer coffer;
  Keeper keeper(coffer);
  for (auto [flag, target] : {std::pair("--token", wire::RotateTarget::kToken),
                              {"--audit", wire::RotateTarget::kAudit},
                              {"--ingest", wire::RotateTarget::kIngest},
                              {"--evidence", wire::RotateTarget::kEvidence},
                              {"--root", wire::RotateTarget::kRoot}}) {
    ASSERT_EQ(coffer.RunHere({"key", "rotate", flag}), Exit::kDone);
    EXPECT_EQ(keeper.rotate.target, target);
    EXPECT_TRUE(Fits80(coffer.out())) << coffer.out();
  }
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kKeyList), 0);
  ASSERT_EQ(coffer.RunHere({"key", "rotate", "--all", "--detach"}),
            Exit::kDone);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kKeyList), 0);
  EXPECT_NE(coffer.out().find("1 new version"), std::string::npos);
}

TEST(Approval, AwaitedByAVerbPrintsTheOperationAndExitsOne) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.awaits = true;
  FillKeys(keeper);
  for (std::vector<std::string> words : std::vector<std::vector<std::string>>{
           {"key", "rotate", "--root"},
           {"key", "destroy", "03ab00"},
           {"institution", "withdraw", "citi"},
           {"slot", "remove", "1"},
           {"zeroize"}}) {
    EXPECT_EQ(coffer.RunHere(words), Exit::kRefused) << words[0];
    EXPECT_NE(coffer.err().find("op_0102030405060708"), std::string::npos)
        << coffer.err();
    EXPECT_NE(coffer.err().find("coffer op approve"), std::string::npos);
    EXPECT_EQ(coffer.out(), "");
    words.push_back("--json");
    EXPECT_EQ(coffer.RunHere(words), Exit::kRefused);
    EXPECT_EQ(coffer.out(),
              "{\"awaiting\":\"op_0102030405060708\",\"approvals\":0,"
              "\"needed\":2}\n");
  }
}

TEST(Institution, ListFitsAndNamesWhatIsLeftToDo) {
  Coffer coffer;
  Keeper keeper(coffer);
  InstitutionRow row;
  row.name = "a-name-of-thirty-two-characters-";
  row.state = wire::InstitutionState::kWithdrawn;
  row.counted = true;
  row.dead = 10000000;
  keeper.institutions = {row, row, row};
  keeper.institutions[1].in_policy = true;
  keeper.institutions[1].version = 4;
  keeper.institutions[1].to_rewrap = 4321;
  keeper.institutions[2].counted = false;
  ASSERT_EQ(coffer.RunHere({"institution", "list"}), Exit::kDone);
  EXPECT_TRUE(Fits80(coffer.out())) << coffer.out();
  EXPECT_NE(coffer.out().find("4,321"), std::string::npos);
  ASSERT_EQ(coffer.RunHere({"institution", "list", "--json"}), Exit::kDone);
  EXPECT_NE(coffer.out().find("\"to_rewrap\":4321"), std::string::npos);
}

TEST(Institution, WithdrawalNamesHowManyLinksDieBeforeItActs) {
  Coffer coffer;
  Keeper keeper(coffer);
  InstitutionRow row;
  row.name = "citi";
  row.counted = true;
  row.links = 12345;
  keeper.institutions = {row};
  coffer.terminal.input_is_terminal = true;
  EXPECT_EQ(coffer.RunHere({"institution", "withdraw", "citi"}),
            Exit::kRefused);
  EXPECT_NE(coffer.terminal.asked.find("12,345 links"), std::string::npos)
      << coffer.terminal.asked;
  EXPECT_TRUE(Fits80(coffer.terminal.asked + " [y/N] "));
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kInstitutionChange), 0);
  coffer.terminal.says_yes = true;
  EXPECT_EQ(coffer.RunHere({"institution", "withdraw", "citi"}), Exit::kDone);
  EXPECT_EQ(keeper.institution, "citi");
  EXPECT_NE(coffer.err().find("coffer key export and coffer backup create"),
            std::string::npos);
  EXPECT_EQ(keeper.action, wire::InstitutionAction::kWithdraw);
  for (auto [verb, action] :
       {std::pair("suspend", wire::InstitutionAction::kSuspend),
        {"resume", wire::InstitutionAction::kResume},
        {"admit", wire::InstitutionAction::kAdmit}}) {
    EXPECT_EQ(coffer.RunHere({"institution", verb, "citi"}), Exit::kDone);
    EXPECT_EQ(keeper.action, action);
  }
}

TEST(Zeroize, AsksOnATerminalAndTakesTheKeepersEndForItsAnswer) {
  Coffer coffer;
  Keeper keeper(coffer);
  coffer.terminal.input_is_terminal = true;
  EXPECT_EQ(coffer.RunHere({"zeroize"}), Exit::kRefused);
  EXPECT_NE(coffer.terminal.asked.find("no link opens again"),
            std::string::npos);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kZeroize), 0);
  EXPECT_EQ(coffer.RunHere({"zeroize", "--yes"}), Exit::kDone);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kZeroize), 1);
}

}  // namespace
}  // namespace coffer::cli
