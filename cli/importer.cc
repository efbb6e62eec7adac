#include "cli/importer.h"

#include <algorithm>
#include <chrono>

#include "cli/commands/commands.h"
#include "cli/text.h"

namespace coffer::cli {
namespace {

constexpr int kTries = 6;
constexpr auto kFirstPause = std::chrono::milliseconds(100);

enum class Verdict { kStored, kLineRefused, kTryAgain, kStop };

std::string Member(std::string_view body, std::string_view key) {
  auto parsed = ParseAnswer(body);
  if (!parsed.ok() || !parsed->root().is(api::JsonKind::kObject)) return "";
  api::JsonValue found = parsed->root();
  if (!parsed->root().Find(key, found) || !found.is(api::JsonKind::kText)) {
    return "";
  }
  return Printable(found.text());
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

Importer::Importer(std::string socket, LineReader reader, size_t connections)
    : socket_(std::move(socket)),
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

bool Importer::SendLine(std::optional<HttpClient>& client, base::Bytes body,
                        ImportedLine& line) {
  HttpRequest request;
  request.method = "POST";
  request.target = "/v1/links";
  request.headers.emplace_back("Idempotency-Key", line.key);
  request.body = body;
  auto pause = kFirstPause;
  Failure last{Exit::kUnreachable, "the vault does not answer", ""};
  for (int i = 0; i < kTries; ++i) {
    if (i > 0) {
      if (stopping()) return false;
      std::this_thread::sleep_for(pause);
      pause *= 2;
    }
    if (!client) {
      auto connected = HttpClient::Connect(socket_);
      if (!connected.ok()) {
        last = connected.failure();
        continue;
      }
      client.emplace(std::move(*connected));
    }
    auto answer = client->Send(request);
    if (!answer.ok() || !client->keeps()) client.reset();
    if (!answer.ok()) {
      last = answer.failure();
      continue;
    }
    std::string error = Member(answer->text(), "error");
    Verdict verdict = Judge(*answer, error);
    if (verdict == Verdict::kStored) {
      line.link = Member(answer->text(), "link");
      return true;
    }
    if (verdict == Verdict::kLineRefused) {
      line.error = error.empty() ? "refused" : error;
      line.detail = Member(answer->text(), "detail");
      return true;
    }
    last = ProblemFailure(*answer);
    if (verdict == Verdict::kStop) break;
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
