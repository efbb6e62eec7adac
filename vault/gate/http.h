// HTTP/1.1 requests out of a connection's bytes, under the limits of
// crypto/base/limits.h. Runs in the gate; Boost.Beast's parser reads the
// header, and no memory is allocated for a request that fits the buffer.
// Refuses chunked bodies (411), bodies above 64 KiB (413), headers above 8 KiB
// or 32 fields (431), and all that is malformed, folded or given twice (400).
#pragma once

#include <memory>

#include "crypto/base/bytes.h"
#include "crypto/base/limits.h"

namespace coffer::gate {

// Views into the input's buffer, good until Consume().
struct HttpRequest {
  std::string_view method;
  std::string_view target;
  std::string_view content_type;
  std::string_view if_match;
  std::string_view idempotency_key;
  std::string_view signed_consent;
  std::string_view body;
  bool has_content_type = false;
  bool has_if_match = false;
  bool has_idempotency_key = false;
  bool has_signed_consent = false;
  bool keep_alive = true;
  bool old_version = false;  // HTTP/1.0
};

enum class HttpStep : uint8_t {
  kNeedMore,  // read more bytes into Space()
  kRequest,   // request() is whole
  kFault,     // answer fault(), then close
};

// What is waited for, which decides the deadline.
enum class HttpPhase : uint8_t { kIdle, kHeader, kBody };

// Resource: the input side of one connection. `end == start` of a request is
// kept apart so that several requests may stand in the buffer (pipelining).
class HttpInput {
 public:
  static constexpr size_t kInitialBytes = base::kHttpHeaderBytesMax + 1024;

  HttpInput();
  ~HttpInput();
  HttpInput(HttpInput&&) noexcept;
  HttpInput& operator=(HttpInput&&) noexcept;

  // Room to read into; never empty after a step that needs more.
  base::MutableBytes Space();
  // `size` bytes of Space() were filled.
  void Filled(size_t size);

  // Looks at the bytes that are there. After kRequest, call Consume() before
  // the next Next().
  HttpStep Next();
  const HttpRequest& request() const { return request_; }
  int fault() const { return fault_; }  // an HTTP status
  // Drops the request's bytes; overwrites them first when `wipe`.
  void Consume(bool wipe);

  HttpPhase phase() const;
  // True once, when the client waits for "100 Continue" before its body.
  bool TakeContinue();
  // True when no byte of a further request is there.
  bool empty() const { return begin_ == end_; }

 private:
  struct HeaderParser;

  HttpStep Fault(int status);
  HttpStep ParseHeader();
  void Fill(HttpRequest& request) const;
  void MakeRoom(size_t request_bytes);

  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0;         // of the request that is being read
  size_t end_ = 0;           // of the bytes that are there
  size_t parsed_ = 0;        // of the request, given to the parser
  size_t header_bytes_ = 0;  // 0: the header is not whole yet
  size_t body_bytes_ = 0;
  int fault_ = 0;
  bool continue_wanted_ = false;
  std::unique_ptr<HeaderParser> parser_;
  HttpRequest request_;
};

}  // namespace coffer::gate
