// Every handler in the table of verbs, by noun, and what they share. Runs in
// the CLI only.
#pragma once

#include <functional>
#include <memory>

#include "cli/context.h"
#include "cli/http_client.h"
#include "cli/operator_client.h"
#include "cli/settings.h"
#include "vault/api/json.h"
#include "vault/wire/policy.h"

namespace coffer::cli {

// open.cc, vault.cc
Exit RunInit(const Invocation& invocation);
Exit RunUnseal(const Invocation& invocation);
Exit RunSeal(const Invocation& invocation);
Exit RunSelfTest(const Invocation& invocation);
Exit RunZeroize(const Invocation& invocation);
Exit RunClockAccept(const Invocation& invocation);
// status.cc, doctor.cc
Exit RunStatus(const Invocation& invocation);
Exit RunDoctor(const Invocation& invocation);
// slot.cc
Exit RunSlotList(const Invocation& invocation);
Exit RunSlotAdd(const Invocation& invocation);
Exit RunSlotRemove(const Invocation& invocation);
Exit RunSlotTest(const Invocation& invocation);
// key.cc, rotate.cc
Exit RunKeyList(const Invocation& invocation);
Exit RunKeyRotate(const Invocation& invocation);
Exit RunKeyCompromise(const Invocation& invocation);
Exit RunKeyDestroy(const Invocation& invocation);
Exit RunKeyExport(const Invocation& invocation);
// institution.cc
Exit RunInstitutionList(const Invocation& invocation);
Exit RunInstitutionSuspend(const Invocation& invocation);
Exit RunInstitutionResume(const Invocation& invocation);
Exit RunInstitutionWithdraw(const Invocation& invocation);
Exit RunInstitutionAdmit(const Invocation& invocation);
// op.cc
Exit RunOpList(const Invocation& invocation);
Exit RunOpShow(const Invocation& invocation);
Exit RunOpApprove(const Invocation& invocation);
Exit RunOpCancel(const Invocation& invocation);
// backup.cc, restore.cc
Exit RunBackupCreate(const Invocation& invocation);
Exit RunBackupCheck(const Invocation& invocation);
Exit RunBackupRestore(const Invocation& invocation);
// brake.cc
Exit RunBrakeList(const Invocation& invocation);
Exit RunBrakeRelease(const Invocation& invocation);
// Every token of the caller, purpose or institution that this option names.
Exit RevokeGroup(const Invocation& invocation, const char* option);
// policy.cc
// The policy in force.
Outcome<std::unique_ptr<wire::Policy>> AskPolicy(OperatorClient& client);
Exit RunPolicyCheck(const Invocation& invocation);
Exit RunPolicyLoad(const Invocation& invocation);
Exit RunPolicyShow(const Invocation& invocation);
Exit RunPolicyExplain(const Invocation& invocation);
// link.cc, import.cc
Exit RunLinkAdd(const Invocation& invocation);
Exit RunLinkShow(const Invocation& invocation);
Exit RunLinkList(const Invocation& invocation);
Exit RunLinkToken(const Invocation& invocation);
Exit RunLinkConsent(const Invocation& invocation);
Exit RunLinkRevoke(const Invocation& invocation);
Exit RunLinkErase(const Invocation& invocation);
Exit RunLinkImport(const Invocation& invocation);
// With --consent-key, signs the erasure of a link, or else of a subject.
Exit SignErasure(const Invocation& invocation, const wire::LinkId* link,
                 std::string_view subject, HttpRequest& request);
// keypair.cc, consent.cc
Exit RunKeypair(const Invocation& invocation);
Exit RunConsentSign(const Invocation& invocation);
// token.cc
Exit RunTokenIssue(const Invocation& invocation);
Exit RunTokenIntrospect(const Invocation& invocation);
Exit RunTokenRevoke(const Invocation& invocation);
Exit RunTokenRedeem(const Invocation& invocation);
// subject.cc
Exit RunSubjectLinks(const Invocation& invocation);
Exit RunSubjectLedger(const Invocation& invocation);  // ledger.cc
Exit RunSubjectConsents(const Invocation& invocation);
Exit RunSubjectErase(const Invocation& invocation);
// audit.cc
Exit RunAuditTail(const Invocation& invocation);
Exit RunAuditVerifyCertificate(const Invocation& invocation);

// --- Shared (shared.cc) -----------------------------------------------------

// A connection to the operator socket that the settings name.
Outcome<OperatorClient> ConnectOperator(const Invocation& invocation);

// One request on the caller socket. A refusal is printed (with --json, its body
// goes to standard output too) and given as its exit code.
struct CallerAnswer {
  Exit exit = Exit::kRefused;
  HttpAnswer answer;  // of use when exit is kDone

  bool ok() const { return exit == Exit::kDone; }
};
// The same, unprinted, of any status.
Outcome<HttpAnswer> AskVault(const Invocation& invocation,
                             const HttpRequest& request);
CallerAnswer CallVault(const Invocation& invocation,
                       const HttpRequest& request);
// The same of a request that `make` seals or signs. It is made anew, for some
// seconds, where it came too soon after an unseal, or twice in one second.
using MakeRequest = std::function<Exit(HttpRequest& request)>;
CallerAnswer CallFresh(const Invocation& invocation, const MakeRequest& make);
// What a person is told about a problem's body.
Failure ProblemFailure(const HttpAnswer& answer);

// The body as it came, with a newline at its end.
// After a change of keys or slots; nothing with --json.
void SayExportDue(const Invocation& invocation, bool ended = true);
void PrintBody(const Invocation& invocation, std::string_view body);
// The object's members as "name  value" lines, nested names joined by a point.
// A member named in `last` is printed alone at the end, whole: it is a token.
Exit PrintFields(const Invocation& invocation, std::string_view body,
                 std::string_view last = {});
// The same as text.
std::string FieldsText(api::JsonValue object, std::string_view last);
// An erasure: sends it, prints what was erased, and keeps the certificate in
// the file that --certificate names.
Exit PrintErased(const Invocation& invocation, const MakeRequest& make);
// A table of a customer's links, all pages of them; with --json, the body of
// one page's body. `query` is what follows "/v1/links?", `after` the `next` of
// the page before.
Exit PrintLinks(const Invocation& invocation, const std::string& query,
                std::string after = "");

// A member as text for a person; empty where there is none.
std::string TextOf(api::JsonValue object, std::string_view key);
// Answers of the vault, whatever their size here.
base::Result<api::JsonDocument> ParseAnswer(std::string_view body);

// One seal slot as a JSON object (slot.cc).
void WriteSlot(api::JsonWriter& json, const wire::SlotHeader& slot);

// Resource: a new file (0600) that has its name once it is whole. Until then it
// lies beside that under another, which is taken away again.
class NewFile {
 public:
  // Refuses a name that exists.
  static Outcome<NewFile> Create(const std::string& path);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();
  // Durable when it returns; refuses a name that came to exist meanwhile.
  Done Write(std::string_view text);

 private:
  explicit NewFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::string temporary_;  // empty: nothing to take away
  os::FileDescriptor file_;
};
// The same at once.
Done WriteNewFile(const std::string& path, std::string_view text);

}  // namespace coffer::cli
