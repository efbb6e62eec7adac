#include "vault/api/config_file.h"

#include <gtest/gtest.h>

namespace coffer::api {
namespace {

std::string FindingsOf(std::string_view text) {
  Config config;
  Findings findings;
  const bool ok = ParseConfig(config, text, findings);
  EXPECT_EQ(ok, findings.ok());
  std::string out;
  for (const Finding& finding : findings.items) {
    out += FindingText("c", finding) + "\n";
  }
  return out;
}
Config Parsed(std::string_view text) {
  Config config;
  Findings findings;
  EXPECT_TRUE(ParseConfig(config, text, findings)) << FindingsOf(text);
  return config;
}

constexpr char kReference[] = R"(data_dir = "/srv/coffer"
policy   = "/srv/policy.toml"
[sockets]
caller   = { path = "/run/c/coffer.sock",   mode = "0666", group = "apps" }
operator = { path = "/run/c/operator.sock", mode = "0660" }
monitor  = { path = "/run/c/monitor.sock",  mode = "0640", group = "watch" }
[users]
gate = "gate"
keeper = "keeper"
)";

TEST(ConfigFile, ReadsTheFormOfTheReference) {
  EXPECT_EQ(FindingsOf(kReference), "");
  const Config config = Parsed(kReference);
  EXPECT_EQ(config.data_dir, "/srv/coffer");
  EXPECT_EQ(config.policy, "/srv/policy.toml");
  EXPECT_EQ(config.caller.path, "/run/c/coffer.sock");
  EXPECT_EQ(config.caller.mode, 0666u);
  EXPECT_EQ(config.caller.group.name, "apps");
  EXPECT_TRUE(config.caller.group.set);
  EXPECT_EQ(config.operators.path, "/run/c/operator.sock");
  EXPECT_EQ(config.operators.mode, 0660u);
  EXPECT_FALSE(config.operators.group.set);
  EXPECT_EQ(config.monitor.mode, 0640u);
  EXPECT_EQ(config.gate_user.name, "gate");
  EXPECT_TRUE(config.gate_user.set);
  EXPECT_EQ(config.keeper_user.name, "keeper");
}

TEST(ConfigFile, AnEmptyFileIsTheDefaults) {
  EXPECT_EQ(FindingsOf(""), "");
  const Config config = Parsed("");
  EXPECT_EQ(config.data_dir, "/var/lib/coffer");
  EXPECT_EQ(config.policy, "/etc/coffer/policy.toml");
  EXPECT_EQ(config.caller.path, "/run/coffer/coffer.sock");
  EXPECT_EQ(config.caller.mode, 0660u);
  EXPECT_EQ(config.caller.group.name, "coffer");
  EXPECT_FALSE(config.caller.group.set);
  EXPECT_EQ(config.operators.path, "/run/coffer/operator.sock");
  EXPECT_EQ(config.operators.mode, 0600u);
  EXPECT_EQ(config.operators.group.name, "");
  EXPECT_EQ(config.monitor.path, "/run/coffer/monitor.sock");
  EXPECT_EQ(config.gate_user.name, "coffer");
  EXPECT_FALSE(config.gate_user.set);
  EXPECT_EQ(config.keeper_user.name, "coffer-keeper");
}

TEST(ConfigFile, RefusesUnknownKeysWithTheirLine) {
  EXPECT_EQ(FindingsOf("data_dir = \"/a\"\ndatadir = \"/b\"\n[socket]\n"),
            "c:2: unknown key \"datadir\"\nc:3: unknown key \"socket\"\n");
  EXPECT_EQ(FindingsOf("[sockets]\nadmin = {}\n[users]\n\nroot = \"x\"\n"),
            "c:2: unknown key \"admin\" in sockets\n"
            "c:5: unknown key \"root\" in users\n");
  EXPECT_EQ(FindingsOf("[sockets]\ncaller = { owner = \"x\" }\n"),
            "c:2: unknown key \"owner\" in sockets.caller\n");
  EXPECT_EQ(FindingsOf("[limits]\nconnections = 5\n"),
            "c:2: unknown key \"connections\" in limits\n");
}

TEST(ConfigFile, RefusesPathsThatAreNotPlainAndAbsolute) {
  const std::string fault =
      "c:1: data_dir must be an absolute path without . and .. steps\n";
  for (const char* bad :
       {"", "var/lib", "./x", "~/x", "/", "//", "/a//b", "/a/", "/a/../b",
        "/..", "/a/./b", "/.", "/a\\u0000b", "/a\\nb"}) {
    EXPECT_EQ(FindingsOf("data_dir = \"" + std::string(bad) + "\"\n"), fault)
        << bad;
  }
  EXPECT_EQ(FindingsOf("data_dir = \"/a/..b/.c\"\n"), "");
  EXPECT_EQ(FindingsOf("data_dir = 1\n"), "c:1: data_dir must be a text\n");
}

TEST(ConfigFile, BoundsSocketPaths) {
  const auto path = [](size_t size) {
    return FindingsOf("[sockets]\ncaller = { path = \"/" +
                      std::string(size - 1, 'x') + "\" }\n");
  };
  EXPECT_EQ(path(107), "");
  EXPECT_EQ(path(108),
            "c:2: sockets.caller.path must be at most 107 bytes long\n");
  EXPECT_EQ(FindingsOf("[sockets]\ncaller = { path = \"/a/s\" }\nmonitor = { "
                       "path = \"/a/s\" }\n"),
            "c:1: two sockets have one path\n");
}

TEST(ConfigFile, ReadsModesAsOctal) {
  const auto mode = [](std::string_view socket, std::string_view value) {
    return FindingsOf("[sockets]\n" + std::string(socket) +
                      " = { mode = " + std::string(value) + " }\n");
  };
  for (const char* bad : {"\"\"", "\"660\"", "\"06600\"", "\"0680\"",
                          "\"4755\"", "\"066 \"", "\"-660\"", "\"0x66\""}) {
    EXPECT_EQ(mode("caller", bad),
              "c:2: sockets.caller.mode must be four octal digits, e.g. "
              "\"0660\"\n")
        << bad;
  }
  EXPECT_EQ(mode("caller", "432"), "c:2: sockets.caller.mode must be a text\n");
  EXPECT_EQ(mode("caller", "\"0060\""),
            "c:2: sockets.caller.mode must let the owner write\n");
  EXPECT_EQ(mode("caller", "\"0666\""), "");
  for (const char* open : {"\"0666\"", "\"0602\"", "\"0604\"", "\"0601\""}) {
    EXPECT_EQ(mode("operator", open),
              "c:2: sockets.operator.mode must give nothing to others: trust "
              "changes here\n");
  }
}

TEST(ConfigFile, RefusesNamesThatAreNone) {
  for (const char* bad : {"", "a b", "a:b", "a/b", "a\\nb"}) {
    EXPECT_EQ(FindingsOf("[users]\ngate = \"" + std::string(bad) + "\"\n"),
              "c:2: users.gate must be the name of a user or group\n");
  }
}

TEST(ConfigFile, SaysWhatIsReadAndNotUsedYet) {
  EXPECT_EQ(
      FindingsOf("[unseal]\nkey_file = \"/k\"\ncredential = \"coffer.key\"\n"
                 "\n\n\n\n[audit]\norigin = \"example\"\n"
                 "retention = \"1096d\"\nreserve = \"8MiB\"\n[anchor]\n"
                 "path = \"/mnt/a\"\n[limits]\nstore = \"1GiB\"\n"),
      "c:9: note: audit.origin is read and not used yet by this version\n"
      "c:10: note: audit.retention is read and not used yet by this version\n"
      "c:11: note: audit.reserve is read and not used yet by this version\n"
      "c:13: note: anchor.path is read and not used yet by this version\n");
}

TEST(ConfigFile, ReadsWhatUnsealsAtStart) {
  const Config config = Parsed(
      "[unseal]\nkey_file = \"/k\"\ncredential = \"coffer.key\"\n"
      "pkcs11_module = \"/m.so\"\npkcs11_token = \"coffer token\"\n"
      "pkcs11_key = \"seal\"\npkcs11_pin_file = \"/pin\"\n");
  EXPECT_EQ(config.unseal.key_file, "/k");
  EXPECT_EQ(config.unseal.credential, "coffer.key");
  EXPECT_EQ(config.unseal.pkcs11_module, "/m.so");
  EXPECT_EQ(config.unseal.pkcs11_token, "coffer token");
  EXPECT_EQ(config.unseal.pkcs11_key, "seal");
  EXPECT_EQ(config.unseal.pkcs11_pin_file, "/pin");
}

TEST(ConfigFile, RefusesWhatCannotUnseal) {
  const std::string together =
      "c:1: unseal.pkcs11_module, pkcs11_token and pkcs11_key go together\n";
  const std::string module = "[unseal]\npkcs11_module = \"/m.so\"\n";
  const std::string token = "pkcs11_token = \"t\"\n";
  const std::string key = "pkcs11_key = \"k\"\n";
  EXPECT_EQ(FindingsOf(module + token + key), "");
  EXPECT_EQ(FindingsOf(module), together);
  EXPECT_EQ(FindingsOf(module + token), together);
  EXPECT_EQ(FindingsOf(module + key), together);
  EXPECT_EQ(FindingsOf("[unseal]\n" + token + key), together);
  EXPECT_EQ(FindingsOf("[unseal]\npkcs11_pin_file = \"/pin\"\n"), together);
  EXPECT_EQ(FindingsOf(module + token + "pkcs11_key = \"" +
                       std::string(33, 'k') + "\"\n"),
            "c:4: unseal.pkcs11_key must be 1 to 32 bytes without control "
            "characters\n");
  for (const char* bad : {"/run/key", "..", ".key", "a/b"}) {
    EXPECT_EQ(
        FindingsOf("[unseal]\ncredential = \"" + std::string(bad) + "\"\n"),
        "c:2: unseal.credential must be a credential's name, not a "
        "path\n")
        << bad;
  }
}

TEST(ConfigFile, AQuorumHasNoThresholdOrTwoToTheNumberOfApprovers) {
  const std::string two = "approvers = [\"/a.pub\", \"/b.pub\"]\n";
  EXPECT_EQ(FindingsOf("[quorum]\nthreshold = 2\n" + two), "");
  EXPECT_EQ(Parsed("[quorum]\nthreshold = 2\n" + two).quorum.threshold, 2u);
  EXPECT_EQ(FindingsOf("[quorum]\nthreshold = 0\n" + two), "");
  EXPECT_EQ(FindingsOf("[quorum]\nthreshold = 0\n"), "");
  for (const char* bad : {"1", "3", "16"}) {
    EXPECT_EQ(
        FindingsOf("[quorum]\nthreshold = " + std::string(bad) + "\n" + two),
        "c:2: quorum.threshold must be 0, or 2 to the number of "
        "approvers\n")
        << bad;
  }
  EXPECT_EQ(FindingsOf("[quorum]\nthreshold = 2\napprovers = [\"a.pub\", "
                       "\"/b.pub\"]\n"),
            "c:3: quorum.approvers must be absolute paths\n");
  std::string many = "[quorum]\napprovers = [";
  for (int i = 0; i < 17; ++i) many += "\"/" + std::to_string(i) + "\", ";
  EXPECT_EQ(FindingsOf(many + "]\n"),
            "c:2: quorum.approvers names more than 16 files\n");
}

TEST(ConfigFile, ReadsAmountsWithUnits) {
  EXPECT_EQ(Parsed("[limits]\nstore = \"1MiB\"\n").limits.store_bytes_max,
            uint64_t{1} << 20);
  EXPECT_EQ(Parsed("[limits]\nstore = \"16384GiB\"\n").limits.store_bytes_max,
            uint64_t{1} << 44);
  EXPECT_EQ(Parsed("[limits]\njournal = 1048577\n").limits.journal_bytes_max,
            1048577u);
  EXPECT_EQ(Parsed("[audit]\nretention = \"30d\"\n").audit.retention_days, 30u);
  EXPECT_EQ(Parsed("[audit]\nretention = 31\n").audit.retention_days, 31u);
  for (const char* bad :
       {"\"\"", "\"1\"", "\"1MB\"", "\"MiB\"", "\"01MiB\"", "\"1 MiB\"",
        "\"16385GiB\"", "\"1023KiB\"", "0", "-1", "1048575", "1.5", "true",
        "\"99999999999GiB\"", "\"-1GiB\""}) {
    EXPECT_EQ(FindingsOf("[limits]\nstore = " + std::string(bad) + "\n"),
              "c:2: limits.store must be \"1MiB\" to \"16384GiB\", or that "
              "many bytes\n")
        << bad;
  }
}

TEST(ConfigFile, NamesTheLineOfASyntaxError) {
  const std::string findings = FindingsOf("data_dir = \"/a\"\npolicy = \n");
  EXPECT_EQ(findings.substr(0, 14), "c:2: not TOML:");
  EXPECT_EQ(FindingsOf(std::string(kConfigTextBytesMax + 1, '\n')),
            "c: the file is too long: at most 262144 bytes\n");
}

}  // namespace
}  // namespace coffer::api
