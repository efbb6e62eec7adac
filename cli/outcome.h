// How a verb of `coffer` ends: the exit codes that scripts rely on, and a value
// or a failure whose text is for a person. Runs in the CLI only. A failure's
// text never holds a secret.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "crypto/base/result.h"

namespace coffer::cli {

enum class Exit : int {
  kDone = 0,         // `status`: operational
  kRefused = 1,      // refused or failed
  kUsage = 2,        // the command line is wrong
  kSealed = 3,       // unseal first
  kUnreachable = 4,  // nobody answers at the socket
};

// Printed as "coffer: what; next".
struct Failure {
  Exit exit = Exit::kRefused;
  std::string what;
  std::string next;       // what to do; may be empty
  std::string body = {};  // with --json, for standard output
};

// Value: a T or a Failure.
template <typename T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : state_(std::move(value)) {}            // NOLINT: implicit
  Outcome(Failure failure) : state_(std::move(failure)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  const Failure& failure() const {
    COFFER_CHECK(!ok());
    return *std::get_if<1>(&state_);
  }
  T& value() {
    COFFER_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T& operator*() { return value(); }
  T* operator->() { return &value(); }

 private:
  std::variant<T, Failure> state_;
};

using Done = Outcome<base::Nothing>;

}  // namespace coffer::cli
