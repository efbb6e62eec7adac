// Result<T>: a value or one of a dozen failures. The message is a compile-time
// literal, so nothing a peer sent can enter an error text. Used by every room;
// the rooms with keys build without exceptions.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>

#include "crypto/base/check.h"

namespace coffer::base {

enum class Code : uint8_t {
  kInvalid = 1,  // malformed or out of bounds; the caller can mend it
  kNotFound,     // no such thing
  kConflict,     // the state does not allow it now
  kDenied,       // not authentic, or not allowed
  kSealed,       // no keys are open
  kDamaged,      // stored bytes are not what was written
  kNewerFormat,  // written by a later version of this program
  kFull,         // a fixed table or the disk is full
  kIo,           // the system refused; see the log for errno
  kUnreachable,  // the other end is not there
  kTooLarge,     // above a stated limit
};

struct Error {
  Code code;
  const char* message;  // static storage; set from a literal only
};

// The only maker of Errors: a literal is checked at compile time.
struct Literal {
  consteval Literal(const char* literal) : text(literal) {}
  const char* text;
};
inline Error Fail(Code code, Literal message) { return {code, message.text}; }

struct Nothing {};

template <typename T>
class [[nodiscard]] Result {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, Nothing, T>;

  Result(Value value) : state_(std::move(value)) {}  // NOLINT: implicit
  Result(Error error) : state_(error) {}             // NOLINT: implicit
  Result() requires std::is_void_v<T> : state_(Nothing{}) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  const Error& error() const {
    COFFER_CHECK(!ok());
    return *std::get_if<1>(&state_);
  }
  Value& value() & {
    COFFER_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  const Value& value() const& {
    COFFER_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  Value&& value() && {
    COFFER_CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  Value& operator*() & { return value(); }
  const Value& operator*() const& { return value(); }
  Value* operator->() { return &value(); }
  const Value* operator->() const { return &value(); }

 private:
  std::variant<Value, Error> state_;
};

using Status = Result<void>;

}  // namespace coffer::base

// Returns the error of `expression` from the calling function, if it has one.
#define COFFER_TRY(expression)                            \
  do {                                                    \
    if (auto coffer_try = (expression); !coffer_try.ok()) \
      return coffer_try.error();                          \
  } while (false)
