#include "cli/slot_secret.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "cli/pkcs11.h"
#include "cli/secret_input.h"
#include "cli/share_files.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "crypto/passphrase.h"
#include "crypto/random.h"

namespace coffer::cli {
namespace {

using wire::SlotHeader;
using wire::SlotKind;

// A kind of slot, its word on the command line, and the flags that only it
// takes.
struct KindRow {
  SlotKind kind;
  std::string_view word;
  std::span<const std::string_view> flags;
};
constexpr std::string_view kPassphraseFlags[] = {"passphrase-file"};
constexpr std::string_view kKeyFileFlags[] = {"key-file"};
constexpr std::string_view kShamirFlags[] = {"shares", "threshold",
                                             "shares-dir", "share-file"};
constexpr KindRow kKinds[] = {
    {SlotKind::kPassphrase, "passphrase", kPassphraseFlags},
    {SlotKind::kKeyFile, "keyfile", kKeyFileFlags},
    {SlotKind::kShamir, "shamir", kShamirFlags},
    {SlotKind::kPkcs11, "pkcs11", {}},
};

// The kind whose flags are given; several kinds are a failure.
Outcome<std::optional<SlotKind>> KindOfFlags(const Invocation& invocation) {
  std::optional<SlotKind> found;
  for (const KindRow& row : kKinds) {
    bool given = std::any_of(
        row.flags.begin(), row.flags.end(),
        [&](std::string_view flag) { return invocation.Has(flag); });
    if (!given) continue;
    if (found) {
      return Failure{Exit::kUsage, "flags of two kinds of slot are given",
                     "give the secret of one slot"};
    }
    found = row.kind;
  }
  return found;
}

// Argon2id over what a person typed, with the slot's own parameters.
Done Stretch(const Invocation& invocation, const base::SecretBuffer& passphrase,
             SlotSecret& secret) {
  const SlotHeader& slot = secret.slot;
  if (slot.argon2_memory_bytes < crypto::kPassphraseMemoryMin ||
      slot.argon2_memory_bytes > crypto::kPassphraseMemoryMax ||
      slot.argon2_passes < crypto::kPassphrasePassesMin ||
      slot.argon2_passes > crypto::kPassphrasePassesMax) {
    return Failure{Exit::kRefused,
                   "slot " + std::to_string(slot.id) +
                       " asks for Argon2id parameters outside the limits",
                   "the state file may have been tampered with; use another "
                   "slot or a backup"};
  }
  if (!invocation.json()) {
    invocation.context.err << "Deriving the slot's secret: Argon2id, "
                           << ByteText(slot.argon2_memory_bytes) << ", "
                           << slot.argon2_passes << " passes ...\n"
                           << std::flush;
  }
  crypto::PassphraseParameters parameters;
  parameters.memory_bytes = slot.argon2_memory_bytes;
  parameters.passes = slot.argon2_passes;
  parameters.salt = slot.salt;
  base::Status done = crypto::SecretFromPassphrase(
      secret.secret, passphrase.view(), parameters);
  if (done.ok()) return base::Nothing{};
  return Failure{Exit::kRefused, done.error().message,
                 done.error().code == base::Code::kFull
                     ? "free memory, or use another kind of slot"
                     : ""};
}

Done MakeFromKeyFile(const Invocation& invocation, const Settings& settings,
                     SlotSecret& secret) {
  std::string path = invocation.Has("key-file")
                         ? invocation.Get("key-file")
                         : settings.config.unseal.key_file;
  if (path.empty()) {
    return Failure{Exit::kUsage, "a key-file slot needs --key-file F", ""};
  }
  auto file = ReadOrMakeKeyFile(invocation, path);
  if (!file.ok()) return file.failure();
  std::copy(file->key.view().begin(), file->key.view().end(),
            secret.secret.begin());
  if (file->made) {
    secret.made_files.push_back(path);
    invocation.context.err << "Made key file " << Printable(path)
                           << " (32 random bytes, 0600): keep a copy "
                              "elsewhere.\n";
  }
  return base::Nothing{};
}

Done MakeShares(const Invocation& invocation, SlotSecret& secret) {
  auto shares = invocation.Number("shares", 2, base::kSharesMax, 0);
  if (!shares.ok()) return shares.failure();
  auto threshold = invocation.Number("threshold", 2, base::kSharesMax, 0);
  if (!threshold.ok()) return threshold.failure();
  if (*shares == 0 || *threshold == 0 || *threshold > *shares ||
      !invocation.Has("shares-dir")) {
    return Failure{
        Exit::kUsage,
        "a shamir slot needs --shares N --threshold K --shares-dir "
        "D, K at most N",
        "run coffer " + std::string(invocation.verb.name) + " --help"};
  }
  crypto::Random(secret.secret);
  return MakeShareFiles(invocation, invocation.Get("shares-dir"), *threshold,
                        *shares, secret);
}

}  // namespace

void SlotSecret::RemoveMadeFiles() {
  for (const std::string& path : made_files) unlink(path.c_str());
  made_files.clear();
}

Outcome<SlotKind> NewSlotKind(const Invocation& invocation,
                              const std::string& word) {
  auto given = KindOfFlags(invocation);
  if (!given.ok()) return given.failure();
  for (const KindRow& row : kKinds) {
    if (row.word != word) continue;
    if (*given && **given != row.kind) {
      return Failure{
          Exit::kUsage, "these flags do not go with a slot of kind " + word,
          "run coffer " + std::string(invocation.verb.name) + " --help"};
    }
    return row.kind;
  }
  return Failure{Exit::kUsage,
                 "a slot's kind is passphrase, keyfile, shamir or pkcs11",
                 "run coffer " + std::string(invocation.verb.name) + " --help"};
}

Done MakeSlotSecret(const Invocation& invocation, const Settings& settings,
                    SlotSecret& secret) {
  crypto::Random(secret.slot.salt);
  switch (secret.slot.kind) {
    case SlotKind::kPassphrase: {
      crypto::PassphraseParameters defaults;
      secret.slot.argon2_memory_bytes = defaults.memory_bytes;
      secret.slot.argon2_passes = defaults.passes;
      auto passphrase =
          ReadPassphrase(invocation, invocation.Get("passphrase-file"), true);
      if (!passphrase.ok()) return passphrase.failure();
      return Stretch(invocation, *passphrase, secret);
    }
    case SlotKind::kKeyFile:
      return MakeFromKeyFile(invocation, settings, secret);
    case SlotKind::kShamir:
      return MakeShares(invocation, secret);
    case SlotKind::kPkcs11:
      return SecretFromDevice(invocation, settings, true, secret);
  }
  return Failure{Exit::kUsage, "no such kind of slot", ""};
}

Outcome<SlotHeader> ChooseSlot(const Invocation& invocation,
                               const Settings& settings, const SlotList& slots,
                               uint64_t wanted, bool secret_tells) {
  auto kind = KindOfFlags(invocation);
  if (!kind.ok()) return kind.failure();
  std::vector<SlotHeader> fitting;
  for (const SlotHeader& slot : slots) {
    if (wanted != 0 && slot.id != wanted) continue;
    if (wire::SlotKindText(slot.kind).empty()) continue;  // newer
    if (*kind && slot.kind != **kind) continue;
    fitting.push_back(slot);
  }
  // Shares name their slot themselves.
  if (*kind == SlotKind::kShamir && !fitting.empty()) return fitting.front();
  // Nothing said, and several fit: the configuration decides.
  auto prefer = [&](SlotKind preferred, const std::string& configured) {
    if (fitting.size() < 2 || *kind || configured.empty()) return;
    if (std::none_of(fitting.begin(), fitting.end(), [&](const auto& slot) {
          return slot.kind == preferred;
        })) {
      return;
    }
    std::erase_if(fitting,
                  [&](const auto& slot) { return slot.kind != preferred; });
  };
  prefer(SlotKind::kKeyFile, settings.config.unseal.key_file);
  prefer(SlotKind::kPkcs11, settings.config.unseal.pkcs11_module);
  if (fitting.size() == 1) return fitting.front();
  if (secret_tells && !fitting.empty() &&
      std::all_of(fitting.begin(), fitting.end(), [](const auto& slot) {
        return slot.kind == SlotKind::kKeyFile;
      })) {
    SlotHeader any;
    any.kind = SlotKind::kKeyFile;
    return any;
  }
  std::string there;
  for (const SlotHeader& slot : slots) {
    if (!there.empty()) there += ", ";
    there += std::to_string(slot.id) + " (" +
             std::string(wire::SlotKindText(slot.kind)) + ")";
  }
  return Failure{
      Exit::kUsage,
      fitting.empty() ? "no slot of this vault fits" : "several slots fit",
      "give --slot, or --passphrase-file, --key-file or --share-file; there "
      "are: " +
          there};
}

Done ReadSlotSecret(const Invocation& invocation, const Settings& settings,
                    SlotSecret& secret) {
  switch (secret.slot.kind) {
    case SlotKind::kPassphrase: {
      auto passphrase =
          ReadPassphrase(invocation, invocation.Get("passphrase-file"), false);
      if (!passphrase.ok()) return passphrase.failure();
      return Stretch(invocation, *passphrase, secret);
    }
    case SlotKind::kKeyFile: {
      std::string path = invocation.Has("key-file")
                             ? invocation.Get("key-file")
                             : settings.config.unseal.key_file;
      if (path.empty()) {
        return Failure{
            Exit::kUsage,
            "slot " + std::to_string(secret.slot.id) + " is a key file",
            "give --key-file F"};
      }
      auto key = ReadKeyFile(invocation, path);
      if (!key.ok()) return key.failure();
      std::copy(key->view().begin(), key->view().end(), secret.secret.begin());
      return base::Nothing{};
    }
    case SlotKind::kShamir:
      return CombineShareFiles(invocation, secret);
    case SlotKind::kPkcs11:
      return SecretFromDevice(invocation, settings, false, secret);
  }
  return Failure{Exit::kRefused, "a slot of a kind this coffer does not know",
                 "use the coffer of the same version as cofferd"};
}

std::string SlotText(const SlotHeader& slot) {
  std::string text = std::to_string(slot.id) + " ";
  std::string_view kind = wire::SlotKindText(slot.kind);
  text += kind.empty() ? "of a kind this coffer does not know" : kind;
  if (slot.kind == SlotKind::kPassphrase) {
    text += " (Argon2id, " + ByteText(slot.argon2_memory_bytes) + ", " +
            std::to_string(slot.argon2_passes) + " passes)";
  } else if (slot.kind == SlotKind::kShamir) {
    text += " (" + std::to_string(slot.threshold) + " of " +
            std::to_string(slot.shares.size) + " shares)";
  } else if (slot.kind == SlotKind::kPkcs11) {
    text += " (key " + Printable(slot.key_label.view()) + ")";
  }
  return text;
}

}  // namespace coffer::cli
