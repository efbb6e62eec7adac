// What `coffer` asks a person: a secret without echo, a yes or a no. Runs in
// the CLI only. Refuses to ask when nobody is there to answer.
#pragma once

#include <string_view>

#include "cli/outcome.h"
#include "crypto/base/secret_bytes.h"

namespace coffer::cli {

class Terminal {
 public:
  virtual ~Terminal() = default;
  virtual bool InputIsTerminal() = 0;
  virtual bool OutputIsTerminal() = 0;
  virtual bool ErrorIsTerminal() = 0;  // where prompts and progress go
  // Writes `prompt`, reads one line without echo into `line` (its end dropped).
  virtual Done ReadSecret(std::string_view prompt,
                          base::SecretBuffer& line) = 0;
  // True for "y" or "yes".
  virtual bool Confirm(std::string_view question) = 0;
};

// Standard input and standard error. Echo comes back at the end of a prompt,
// also when a signal ends or stops the program in the middle of it.
class UnixTerminal final : public Terminal {
 public:
  explicit UnixTerminal(int input = 0, int error = 2)
      : input_(input), error_(error) {}
  bool InputIsTerminal() override;
  bool OutputIsTerminal() override;
  bool ErrorIsTerminal() override;
  Done ReadSecret(std::string_view prompt, base::SecretBuffer& line) override;
  bool Confirm(std::string_view question) override;

 private:
  int input_;
  int error_;
};

}  // namespace coffer::cli
