#include "vault/wire/operator_message.h"

#include "vault/wire/operator_keys.h"
#include "vault/wire/operator_limits.h"
#include "vault/wire/operator_quorum.h"

namespace coffer::wire {

std::string_view SlotKindText(SlotKind kind) {
  switch (kind) {
    case SlotKind::kPassphrase:
      return "passphrase";
    case SlotKind::kKeyFile:
      return "key file";
    case SlotKind::kShamir:
      return "shamir";
    case SlotKind::kPkcs11:
      return "pkcs11";
  }
  return "";
}

std::string_view KeyUseText(KeyUse use) {
  switch (use) {
    case KeyUse::kKek:
      return "kek";
    case KeyUse::kToken:
      return "token";
    case KeyUse::kEvidence:
      return "evidence";
    case KeyUse::kIngest:
      return "ingest";
    case KeyUse::kAudit:
      return "audit";
  }
  return "";
}

bool operator==(const QuorumRule& a, const QuorumRule& b) {
  if (a.threshold != b.threshold || a.approvers.size != b.approvers.size) {
    return false;
  }
  for (const Approver& approver : a.approvers) {
    bool found = false;
    for (const Approver& other : b.approvers) {
      found |= other.name == approver.name.view() &&
               other.public_key == approver.public_key;
    }
    if (!found) return false;
  }
  return true;
}

base::Status CheckQuorum(const QuorumRule& rule) {
  if (rule.threshold == 0 && rule.approvers.size == 0) return {};
  if (rule.threshold < 2 || rule.threshold > rule.approvers.size) {
    return base::Fail(base::Code::kInvalid,
                      "quorum: the threshold is 2 to the number of approvers, "
                      "or 0 without any");
  }
  for (size_t i = 0; i < rule.approvers.size; ++i) {
    const Approver& approver = rule.approvers[i];
    if (!IsName(approver.name.view())) {
      return base::Fail(base::Code::kInvalid,
                        "quorum: an approver's name is no name");
    }
    for (size_t j = 0; j < i; ++j) {
      if (rule.approvers[j].name == approver.name.view() ||
          rule.approvers[j].public_key == approver.public_key) {
        return base::Fail(base::Code::kInvalid,
                          "quorum: an approver is named twice");
      }
    }
  }
  return {};
}

std::string OperationText(const OperationId& id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "op_";
  for (uint8_t byte : id) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

base::Result<OperationId> ParseOperation(std::string_view text) {
  const base::Error bad = base::Fail(base::Code::kInvalid,
                                     "an operation's id is op_ and 16 digits");
  if (text.size() != kOperationTextBytes || text.substr(0, 3) != "op_") {
    return bad;
  }
  OperationId id{};
  for (size_t i = 0; i < 2 * id.size(); ++i) {
    const char c = text[3 + i];
    int digit = -1;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    if (digit < 0) return bad;
    id[i / 2] = static_cast<uint8_t>(id[i / 2] << 4 | digit);
  }
  return id;
}

std::string_view BudgetWindowText(BudgetWindow window) {
  return window == BudgetWindow::kHour ? "hour" : "day";
}

}  // namespace coffer::wire
