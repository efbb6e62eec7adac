// What is held about one customer as one HTML page that a support desk can send
// or print: links with their consents, past consents, and every use. Runs in
// the CLI only. Self-contained: no script and no reference to anything outside.
// Everything that came from the vault or the command line is escaped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coffer::cli {

// Texts as the vault's routes have them; times are RFC 3339, names of purposes
// and clusters are separated by spaces. An empty text is left out.
struct HeldConsent {
  std::string id;
  std::string purposes;
  std::string clusters;
  std::string duration;  // "90 days", "PERSISTENT"
  std::string lookback;  // "60 days"
  std::string status;    // ACTIVE, REVOKED, USED, ...
  std::string reason;
  std::string from;
  std::string until;       // as agreed, of one that has not ended
  std::string ended;       // of one that has, where it is known
  std::string kept_until;  // of one that has ended
};
struct HeldLink {
  std::string link;
  std::string institution;
  std::string linker;
  HeldConsent consent;
};
struct HeldUse {
  std::string time;
  std::string link;
  std::string institution;
  std::string caller;
  std::string action;  // "token.redeem"
  std::string purpose;
  std::string scope;
  std::string audience;
  std::string outcome;  // "allowed", or the rule that refused
  std::string audit_index;
};
struct HeldData {
  std::string subject;
  std::string asked_by;
  uint64_t asked_at = 0;  // seconds
  bool complete = true;
  std::vector<HeldLink> links;
  std::vector<HeldLink> past;  // consents that ended
  std::vector<HeldUse> uses;   // in the order of the audit log
};

std::string LedgerPage(const HeldData& data);
// As element content or a quoted attribute's value; control characters become
// U+FFFD.
std::string EscapeHtml(std::string_view text);
// "Use of the bank token" for "token.redeem"; the action itself when unknown.
std::string_view ActionText(std::string_view action);

}  // namespace coffer::cli
