#include "cli/importer.h"

#include <algorithm>
#include <chrono>

#include "cli/commands/commands.h"
#include "cli/text.h"
#include "vault/api/response.h"

namespace coffer::cli {
namespace {

constexpr int kTries = 6;
constexpr auto kFirstPause = std::chrono::milliseconds(100);
// An unseal refuses for 5 s what a fast clock could have sealed before it; and
// where the vault remembers all the uploads it can, each goes after 300 s.
constexpr auto kAnewPause = std::chrono::milliseconds(2000);

enum class Verdict {
  kStored,
  kStoredBefore,
  kLineRefused,
  kTryAgain,
  kSealAnew,
  kWait,  // however long
  kStop
};

std::string Member(std::string_view body, std::string_view key) {
  auto parsed = ParseAnswer(body);
  if (!parsed.ok() || !parsed->root().is(api::JsonKind::kObject)) return "";
  api::JsonValue found = parsed->root();
  if (!parsed->root().Find(key, found) || !found.is(api::JsonKind::kText)) {
    return "";
  }
  return Printable(found.text());
}

// What the vault says of sealed lines alone.
std::optional<Verdict> JudgeSealed(const std::string& detail) {
  if (detail == api::kIdempotencyConflict.detail) return Verdict::kStoredBefore;
  if (detail == api::ProblemOf(wire::Rule::kUploadStale).detail) {
    return Verdict::kSealAnew;
  }
  if (detail == api::ProblemOf(wire::Rule::kSpentTokensFull).detail) {
    return Verdict::kWait;
  }
  return std::nullopt;
}

// Whether an answer speaks of this line, of this moment, or of every line.
Verdict Judge(const HttpAnswer& answer, const std::string& error) {
  if (answer.good()) return Verdict::kStored;
  switch (answer.status) {
    case 400:
    case 404:
    case 413:
      return Verdict::kLineRefused;
    case 403:
      return error == "unauthorized_client" ? Verdict::kStop
                                            : Verdict::kLineRefused;
    case 408:
    case 409:  // the same key is still in work
    case 429:
      return Verdict::kTryAgain;
    case 503:
      return error == "sealed" ? Verdict::kStop : Verdict::kTryAgain;
    default:
      return Verdict::kStop;
  }
}

bool Blank(base::Bytes line) {
  return std::all_of(line.begin(), line.end(),
                     [](uint8_t c) { return c == ' ' || c == '\t'; });
}

}  // namespace

Importer::Importer(std::string socket, LineReader reader, size_t connections,
                   Seal seal)
    : socket_(std::move(socket)),
      seal_(std::move(seal)),
      reader_(std::move(reader)),
      next_(reader_.number() + 1),
      working_(connections) {
  for (size_t i = 0; i < connections; ++i) {
    threads_.emplace_back([this] { Work(); });
  }
}

Importer::~Importer() {
  Stop({Exit::kRefused, "stopped", ""});
  for (std::thread& thread : threads_) thread.join();
}

void Importer::Stop(Failure why) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!stopped_) stopped_ = std::move(why);
}

bool Importer::stopping() {
  std::lock_guard<std::mutex> lock(mutex_);
  return stopped_.has_value();
}

bool Importer::Advance(unsigned milliseconds, const Take& take) {
  std::vector<ImportedLine> ready;
  uint64_t first = 0;
  bool more = true;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait_for(lock, std::chrono::milliseconds(milliseconds),
                   [this] { return working_ == 0; });
    first = next_;
    for (auto it = finished_.find(next_); it != finished_.end();
         it = finished_.find(next_)) {
      ready.push_back(std::move(it->second));
      finished_.erase(it);
      ++next_;
    }
    more = working_ != 0;
  }
  for (const ImportedLine& line : ready) take(first++, line);
  return more;
}

Outcome<HttpAnswer> Importer::Send(std::optional<HttpClient>& client,
                                   const HttpRequest& request) {
  if (!client) {
    auto connected = HttpClient::Connect(socket_);
    if (!connected.ok()) return connected.failure();
    client.emplace(std::move(*connected));
  }
  auto answer = client->Send(request);
  if (!answer.ok() || !client->keeps()) client.reset();
  return answer;
}

bool Importer::SendLine(std::optional<HttpClient>& client, base::Bytes body,
                        ImportedLine& line) {
  HttpRequest request;
  request.method = "POST";
  request.target = "/v1/links";
  request.headers.emplace_back("Idempotency-Key", line.key);
  request.body = body;
  std::string sealed;
  auto pause = kFirstPause;
  Failure last{Exit::kUnreachable, "the vault does not answer", ""};
  for (int tries = 0; tries < kTries; ++tries) {
    if (seal_ && sealed.empty()) {
      auto made = seal_(body, line.key);
      if (!made.ok()) {
        line.error = "invalid_request";
        line.detail = made.failure().what;
        return true;
      }
      sealed = std::move(*made);
      request.body = base::AsBytes(sealed);
    }
    auto answer = Send(client, request);
    if (answer.ok()) {
      const std::string error = Member(answer->text(), "error");
      const std::string detail = Member(answer->text(), "detail");
      auto verdict = seal_ ? JudgeSealed(detail) : std::nullopt;
      if (!verdict) verdict = Judge(*answer, error);
      switch (*verdict) {
        case Verdict::kStored:
          line.link = Member(answer->text(), "link");
          return true;
        case Verdict::kStoredBefore:
          line.stored_before = true;
          return true;
        case Verdict::kLineRefused:
          line.error = error.empty() ? "refused" : error;
          line.detail = detail;
          return true;
        case Verdict::kSealAnew:
          pause = kAnewPause;
          sealed.clear();
          break;
        case Verdict::kWait:
          pause = kAnewPause;
          sealed.clear();
          --tries;
          break;
        case Verdict::kTryAgain:
        case Verdict::kStop:
          break;
      }
      last = ProblemFailure(*answer);
      if (*verdict == Verdict::kStop) break;
    } else {
      // The same bytes again: it may have been stored.
      last = answer.failure();
    }
    if (stopping()) return false;
    std::this_thread::sleep_for(pause);
    pause *= 2;
  }
  Stop(std::move(last));
  return false;
}

void Importer::Work() {
  base::SecretBuffer body(base::kHttpBodyBytesMax);
  std::optional<HttpClient> client;
  for (;;) {
    uint64_t number = 0;
    LineReader::Got got;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stopped_ || ended_) break;
      got = reader_.Next(body);
      number = reader_.number();
      if (got == LineReader::Got::kEnd) ended_ = true;
      if (got == LineReader::Got::kFault) {
        stopped_ = Failure{Exit::kRefused, "the file cannot be read on", ""};
      }
    }
    if (got == LineReader::Got::kEnd || got == LineReader::Got::kFault) break;
    ImportedLine line;
    line.key = ImportKey(number, body.view());
    if (got == LineReader::Got::kTooLong) {
      line.error = "too_large";
      line.detail = "a line has at most 65536 bytes";
    } else if (!Blank(body.view()) && !SendLine(client, body.view(), line)) {
      break;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    finished_.emplace(number, std::move(line));
  }
  std::lock_guard<std::mutex> lock(mutex_);
  --working_;
  done_.notify_all();
}

}  // namespace coffer::cli
