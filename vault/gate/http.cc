#include "vault/gate/http.h"

#include <boost/beast/http/basic_parser.hpp>
#include <cstring>
#include <new>
#include <optional>

#include "crypto/base/secret_bytes.h"

namespace coffer::gate {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

// A piece of the request by its place, since the buffer may move.
struct Piece {
  uint32_t at = 0;
  uint32_t size = 0;
  bool given = false;
};

bool SameLetters(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    char letter = a[i];
    if (letter >= 'A' && letter <= 'Z') {
      letter = static_cast<char>(letter - 'A' + 'a');
    }
    if (letter != lower[i]) return false;
  }
  return true;
}

int StatusOf(const beast::error_code& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  if (error == http::error::buffer_overflow) return 431;
  return 400;
}

class Header final : public http::basic_parser<true> {
 public:
  Header() {
    header_limit(base::kHttpHeaderBytesMax);
    body_limit(base::kHttpBodyBytesMax);
    eager(true);
    // The body is taken by its length; the parser sees the header only.
    skip(true);
  }

  void SetBase(const char* start, const char* end) {
    start_ = start;
    end_ = end;
  }

  Piece method;
  Piece target;
  Piece content_type;
  Piece if_match;
  Piece idempotency_key;
  Piece signed_consent;
  bool transfer_encoding = false;
  bool old_version = false;
  bool expects_continue = false;
  int status = 0;  // our own reason to refuse

 private:
  using View = beast::string_view;

  void Refuse(int with, beast::error_code& error) {
    status = with;
    error = http::error::bad_value;
  }
  // False when the bytes are not in the buffer (a folded field).
  bool Locate(View view, Piece& piece) const {
    const char* data = view.data();
    if (view.empty()) {
      piece = {0, 0, true};
      return true;
    }
    if (data < start_ || data + view.size() > end_) return false;
    piece = {static_cast<uint32_t>(data - start_),
             static_cast<uint32_t>(view.size()), true};
    return true;
  }
  void Once(View value, Piece& piece, beast::error_code& error) {
    if (piece.given || !Locate(value, piece)) Refuse(400, error);
  }

  void on_request_impl(http::verb, View name, View path, int version,
                       beast::error_code& error) override {
    old_version = version < 11;
    if (!Locate(name, method) || !Locate(path, target)) Refuse(400, error);
  }
  void on_field_impl(http::field field, View name, View value,
                     beast::error_code& error) override {
    if (++fields_ > base::kHttpHeadersMax) return Refuse(431, error);
    Piece any;
    if (!Locate(value, any)) return Refuse(400, error);
    switch (field) {
      case http::field::content_type:
        return Once(value, content_type, error);
      case http::field::if_match:
        return Once(value, if_match, error);
      case http::field::host:
        return Once(value, host_, error);
      case http::field::transfer_encoding:
        transfer_encoding = true;
        return;
      case http::field::expect:
        expects_continue =
            SameLetters({value.data(), value.size()}, "100-continue");
        return;
      default:
        if (SameLetters({name.data(), name.size()}, "idempotency-key")) {
          Once(value, idempotency_key, error);
        } else if (SameLetters({name.data(), name.size()}, "signed-consent")) {
          Once(value, signed_consent, error);
        }
        return;
    }
  }
  void on_header_impl(beast::error_code&) override {}
  void on_finish_impl(beast::error_code&) override {}
  void on_response_impl(int, View, int, beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&,
                         beast::error_code&) override {}
  std::size_t on_body_impl(View, beast::error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, View, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View,
                                 beast::error_code&) override {
    return 0;
  }

  const char* start_ = nullptr;
  const char* end_ = nullptr;
  Piece host_;
  size_t fields_ = 0;
};

}  // namespace

struct HttpInput::HeaderParser {
  std::optional<Header> header;
};

HttpInput::HttpInput() : parser_(std::make_unique<HeaderParser>()) {}
HttpInput::~HttpInput() {
  if (buffer_ != nullptr && end_ > begin_) Consume(true);
}
HttpInput::HttpInput(HttpInput&&) noexcept = default;
HttpInput& HttpInput::operator=(HttpInput&&) noexcept = default;

// Moves what is there to the front, or to a larger buffer, so that a request of
// `request_bytes` fits.
void HttpInput::MakeRoom(size_t request_bytes) {
  size_t used = end_ - begin_;
  if (capacity_ < request_bytes) {
    auto larger = std::make_unique_for_overwrite<char[]>(request_bytes);
    if (used > 0) {
      std::memcpy(larger.get(), buffer_.get() + begin_, used);
      base::Wipe({reinterpret_cast<uint8_t*>(buffer_.get()) + begin_, used});
    }
    buffer_ = std::move(larger);
    capacity_ = request_bytes;
  } else if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, used);
  }
  begin_ = 0;
  end_ = used;
}

base::MutableBytes HttpInput::Space() {
  size_t wanted = kInitialBytes;
  if (header_bytes_ > 0) {
    wanted = std::max(wanted, header_bytes_ + body_bytes_);
  }
  if (capacity_ < wanted || capacity_ - begin_ < wanted || end_ == capacity_) {
    MakeRoom(wanted);
  }
  return {reinterpret_cast<uint8_t*>(buffer_.get()) + end_, capacity_ - end_};
}

void HttpInput::Filled(size_t size) {
  COFFER_CHECK(size <= capacity_ - end_);
  end_ += size;
}

HttpStep HttpInput::Fault(int status) {
  fault_ = status;
  return HttpStep::kFault;
}

HttpStep HttpInput::ParseHeader() {
  const char* bytes = buffer_.get();
  if (!parser_->header.has_value()) {
    // An empty line before a request is passed over (RFC 9112 section 2.2).
    while (end_ - begin_ >= 2 && bytes[begin_] == '\r' &&
           bytes[begin_ + 1] == '\n') {
      begin_ += 2;
    }
    if (begin_ == end_ || (end_ - begin_ == 1 && bytes[begin_] == '\r')) {
      return HttpStep::kNeedMore;
    }
    parser_->header.emplace();
    parsed_ = 0;
  }
  Header& header = *parser_->header;
  const char* start = bytes + begin_;
  size_t there = std::min(end_ - begin_, base::kHttpHeaderBytesMax);
  header.SetBase(start, start + there);
  beast::error_code error;
  parsed_ += header.put({start + parsed_, there - parsed_}, error);
  if (error == http::error::need_more || (!error && !header.is_done())) {
    if (there == base::kHttpHeaderBytesMax) return Fault(431);
    return HttpStep::kNeedMore;
  }
  if (header.status != 0) return Fault(header.status);
  if (error) return Fault(StatusOf(error));
  if (header.transfer_encoding) return Fault(411);
  uint64_t body = header.content_length().value_or(0);
  if (body > base::kHttpBodyBytesMax) return Fault(413);
  header_bytes_ = parsed_;
  body_bytes_ = static_cast<size_t>(body);
  continue_wanted_ =
      header.expects_continue && body_bytes_ > 0 && !header.old_version;
  return HttpStep::kRequest;
}

HttpStep HttpInput::Next() {
  if (fault_ != 0) return HttpStep::kFault;
  if (header_bytes_ == 0) {
    HttpStep step = ParseHeader();
    if (step != HttpStep::kRequest) return step;
  }
  if (end_ - begin_ < header_bytes_ + body_bytes_) return HttpStep::kNeedMore;
  continue_wanted_ = false;
  Fill(request_);
  return HttpStep::kRequest;
}

void HttpInput::Fill(HttpRequest& request) const {
  const Header& header = *parser_->header;
  const char* start = buffer_.get() + begin_;
  auto text = [start](const Piece& piece) {
    return std::string_view(start + piece.at, piece.size);
  };
  request.method = text(header.method);
  request.target = text(header.target);
  request.content_type = text(header.content_type);
  request.if_match = text(header.if_match);
  request.idempotency_key = text(header.idempotency_key);
  request.signed_consent = text(header.signed_consent);
  request.has_signed_consent = header.signed_consent.given;
  request.has_content_type = header.content_type.given;
  request.has_if_match = header.if_match.given;
  request.has_idempotency_key = header.idempotency_key.given;
  request.body = {start + header_bytes_, body_bytes_};
  request.keep_alive = header.keep_alive();
  request.old_version = header.old_version;
}

void HttpInput::Consume(bool wipe) {
  size_t size = header_bytes_ + body_bytes_;
  if (header_bytes_ == 0 || size > end_ - begin_) size = end_ - begin_;
  if (wipe) {
    base::Wipe({reinterpret_cast<uint8_t*>(buffer_.get()) + begin_, size});
  }
  begin_ += size;
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (capacity_ > kInitialBytes) {
      buffer_.reset();
      capacity_ = 0;
    }
  }
  parser_->header.reset();
  header_bytes_ = body_bytes_ = parsed_ = 0;
  continue_wanted_ = false;
  request_ = {};
}

HttpPhase HttpInput::phase() const {
  if (header_bytes_ > 0) return HttpPhase::kBody;
  return begin_ == end_ ? HttpPhase::kIdle : HttpPhase::kHeader;
}

bool HttpInput::TakeContinue() {
  bool wanted = continue_wanted_ && end_ - begin_ == header_bytes_;
  if (wanted) continue_wanted_ = false;
  return wanted;
}

}  // namespace coffer::gate
