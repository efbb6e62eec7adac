#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include "cli/commands/commands.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "vault/api/response.h"

namespace coffer::cli {
namespace {

using api::JsonKind;
using api::JsonValue;

// A problem is 64 keys and flat; a page of links is larger.
constexpr api::JsonLimits kAnswerLimits{kAnswerBodyBytesMax, 16, 4096};

std::string ScalarText(JsonValue value) {
  switch (value.kind()) {
    case JsonKind::kBool:
      return value.boolean() ? "yes" : "no";
    case JsonKind::kInteger:
      return std::to_string(value.integer());
    case JsonKind::kText:
      return Printable(value.text());
    case JsonKind::kArray: {
      std::string list;
      for (JsonValue item : value.members()) {
        if (!list.empty()) list += " ";
        list += item.is(JsonKind::kObject) ? "{...}" : ScalarText(item);
      }
      return list.empty() ? "-" : list;
    }
    default:
      return "-";
  }
}

void AddFields(FieldList& fields, JsonValue object, const std::string& prefix,
               std::string_view last) {
  for (JsonValue member : object.members()) {
    std::string name = prefix + Printable(member.key());
    if (prefix.empty() && member.key() == last) continue;
    if (member.is(JsonKind::kObject)) {
      AddFields(fields, member, name + ".", last);
    } else {
      fields.Add(std::move(name), ScalarText(member));
    }
  }
}

}  // namespace

std::string TextOf(JsonValue object, std::string_view key) {
  JsonValue found = object;
  if (!object.is(JsonKind::kObject) || !object.Find(key, found)) return "";
  return ScalarText(found);
}

Outcome<OperatorClient> ConnectOperator(const Invocation& invocation) {
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) return settings.failure();
  return OperatorClient::Connect(settings->operator_socket);
}

base::Result<api::JsonDocument> ParseAnswer(std::string_view body) {
  return api::JsonDocument::Parse(body, kAnswerLimits);
}

Failure ProblemFailure(const HttpAnswer& answer) {
  Failure failure;
  failure.what = "HTTP " + std::to_string(answer.status);
  auto parsed = ParseAnswer(answer.text());
  if (!parsed.ok() || !parsed->root().is(JsonKind::kObject)) return failure;
  JsonValue problem = parsed->root();
  std::string error = TextOf(problem, "error");
  std::string detail = TextOf(problem, "detail");
  std::string instance = TextOf(problem, "instance");
  if (error == "sealed") failure.exit = Exit::kSealed;
  if (!error.empty()) failure.what = "refused (" + error + ")";
  failure.next = detail;
  constexpr std::string_view kAudit = "urn:coffer:audit:";
  if (instance.substr(0, kAudit.size()) == kAudit) {
    instance.erase(0, kAudit.size());
  }
  if (!instance.empty()) {
    if (!failure.next.empty()) failure.next += " ";
    failure.next += "[audit entry " + instance + "]";
  }
  return failure;
}

Outcome<HttpAnswer> AskVault(const Invocation& invocation,
                             const HttpRequest& request) {
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) return settings.failure();
  auto client = HttpClient::Connect(settings->caller_socket);
  if (!client.ok()) return client.failure();
  return client->Send(request);
}

namespace {

std::string DetailOf(const HttpAnswer& answer) {
  auto parsed = ParseAnswer(answer.text());
  return parsed.ok() ? TextOf(parsed->root(), "detail") : "";
}

// What the vault cannot know: by which words of this program it is mended.
void AddAdvice(const Invocation& invocation, const HttpAnswer& answer,
               Failure& failure) {
  std::string advice;
  const bool can_sign = std::any_of(
      invocation.verb.options.begin(), invocation.verb.options.end(),
      [](const Option& option) { return option.name == "consent-key"; });
  if (can_sign && !invocation.Has("consent-key") &&
      DetailOf(answer) ==
          api::ProblemOf(wire::Rule::kConsentNotSigned).detail) {
    advice = "give --consent-key F";
  }
  if (answer.status == 409 && invocation.verb.name == "link add" &&
      invocation.Has("idempotency-key") && !invocation.Has("clear")) {
    advice =
        "a link may be stored under this key already: coffer link list "
        "--subject S";
  }
  if (advice.empty()) return;
  failure.next += (failure.next.empty() ? "" : "; ") + advice;
}

CallerAnswer Judge(const Invocation& invocation, Outcome<HttpAnswer> answer) {
  CallerAnswer result;
  if (!answer.ok()) {
    result.exit = invocation.Fail(answer.failure());
    return result;
  }
  if (!answer->good()) {
    if (invocation.json()) PrintBody(invocation, answer->text());
    Failure failure = ProblemFailure(*answer);
    AddAdvice(invocation, *answer, failure);
    result.exit = invocation.Fail(failure);
    return result;
  }
  result.exit = Exit::kDone;
  result.answer = std::move(*answer);
  return result;
}

bool IsStale(HttpAnswer& answer) {
  if (answer.status != 400) return false;
  const std::string detail = DetailOf(answer);
  for (wire::Rule rule :
       {wire::Rule::kUploadStale, wire::Rule::kConsentSignatureStale}) {
    if (detail == api::ProblemOf(rule).detail) return true;
  }
  return false;
}

}  // namespace

CallerAnswer CallVault(const Invocation& invocation,
                       const HttpRequest& request) {
  return Judge(invocation, AskVault(invocation, request));
}

CallerAnswer CallFresh(const Invocation& invocation, const MakeRequest& make) {
  // An unseal refuses what a clock 5 s ahead could have made before it.
  constexpr int kRepeats = 4;
  for (int i = 0;; ++i) {
    HttpRequest request;
    CallerAnswer unmade;
    unmade.exit = make(request);
    if (!unmade.ok()) return unmade;
    auto answer = AskVault(invocation, request);
    if (i == kRepeats || !answer.ok() || !IsStale(*answer)) {
      return Judge(invocation, std::move(answer));
    }
    std::this_thread::sleep_for(std::chrono::seconds(2));
  }
}

void SayExportDue(const Invocation& invocation, bool ended) {
  if (invocation.json()) return;
  invocation.context.err << (ended ? "Now a" : "Once it has ended, a")
                         << " new coffer key export and coffer backup create "
                            "are due.\n"
                         << std::flush;
}

void PrintBody(const Invocation& invocation, std::string_view body) {
  if (body.empty()) return;
  invocation.context.out << body;
  if (body.back() != '\n') invocation.context.out << "\n";
  invocation.context.out << std::flush;
}

std::string FieldsText(JsonValue object, std::string_view last) {
  FieldList fields;
  AddFields(fields, object, "", last);
  return fields.Text();
}

Exit PrintFields(const Invocation& invocation, std::string_view body,
                 std::string_view last) {
  auto parsed = ParseAnswer(body);
  if (!parsed.ok() || !parsed->root().is(JsonKind::kObject)) {
    return invocation.Fail(Exit::kRefused, "the answer is not a JSON object",
                           "use the coffer of the same version as cofferd");
  }
  JsonValue object = parsed->root();
  std::ostream& out = invocation.context.out;
  out << FieldsText(object, last);
  JsonValue token = object;
  if (!last.empty() && object.Find(last, token) && token.is(JsonKind::kText)) {
    out << last << ":\n";
    // Byte for byte: it is to be copied or piped on.
    out << token.text() << "\n";
  }
  out << std::flush;
  return Exit::kDone;
}

namespace {

// Adds one page's links to the table; the next page's "after", or empty.
Outcome<std::string> AddLinks(Table& table, std::string_view body) {
  Failure none{Exit::kRefused, "the answer holds no links",
               "use the coffer of the same version as cofferd"};
  auto parsed = ParseAnswer(body);
  if (!parsed.ok()) return none;
  JsonValue root = parsed->root();
  JsonValue links = root;
  if (!root.is(JsonKind::kObject) || !root.Find("links", links) ||
      !links.is(JsonKind::kArray)) {
    return none;
  }
  for (JsonValue link : links.members()) {
    JsonValue consent = link;
    bool has = link.is(JsonKind::kObject) && link.Find("consent", consent);
    table.Add({TextOf(link, "link"), TextOf(link, "institution"),
               has ? TextOf(consent, "status") : "",
               TextOf(link, "expires_at").substr(0, 10),
               has ? TextOf(consent, "purposes") : ""});
  }
  JsonValue next = root;
  if (root.Find("next", next) && next.is(JsonKind::kText)) {
    return std::string(next.text());
  }
  return std::string();
}

}  // namespace

Exit PrintLinks(const Invocation& invocation, const std::string& query,
                std::string after) {
  Table table({"link", "institution", "status", "expires", "purposes"});
  do {
    HttpRequest request;
    request.target = "/v1/links?" + query;
    if (!after.empty()) request.target += "&after=" + PercentEncode(after);
    CallerAnswer page = CallVault(invocation, request);
    if (!page.ok()) return page.exit;
    if (invocation.json()) {
      PrintBody(invocation, page.answer.text());
      return Exit::kDone;
    }
    auto next = AddLinks(table, page.answer.text());
    if (!next.ok()) return invocation.Fail(next.failure());
    if (*next == after) break;
    after = *next;
  } while (!after.empty());
  invocation.context.out << (table.empty() ? "No links\n" : table.Text())
                         << std::flush;
  return Exit::kDone;
}

namespace {

Failure CannotWrite(const std::string& path) {
  return {Exit::kRefused,
          "cannot write " + Printable(path) + ": " + std::strerror(errno), ""};
}

Failure Exists(const std::string& path) {
  return {Exit::kRefused,
          "cannot write " + Printable(path) + ": there is such a file",
          "name a new one"};
}

// Refuses a name that is taken. Where the file system cannot do that in one
// step, as NFS, a second name does.
bool RenameToNew(const char* from, const char* to) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
    return true;
  }
  if (errno != EINVAL && errno != ENOSYS) return false;
  return link(from, to) == 0 && unlink(from) == 0;
}

}  // namespace

Outcome<NewFile> NewFile::Create(const std::string& path) {
  struct stat about {};
  if (lstat(path.c_str(), &about) == 0) return Exists(path);
  NewFile made(path);
  std::string name = path + ".XXXXXX";
  made.file_.Reset(mkostemp(name.data(), O_CLOEXEC));
  if (!made.file_.valid()) return CannotWrite(path);
  made.temporary_ = std::move(name);
  return made;
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::move(other.file_)) {}

NewFile::~NewFile() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Done NewFile::Write(std::string_view text) {
  std::string parent = std::filesystem::path(path_).parent_path().string();
  os::FileDescriptor directory(open(parent.empty() ? "." : parent.c_str(),
                                    O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!os::WriteFull(file_.get(), base::AsBytes(text)).ok() ||
      fsync(file_.get()) != 0 || !directory.valid()) {
    return CannotWrite(path_);
  }
  if (!RenameToNew(temporary_.c_str(), path_.c_str())) {
    return errno == EEXIST ? Exists(path_) : CannotWrite(path_);
  }
  temporary_.clear();
  if (fsync(directory.get()) != 0) return CannotWrite(path_);
  return base::Nothing{};
}

Done WriteNewFile(const std::string& path, std::string_view text) {
  auto file = NewFile::Create(path);
  if (!file.ok()) return file.failure();
  return file->Write(text);
}

}  // namespace coffer::cli
