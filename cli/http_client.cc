#include "cli/http_client.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>

#include "cli/socket.h"

namespace coffer::cli {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

// Beast's parser, its body collected in a buffer that is wiped.
class AnswerParser final : public http::basic_parser<false> {
 public:
  explicit AnswerParser(HttpAnswer& answer) : answer_(answer) {
    eager(true);
    header_limit(8192);
    body_limit(kAnswerBodyBytesMax);
  }

 private:
  void on_request_impl(http::verb, string_view, string_view, int,
                       error_code&) override {}
  void on_response_impl(int code, string_view, int, error_code&) override {
    answer_.status = static_cast<unsigned>(code);
  }
  void on_field_impl(http::field field, string_view, string_view value,
                     error_code&) override {
    if (field == http::field::etag) answer_.etag = std::string(value);
    if (field == http::field::retry_after) {
      answer_.retry_after = std::string(value);
    }
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>& length,
                         error_code&) override {
    Grow(static_cast<size_t>(length.value_or(0)));
  }
  size_t on_body_impl(string_view body, error_code&) override {
    Add(body);
    return body.size();
  }
  void on_chunk_header_impl(uint64_t, string_view, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, string_view body, error_code&) override {
    Add(body);
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  // Beast holds what comes below body_limit.
  void Grow(size_t capacity) {
    if (capacity <= answer_.body.capacity()) return;
    base::SecretBuffer larger(std::max(capacity, 2 * answer_.body.capacity()));
    COFFER_CHECK(larger.Append(answer_.body.view()));
    answer_.body = std::move(larger);
  }
  void Add(string_view body) {
    Grow(answer_.body.size() + body.size());
    COFFER_CHECK(
        answer_.body.Append(base::AsBytes({body.data(), body.size()})));
  }

  HttpAnswer& answer_;
};

Failure Lost(const char* what) {
  return {Exit::kUnreachable, what, "see cofferd's log; run coffer status"};
}

Failure Malformed() {
  return {Exit::kUnreachable, "the answer is not HTTP, or above the limits",
          "name cofferd's own socket"};
}

Done SendHead(int socket, const HttpRequest& request) {
  std::string head = request.method + " " + request.target +
                     " HTTP/1.1\r\nHost: coffer\r\nAccept: application/json, "
                     "application/problem+json\r\n";
  for (const auto& [name, value] : request.headers) {
    head += name + ": " + value + "\r\n";
  }
  if (!request.body.empty()) head += "Content-Type: application/json\r\n";
  if (!request.body.empty() || request.method != "GET") {
    head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  head += "\r\n";
  if (!os::WriteFull(socket, base::AsBytes(head)).ok() ||
      !os::WriteFull(socket, request.body).ok()) {
    return Lost("the connection was closed while sending");
  }
  return base::Nothing{};
}

}  // namespace

Outcome<HttpClient> HttpClient::Connect(const std::string& path) {
  auto socket = ConnectSocket(path);
  if (!socket.ok()) return socket.failure();
  return HttpClient(std::move(*socket));
}

Outcome<HttpAnswer> HttpClient::Send(const HttpRequest& request) {
  // A server that refuses may answer before it has read everything.
  Done sent = SendHead(socket_.get(), request);
  HttpAnswer answer;
  AnswerParser parser(answer);
  base::SecretBuffer input(64 * 1024);
  while (!parser.is_done()) {
    base::MutableBytes room = input.whole().subspan(input.size());
    if (room.empty()) return Malformed();
    ssize_t got = recv(socket_.get(), room.data(), room.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return Lost("the vault did not answer within 10 s");
    }
    error_code error;
    if (got <= 0) {
      if (!sent.ok()) return sent.failure();
      if (!parser.got_some()) return Lost("the vault closed the connection");
      parser.put_eof(error);
      if (error) return Lost("the answer was cut short");
      keeps_ = false;
      break;
    }
    input.Resize(input.size() + static_cast<size_t>(got));
    base::Bytes pending = input.view();
    while (!pending.empty() && !parser.is_done()) {
      size_t used = parser.put(
          boost::asio::const_buffer(pending.data(), pending.size()), error);
      pending = pending.subspan(used);
      if (error == http::error::need_more) break;
      if (error) return Malformed();
    }
    std::copy(pending.begin(), pending.end(), input.whole().begin());
    input.Resize(pending.size());
  }
  keeps_ = keeps_ && parser.keep_alive();
  return answer;
}

std::string PercentEncode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                 c == '~';
    if (plain) {
      encoded += c;
    } else {
      encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return encoded;
}

}  // namespace coffer::cli
