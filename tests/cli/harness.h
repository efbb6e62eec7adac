// Fakes for the CLI's tests: a terminal, a keeper on an operator socket, a
// vault on a caller socket, and a run of `coffer` with all of them.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "cli/run.h"
#include "vault/os/descriptor.h"
#include "vault/wire/operator_message.h"

namespace coffer::cli {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  std::string operator/(const std::string& name) const {
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

void WriteFile(const std::string& path, std::string_view text,
               unsigned mode = 0600);
std::string ReadFile(const std::string& path);
unsigned ModeOf(const std::string& path);

class FakeTerminal final : public Terminal {
 public:
  bool InputIsTerminal() override { return input_is_terminal; }
  bool OutputIsTerminal() override { return output_is_terminal; }
  bool ErrorIsTerminal() override { return error_is_terminal; }
  Done ReadSecret(std::string_view prompt, base::SecretBuffer& line) override;
  bool Confirm(std::string_view question) override {
    asked = std::string(question);
    return says_yes;
  }

  bool input_is_terminal = false;
  bool output_is_terminal = false;
  bool error_is_terminal = false;
  std::vector<std::string> typed;  // one for each prompt
  bool says_yes = false;
  std::string asked;
};

// Accepts connections on a Unix socket, one thread each, until its end.
class FakeServer {
 public:
  using Serve = std::function<void(int socket)>;
  FakeServer(std::string path, Serve serve);
  ~FakeServer();
  const std::string& path() const { return path_; }
  int connections() const { return connections_; }

 private:
  void Accept();

  std::string path_;
  Serve serve_;
  os::FileDescriptor listener_;
  std::atomic<bool> ends_{false};
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

// An answer of the keeper: header and encoded fields.
struct KeeperAnswer {
  wire::OperatorCode code = wire::OperatorCode::kDone;
  std::string message;
  std::vector<uint8_t> fields;
  bool silent = false;  // hang up instead

  template <typename T>
  static KeeperAnswer Of(const T& item) {
    KeeperAnswer answer;
    answer.fields.resize(base::kOperatorFrameBytesMax);
    auto size = base::EncodeWhole(base::MutableBytes(answer.fields), item);
    answer.fields.resize(size.ok() ? *size : 0);
    return answer;
  }
};

class FakeKeeper {
 public:
  using Handler =
      std::function<KeeperAnswer(wire::OperatorOp op, base::Bytes fields)>;
  FakeKeeper(const std::string& path, Handler handler);
  // How often an operation was asked.
  int asked(wire::OperatorOp op);

 private:
  void Serve(int socket);

  Handler handler_;
  std::mutex mutex_;
  std::map<wire::OperatorOp, int> asked_;
  FakeServer server_;
};

struct HttpQuestion {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// Answers with whatever text the handler gives; an empty one hangs up.
class FakeVault {
 public:
  using Handler = std::function<std::string(const HttpQuestion& question)>;
  FakeVault(const std::string& path, Handler handler);
  std::vector<HttpQuestion> questions();
  int connections() const { return server_.connections(); }

 private:
  void Serve(int socket);

  Handler handler_;
  std::mutex mutex_;
  std::vector<HttpQuestion> questions_;
  FakeServer server_;
};

std::string HttpText(int status, const std::string& body,
                     const std::string& headers = "");

// One `coffer` with its world. Sockets and files lie in `directory`.
class Coffer {
 public:
  Coffer();
  Exit Run(std::vector<std::string> words);
  // The same with the flags of all three sockets before.
  Exit RunHere(std::vector<std::string> words);

  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }

  TemporaryDirectory directory;
  FakeTerminal terminal;
  base::FakeClock clock;
  std::map<std::string, std::string> environment;
  int input = -1;
  std::string default_config;
  std::string program_folder;

  std::string caller_socket() const { return directory / "caller.sock"; }
  std::string operator_socket() const { return directory / "operator.sock"; }
  std::string monitor_socket() const { return directory / "monitor.sock"; }

 private:
  std::ostringstream out_;
  std::ostringstream err_;
};

// Every line within 80 columns.
::testing::AssertionResult Fits80(const std::string& text);

// A small policy and consent that are good.
inline constexpr const char* kPolicyText = R"(
[purposes.balance_display]
data_clusters = ["ACCOUNT_BASIC", "ACCOUNT_DETAILED"]
max_ttl = "5m"
[purposes.advertising]
prohibited = true

[institutions.citi]
name = "Citi"
purposes = ["balance_display"]
data_clusters = ["ACCOUNT_BASIC", "ACCOUNT_DETAILED"]

[callers.linker]
uid = 1001
links = ["create", "read", "update", "erase"]
[callers.messenger]
uid = 1002
issue = [{ purpose = "balance_display", audience = "connector" }]
[callers.connector]
uid = 1003
redeem = ["balance_display"]
)";
inline constexpr const char* kConsentText =
    R"({"consentId":"c-1","purposes":["balance_display"],)"
    R"("dataClusters":["ACCOUNT_DETAILED"],"durationType":"TIME_BOUND",)"
    R"("durationPeriod":90})";
inline constexpr const char* kLinkTextSample = "lnk_AAAAAAAAAAAAAAAAAAAAAA";

}  // namespace coffer::cli
