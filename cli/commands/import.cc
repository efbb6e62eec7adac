// link import.
#include <fcntl.h>
#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/importer.h"
#include "cli/progress.h"
#include "cli/sealing.h"
#include "cli/text.h"
#include "vault/api/request.h"
#include "vault/wire/transit.h"

namespace coffer::cli {
namespace {

constexpr uint64_t kSaveMilliseconds = 1000;
constexpr uint64_t kRefusalsShown = 20;

// Resource: FILE.rejected, made when the first line is refused.
class RejectedFile {
 public:
  RejectedFile(std::string path, bool resumed)
      : path_(std::move(path)), resumed_(resumed) {}

  const std::string& path() const { return path_; }
  bool Add(uint64_t number, const ImportedLine& line) {
    if (!file_.valid()) {
      file_.Reset(open(path_.c_str(),
                       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW |
                           (resumed_ ? 0 : O_TRUNC),
                       0600));
    }
    api::TextBuilder text;
    api::JsonWriter(text)
        .BeginObject()
        .Number("line", number)
        .Text("error", line.error)
        .Text("detail", line.detail)
        .EndObject();
    text.Append('\n');
    return file_.valid() &&
           os::WriteFull(file_.get(), base::AsBytes(text.view())).ok();
  }

 private:
  std::string path_;
  bool resumed_;
  os::FileDescriptor file_;
};

// Moves `reader` behind the line where the run before had come to, and makes
// sure that it is the same line.
Done SkipDone(LineReader& reader, const ResumePoint& point,
              const std::string& file) {
  base::SecretBuffer line(base::kHttpBodyBytesMax);
  LineReader::Got got = LineReader::Got::kLine;
  while (reader.number() < point.line) {
    got = reader.Next(line);
    if (got == LineReader::Got::kEnd || got == LineReader::Got::kFault) break;
  }
  if (point.line == 0) return base::Nothing{};
  if (reader.number() == point.line &&
      ImportKey(point.line, line.view()) == point.key) {
    return base::Nothing{};
  }
  return Failure{Exit::kRefused,
                 Printable(file) + ".done belongs to another file",
                 "name the file as it was, or remove " + Printable(file) +
                     ".done to begin again"};
}

struct Run {
  ResumePoint point;
  uint64_t stored = 0;
  uint64_t refused = 0;
  bool rejected_written = true;
};

void TakeLine(const Invocation& invocation, Run& run, RejectedFile& rejected,
              Progress& progress, uint64_t number, const ImportedLine& line) {
  run.point.line = number;
  run.point.key = line.key;
  if (!line.link.empty() || line.stored_before) {
    ++run.stored;
    if (!invocation.json()) return;
    api::TextBuilder text;
    api::JsonWriter json(text);
    json.BeginObject().Number("line", number);
    if (line.stored_before) {
      json.Bool("stored_before", true);
    } else {
      json.Text("link", line.link);
    }
    json.EndObject();
    return PrintBody(invocation, text.view());
  }
  if (line.error.empty()) return;  // a blank line
  ++run.point.rejected;
  run.rejected_written = rejected.Add(number, line) && run.rejected_written;
  if (++run.refused > kRefusalsShown) return;
  progress.Clear();
  invocation.context.err << "line " << number << ": " << line.error
                         << (line.detail.empty() ? "" : "; ") << line.detail
                         << "\n";
  if (run.refused == kRefusalsShown) {
    invocation.context.err << "further refused lines are only in "
                           << Printable(rejected.path()) << "\n";
  }
}

Exit Report(const Invocation& invocation, const Run& run, uint64_t total,
            const RejectedFile& rejected,
            const std::optional<Failure>& stopped) {
  std::string counts = Grouped(run.stored) + " stored, " +
                       Grouped(run.point.rejected) + " refused, " +
                       Grouped(run.point.line) + " of " + Grouped(total) +
                       " lines done";
  if (!invocation.json()) invocation.context.out << counts << "\n";
  if (stopped) {
    Exit exit = invocation.Fail(*stopped);
    invocation.Warn("the same command goes on behind line " +
                    std::to_string(run.point.line));
    return exit;
  }
  if (!run.rejected_written) {
    invocation.Warn("cannot write " + Printable(rejected.path()));
  }
  if (run.point.rejected == 0) return Exit::kDone;
  return invocation.Fail(
      Exit::kRefused, Grouped(run.point.rejected) + " lines were refused",
      "their numbers and reasons are in " + Printable(rejected.path()));
}

void WriteConsent(api::JsonWriter& json, const wire::Consent& consent) {
  const auto names = [&](std::string_view key, const wire::NameList& list) {
    json.Key(key).BeginArray();
    for (std::string_view name : list) json.Text(name);
    json.EndArray();
  };
  json.Key("consent").BeginObject().Text("consentId", consent.consent_id);
  names("purposes", consent.purposes);
  names("dataClusters", consent.clusters);
  json.Text("durationType", wire::DurationTypeText(consent.duration_type));
  if (consent.duration_period_days != 0) {
    json.Number("durationPeriod", consent.duration_period_days);
  }
  if (consent.lookback_period_days != 0) {
    json.Number("lookbackPeriod", consent.lookback_period_days);
  }
  json.EndObject();
}

// The body of one line, its bank token sealed. One that was sealed before goes
// as it is; one that cannot be read is not sent.
Outcome<std::string> SealedLine(const Invocation& invocation,
                                const VaultKeys& keys, base::Bytes line,
                                std::string_view key) {
  auto parsed = api::ParseCreate(base::AsText(line));
  if (!parsed.ok()) {
    return Failure{Exit::kRefused, parsed.error().message, ""};
  }
  if (parsed->sealed) return std::string(base::AsText(line));
  const wire::Pae bound =
      wire::BindCreate(keys.caller, parsed->institution, parsed->subject,
                       parsed->consent.consent_id, key);
  auto sealed =
      SealBankToken(invocation, keys, parsed->bank_token, bound.view());
  if (!sealed.ok()) return sealed.failure();
  api::TextBuilder body;
  api::JsonWriter json(body);
  json.BeginObject()
      .Text("institution", parsed->institution)
      .Text("subject", parsed->subject)
      .Text("sealed_bank_token", *sealed);
  WriteConsent(json, parsed->consent);
  json.EndObject();
  return std::string(body.view());
}

}  // namespace

Exit RunLinkImport(const Invocation& invocation) {
  const std::string& file = invocation.arguments[0];
  if (file == "-") {
    return invocation.Usage("import reads a file, so that it can go on later");
  }
  auto connections =
      invocation.Number("connections", 1, 64, kImportConnections);
  if (!connections.ok()) return invocation.Fail(connections.failure());
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) return invocation.Fail(settings.failure());
  auto total = CountLines(file);
  if (!total.ok()) return invocation.Fail(total.failure());
  auto point = LoadResumePoint(file + ".done");
  if (!point.ok()) return invocation.Fail(point.failure());
  auto reader = LineReader::Open(file);
  if (!reader.ok()) return invocation.Fail(reader.failure());
  Done skipped = SkipDone(*reader, *point, file);
  if (!skipped.ok()) return invocation.Fail(skipped.failure());
  // A vault that is not there is told at once, not after the retries.
  auto reachable = HttpClient::Connect(settings->caller_socket);
  if (!reachable.ok()) return invocation.Fail(reachable.failure());

  Importer::Seal seal;
  if (!invocation.Has("clear")) {
    AskedKeys asked = AskKeys(invocation);
    if (!asked.ok()) return asked.exit;
    Done pinned = CheckIngestKey(invocation, asked.keys);
    if (!pinned.ok()) return invocation.Fail(pinned.failure());
    seal = [&invocation, keys = asked.keys](base::Bytes line,
                                            std::string_view key) {
      return SealedLine(invocation, keys, line, key);
    };
  }

  Context& context = invocation.context;
  Run run;
  run.point = *point;
  RejectedFile rejected(file + ".rejected", point->line > 0);
  if (point->line > 0) {
    invocation.Warn("going on behind line " + std::to_string(point->line));
  }
  Progress progress(context.err, context.terminal.ErrorIsTerminal(),
                    context.clock, point->line, *total);
  Importer importer(settings->caller_socket, std::move(*reader),
                    static_cast<size_t>(*connections), std::move(seal));
  uint64_t saved_at = context.clock.BootMilliseconds();
  uint64_t saved_line = run.point.line;
  for (bool more = true; more;) {
    more = importer.Advance(50, [&](uint64_t number, const ImportedLine& line) {
      TakeLine(invocation, run, rejected, progress, number, line);
    });
    uint64_t now = context.clock.BootMilliseconds();
    if (run.point.line != saved_line &&
        (!more || now - saved_at >= kSaveMilliseconds)) {
      Done saved = SaveResumePoint(file + ".done", run.point);
      if (!saved.ok()) importer.Stop(saved.failure());
      saved_at = now;
      saved_line = run.point.line;
    }
    if (more) progress.Update(run.point.line);
  }
  progress.Finish(run.point.line);
  return Report(invocation, run, *total, rejected, importer.stopped());
}

}  // namespace coffer::cli
