// The caller and monitor sockets as `coffer` uses them: HTTP/1.1, one request
// and one answer at a time on a kept connection. Runs in the CLI only. Bodies
// may carry a bank token or an access token, so all buffers are wiped. Refuses
// answers past 8 KiB of headers or 4 MiB of body.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/outcome.h"
#include "crypto/base/secret_bytes.h"
#include "vault/os/descriptor.h"

namespace coffer::cli {

inline constexpr size_t kAnswerBodyBytesMax = 4 << 20;

struct HttpRequest {
  std::string method = "GET";
  std::string target;  // already percent-encoded
  std::vector<std::pair<std::string, std::string>> headers;
  base::Bytes body;  // JSON; empty: none
};

struct HttpAnswer {
  unsigned status = 0;
  std::string etag;
  std::string retry_after;
  base::SecretBuffer body;

  bool good() const { return status >= 200 && status < 300; }
  std::string_view text() const { return base::AsText(body.view()); }
};

// Resource: one connection.
class HttpClient {
 public:
  static Outcome<HttpClient> Connect(const std::string& path);

  // An answer of any status; a failure is of the connection.
  Outcome<HttpAnswer> Send(const HttpRequest& request);
  // False when the server will close after the last answer.
  bool keeps() const { return keeps_; }

 private:
  explicit HttpClient(os::FileDescriptor socket) : socket_(std::move(socket)) {}

  os::FileDescriptor socket_;
  bool keeps_ = true;
};

// For one segment of a path or one value of a query.
std::string PercentEncode(std::string_view text);

}  // namespace coffer::cli
