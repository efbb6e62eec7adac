#include "cli/verbs.h"

#include "cli/commands/commands.h"

namespace coffer::cli {
namespace {

constexpr Option kGlobal[] = {
    {"config", "FILE", "coffer.toml (default: /etc/coffer/coffer.toml)"},
    {"caller-socket", "PATH", "where callers are served"},
    {"operator-socket", "PATH", "where trust changes"},
    {"monitor-socket", "PATH", "where health is read"},
    {"json", "", "JSON on standard output; a route's body as it came"},
    {"yes", "", "do not ask before what cannot be undone"},
    {"help", "", "this text, or that of a verb"},
    {"version", "", "the version"},
};
constexpr Option kPassphraseFile = {
    "passphrase-file", "FILE",
    "its contents, one trailing newline dropped; - is standard input; without "
    "it, a prompt"};
constexpr Option kNewKeyFile = {
    "key-file", "FILE", "32 raw bytes; made with mode 0600 when absent"};
constexpr Option kKeyFile = {"key-file", "FILE",
                             "32 raw bytes; - is standard input"};
constexpr Option kShares = {"shares", "N", "how many shares, 2 to 16"};
constexpr Option kThreshold = {"threshold", "K", "how many of them open it"};
constexpr Option kSharesDir = {
    "shares-dir", "DIR", "where share-1, share-2, ... are made, mode 0600"};
constexpr Option kShareFile = {"share-file", "FILE",
                               "a share; - is standard input", false, true};
constexpr Option kInit[] = {
    {"seal", "KIND", "passphrase, keyfile, shamir or pkcs11"},
    kPassphraseFile,
    kNewKeyFile,
    kShares,
    kThreshold,
    kSharesDir,
    {"keys", "FILE", "instead of --seal: make the vault of a key export"},
    {"slot", "ID", "with --keys: which slot of it, where several fit"},
    kShareFile,
    {"policy", "FILE", "the first policy (default: the configuration's)"},
};
constexpr Option kUnseal[] = {
    {"slot", "ID", "which slot, where several fit; a key file tells its own"},
    kPassphraseFile,
    kKeyFile,
    kShareFile,
    {"cancel", "", "forget the shares given; takes one share of the same set"},
};
constexpr Option kSlotAdd[] = {kPassphraseFile, kNewKeyFile, kShares,
                               kThreshold, kSharesDir};
constexpr Option kSlotTest[] = {kPassphraseFile, kKeyFile, kShareFile};
constexpr Option kRotate[] = {
    {"institution", "NAME", "the key of this institution's links"},
    {"all", "", "the key of every institution's links"},
    {"token", "", "the key of v4.public access tokens"},
    {"audit", "", "the key that signs the audit log"},
    {"ingest", "", "the key that uploads are sealed to"},
    {"evidence", "", "the key that signs erasure certificates"},
    {"root", "", "the root, under which the keyring is sealed"},
    {"detach", "", "do not wait for the links to follow"},
};
constexpr Option kDestroy[] = {
    {"cancel", "", "take the plan back, while it waits"},
};
constexpr Option kOpShow[] = {
    {"bytes", "", "the statement alone, byte for byte as it is signed"},
};
constexpr Option kApprove[] = {
    {"key", "FILE",
     "your Ed25519 SSH key, or its public half where ssh-agent holds it", true},
};
constexpr Option kShow[] = {
    {"toml", "", "as a policy.toml, with numbers for users"},
};
constexpr Option kExplain[] = {
    {"caller", "NAME", "who would ask", true},
    {"purpose", "NAME", "for what", true},
    {"institution", "NAME", "about links of which institution", true},
    {"scope", "CLUSTERS", "which clusters, separated by spaces"},
};
constexpr Option kBankTokenFile = {
    "bank-token-file", "FILE",
    "one trailing newline dropped; - is standard input", true};
constexpr Option kConsent = {"consent", "FILE",
                             "the customer's consent as a JSON object", true};
constexpr Option kIfMatch = {
    "if-match", "N", "only over this revision (default: the present one)"};
constexpr Option kCertificate = {"certificate", "FILE",
                                 "write the signed certificate to a new file"};
constexpr Option kClear = {
    "clear", "", "send the bank token as it is, not sealed to the vault"};
constexpr Option kIngestKid = {
    "ingest-kid", "KID",
    "the vault's ingest key, pinned (default: COFFER_INGEST_KID, or what the "
    "operator socket says)"};
constexpr Option kConsentKey = {
    "consent-key", "FILE", "sign with this key, as `coffer keypair` makes it"};
constexpr Option kKeypair[] = {
    {"out", "FILE", "a new file for the secret key, mode 0600", true},
};
constexpr Option kConsentSign[] = {
    {"consent-key", "FILE", "the secret key, as `coffer keypair` makes it",
     true},
    {"institution", "NAME", "of a link to be created"},
    {"subject", "TEXT", "of a link to be created, or of all to be erased"},
    {"consent", "FILE", "the consent of a new link, or its new consent"},
    {"link", "LINK", "the link whose consent is new, or that is erased"},
    {"if-match", "N", "the revision over which its consent is new"},
    {"erase", "", "sign the erasure of --link, or of all links of --subject"},
    {"caller", "NAME", "who will send it (default: this process, if a caller)"},
    {"vault", "ID", "to which vault, as coffer status shows it"},
};
constexpr Option kLinkAdd[] = {
    {"institution", "NAME", "the bank or payment company", true},
    {"subject", "TEXT", "the customer, 1 to 256 bytes", true},
    kBankTokenFile,
    kConsent,
    {"idempotency-key", "TEXT",
     "the same key twice stores one link; of a sealed one the second is 409"},
    kClear,
    kIngestKid,
    kConsentKey,
};
constexpr Option kLinkList[] = {
    {"subject", "TEXT", "the customer", true},
    {"after", "LINK", "behind this link, the page before's `next`"},
};
constexpr Option kLinkToken[] = {kBankTokenFile, kIfMatch, kClear, kIngestKid};
constexpr Option kLinkConsent[] = {kConsent, kIfMatch, kConsentKey};
constexpr Option kLinkRevoke[] = {
    {"reason", "REASON", "USER_ACTION (default) or BUSINESS_RULE"},
};
constexpr Option kErase[] = {kCertificate, kConsentKey};
constexpr Option kLedger[] = {
    {"html", "FILE", "write it as one page to a new file, to send or print"},
};
constexpr Option kImport[] = {
    {"connections", "N", "how many at once, 1 to 64 (default: 16)"},
    kClear,
    kIngestKid,
};
constexpr Option kTokenFile = {
    "token-file", "FILE",
    "an access token, alone or as `token issue` prints it; - is standard input",
    true};
constexpr Option kAudience = {
    "audience", "NAME", "the token's audience, when it was issued by you"};
constexpr Option kIssue[] = {
    {"link", "LINK", "for which link", true},
    {"purpose", "NAME", "for what", true},
    {"audience", "NAME", "who may redeem it", true},
    {"scope", "CLUSTERS",
     "which clusters, separated by spaces (default: all that is allowed)"},
    {"expires-in", "SECONDS", "how long it lives (default: 60)"},
    {"format", "FORMAT", "local (default) or public"},
    {"single-use", "", "good for one redemption"},
};
constexpr Option kRedeem[] = {
    kTokenFile,
    {"unseal-key", "FILE", "the secret key of seal_to, to open a sealed one"},
};
constexpr Option kShowToken[] = {kTokenFile, kAudience};
constexpr Option kRevokeToken[] = {
    {"token-file", "FILE", "this access token; - is standard input"},
    kAudience,
    {"caller", "NAME", "every token that was issued to this caller"},
    {"purpose", "NAME", "every token for this purpose"},
    {"institution", "NAME", "every token about links of this institution"},
    {"gone", "", "the name has left the policy in force"},
};
constexpr Option kTail[] = {
    {"follow", "", "go on with what comes"},
    {"count", "N", "how many of the last (default: 20)"},
    {"from", "INDEX", "from this entry on"},
};
constexpr Option kVerifyCertificate[] = {
    {"vkey", "FILE",
     "a file with the vault's k4.public. line (default: ask the operator "
     "socket)"},
};

constexpr std::span<const Option> kNoOptions;
constexpr std::string_view kDestructive =
    "Asks on a terminal; --yes does not. Without a terminal it acts.";

const Verb kVerbs[] = {
    {"init", "", 0, 0, "make the root key, load the policy, open the vault",
     "Against a running cofferd that is not initialised. A second init changes "
     "nothing. Keep a copy of the passphrase or the key file: without it, all "
     "links are lost. Shares are written, read again and combined "
     "before the vault is made. With --keys, and the secret of one of its "
     "slots, an uninitialised vault becomes the one of the export; its links "
     "come back with coffer backup restore.",
     kInit, RunInit},
    {"unseal", "", 0, 0, "open the vault with a slot's secret",
     "Shares can be given in several runs, by several people; each prints how "
     "many there are. After ten minutes without another share they are "
     "forgotten. A PKCS#11 slot needs [unseal] pkcs11_module, pkcs11_token, "
     "pkcs11_key and pkcs11_pin_file.",
     kUnseal, RunUnseal},
    {"seal", "", 0, 0, "close the vault; callers are refused", kDestructive,
     kNoOptions, RunSeal},
    {"status", "", 0, 0, "what state the vault is in",
     "Exits 0 only when it is operational, 3 when it is sealed.", kNoOptions,
     RunStatus},
    {"doctor", "", 0, 0, "check machine, files, sockets and vault",
     "One line each: ok, warn or fail, with advice. Exits 1 when one failed.",
     kNoOptions, RunDoctor},
    {"selftest", "", 0, 0, "run the keeper's known-answer tests", "",
     kNoOptions, RunSelfTest},
    {"zeroize", "", 0, 0, "wipe every key and end the keeper",
     "Destroys the keyring and all seal slots, in memory and on disk: no link "
     "opens again here. What brings them back is a key export with the secret "
     "of one of its slots, and a backup. Asks on a terminal; --yes does not.",
     kNoOptions, RunZeroize},
    {"slot list", "", 0, 0, "the seal slots, each of which opens the vault", "",
     kNoOptions, RunSlotList},
    {"slot add", "KIND", 1, 1, "one more way to open the vault",
     "KIND is passphrase, keyfile, shamir or pkcs11. The slot counts once its "
     "secret has opened the root. To change a passphrase: slot add passphrase, "
     "slot test of the new one, slot remove of the old one.",
     kSlotAdd, RunSlotAdd},
    {"slot remove", "ID", 1, 1, "take a slot away; never the last one",
     "Asks on a terminal; --yes does not. Without a terminal it acts. Whoever "
     "has its secret and an earlier copy of the data keeps the keys of that "
     "time: if that may be, run coffer key rotate --all after this.",
     kNoOptions, RunSlotRemove},
    {"slot test", "ID", 1, 1, "whether a secret opens a slot", "", kSlotTest,
     RunSlotTest},
    {"key list", "", 0, 0, "every key and version, with its state",
     "Ids are the first 12 digits; --json has them whole.", kNoOptions,
     RunKeyList},
    {"key rotate", "", 0, 0, "put a new version of a key in force",
     "Links follow in the background; the verb shows how far they have come, "
     "until none is left and the old version is destroyed. Ctrl-C leaves it "
     "running.",
     kRotate, RunKeyRotate},
    {"key compromise", "ID", 1, 1, "stop sealing under a key, at once",
     kDestructive, kNoOptions, RunKeyCompromise},
    {"key destroy", "ID", 1, 1, "destroy a key after the policy's wait",
     "Refused while one link depends on it. Asks on a terminal; --yes does "
     "not. Without a terminal it acts.",
     kDestroy, RunKeyDestroy},
    {"key export", "FILE", 1, 1, "keyring and slots to a new file",
     "Sealed under the root: with the secret of one of the slots it is opened "
     "by coffer init --keys. It opens backups made under keys it holds: "
     "make both anew after each rotation that ended and each change of slots.",
     kNoOptions, RunKeyExport},
    {"keypair", "", 0, 0, "make a key for consent_key or seal_to in policy",
     "Prints the public half, which goes into policy.", kKeypair, RunKeypair},
    {"consent sign", "", 0, 0, "sign what another program will send",
     "Prints the value of the header Signed-Consent, good for 300 s, once. "
     "Give --institution, --subject and --consent for a new link; --link, "
     "--consent and --if-match for a new consent; --erase with --link or "
     "--subject for an erasure.",
     kConsentSign, RunConsentSign},
    {"institution list", "", 0, 0, "institutions, their keys and links", "",
     kNoOptions, RunInstitutionList},
    {"institution suspend", "NAME", 1, 1, "refuse all that concerns a bank",
     "Until institution resume.", kNoOptions, RunInstitutionSuspend},
    {"institution resume", "NAME", 1, 1, "end a suspension", "", kNoOptions,
     RunInstitutionResume},
    {"institution withdraw", "NAME", 1, 1,
     "destroy a bank's keys and so all its links, at once", kDestructive,
     kNoOptions, RunInstitutionWithdraw},
    {"institution admit", "NAME", 1, 1,
     "take new links of a bank that was withdrawn", "", kNoOptions,
     RunInstitutionAdmit},
    {"brake list", "", 0, 0, "the budgets whose brake holds now",
     "A brake trips when a caller asks for more distinct links than its budget "
     "has, and ends with its hour or day (UTC). \"6 of 3+3\" links: the limit "
     "is "
     "3, and a release gave 3 more.",
     kNoOptions, RunBrakeList},
    {"brake release", "ID", 1, 1, "give a tripped budget its limit once more",
     "ID is the 12 hex digits that brake list shows. For the window that it "
     "tripped in; after that it can trip again.",
     kNoOptions, RunBrakeRelease},
    {"clock accept", "", 0, 0, "take the wall clock after it went astray",
     "Every earlier access token is void from then on. Does nothing where the "
     "clock is accepted already and agrees. Asks on a terminal; --yes does "
     "not. Without a "
     "terminal it acts.",
     kNoOptions, RunClockAccept},
    {"policy check", "FILE", 1, 1, "find a policy file's faults", "",
     kNoOptions, RunPolicyCheck},
    {"policy load", "[FILE]", 0, 1, "put a policy in force",
     "Without FILE, the configuration's policy. It is taken whole or not at "
     "all.",
     kNoOptions, RunPolicyLoad},
    {"policy show", "", 0, 0, "the policy in force", "", kShow, RunPolicyShow},
    {"policy explain", "", 0, 0, "what the policy says to a wish",
     "Consent aside. Exits 0 whether the answer is yes or no.", kExplain,
     RunPolicyExplain},
    {"link add", "", 0, 0, "store a link: bank token and consent", "", kLinkAdd,
     RunLinkAdd},
    {"link show", "LINK", 1, 1, "a link's metadata and consent", "", kNoOptions,
     RunLinkShow},
    {"link list", "", 0, 0, "a customer's links",
     "With --json one page, as it came.", kLinkList, RunLinkList},
    {"link token", "LINK", 1, 1, "replace a link's bank token", "", kLinkToken,
     RunLinkToken},
    {"link consent", "LINK", 1, 1, "replace a link's consent",
     "Ends the link's access tokens.", kLinkConsent, RunLinkConsent},
    {"link revoke", "LINK", 1, 1, "revoke a link's consent, at once",
     kDestructive, kLinkRevoke, RunLinkRevoke},
    {"link erase", "LINK", 1, 1, "destroy a link's key", kDestructive, kErase,
     RunLinkErase},
    {"link import", "FILE", 1, 1, "store many links, a JSON object a line",
     "Each line is the body of POST /v1/links: institution, subject, "
     "bank_token, consent. A run that was stopped goes on where it was when it "
     "is started again (FILE.done), within 24 hours. Refused lines are "
     "reported by number and listed in FILE.rejected. With --json, one object "
     "for each stored line. Bank tokens are sealed to the vault, which takes "
     "29,492 sealed ones in 300 s; --clear has no such limit.",
     kImport, RunLinkImport},
    {"token issue", "", 0, 0, "get an access token for a purpose", "", kIssue,
     RunTokenIssue},
    {"token introspect", "", 0, 0, "ask what an access token is good for", "",
     kShowToken, RunTokenIntrospect},
    {"token revoke", "", 0, 0, "end an access token, or all of a name",
     "A whole caller, purpose or institution over the operator socket, at "
     "once, whatever their number; those issued from then on are good. Asks "
     "on a terminal; --yes does not. Without a terminal it acts.",
     kRevokeToken, RunTokenRevoke},
    {"token redeem", "", 0, 0, "exchange an access token for the bank token",
     "Prints the bank token. Mind where it goes.", kRedeem, RunTokenRedeem},
    {"subject links", "SUBJECT", 1, 1, "a customer's links", "", kNoOptions,
     RunSubjectLinks},
    {"subject ledger", "SUBJECT", 1, 1,
     "what is held about a customer, and who used it",
     "Links and consents, and every use with time, service, purpose and "
     "outcome. With --json, the bodies of the routes, one a line.",
     kLedger, RunSubjectLedger},
    {"subject consents", "SUBJECT", 1, 1,
     "the consents that a customer had, and how they ended",
     "For as long as policy keeps them. With --json, the bodies of the route, "
     "one a line.",
     kNoOptions, RunSubjectConsents},
    {"subject erase", "SUBJECT", 1, 1, "destroy the keys of a customer's links",
     kDestructive, kErase, RunSubjectErase},
    {"op list", "", 0, 0, "what awaits the approval of others", "", kNoOptions,
     RunOpList},
    {"op show", "ID", 1, 1, "one operation that awaits approval", "", kOpShow,
     RunOpShow},
    {"op approve", "ID", 1, 1, "approve an operation with your SSH key",
     "Shows what is approved, has ssh-keygen sign it, and sends the signature. "
     "The last approval carries the operation out. Asks on a terminal; --yes "
     "does not. Without a terminal it signs without asking.",
     kApprove, RunOpApprove},
    {"op cancel", "ID", 1, 1, "take back what you asked for", "", kNoOptions,
     RunOpCancel},
    {"backup create", "FILE", 1, 1, "policy and links to a new file, online",
     "Run as root, or as the user that the store belongs to. No key is in it: "
     "it opens in this vault, or in one of its key export, while that still "
     "holds its keys: once a rotation has ended, make both anew.",
     kNoOptions, RunBackupCreate},
    {"backup check", "FILE", 1, 1, "prove that a backup is whole and opens",
     "Without keys that every byte is as it was written; with a vault that "
     "answers, what it says to every link.",
     kNoOptions, RunBackupCheck},
    {"backup restore", "FILE", 1, 1, "put a backup's links in force",
     "Shows what would come back and what not, then asks on a terminal; --yes "
     "does not. Without a terminal it acts, unless it would bring nothing back "
     "and end links: that needs --yes. What was revoked, erased or replaced "
     "since stays so.",
     kNoOptions, RunBackupRestore},
    {"audit tail", "", 0, 0, "the last decisions, and what refused", "", kTail,
     RunAuditTail},
    {"audit verify-certificate", "FILE", 1, 1,
     "check an erasure's signed certificate", "", kVerifyCertificate,
     RunAuditVerifyCertificate},
    // Named in the interface, not in this version.
    {"audit verify", "", 0, 0, "", "", {}, nullptr},
    {"audit prove", "", 0, 0, "", "", {}, nullptr},
    {"audit checkpoint", "", 0, 0, "", "", {}, nullptr},
};

}  // namespace

std::span<const Verb> Verbs() { return kVerbs; }
std::span<const Option> GlobalOptions() { return kGlobal; }

}  // namespace coffer::cli
