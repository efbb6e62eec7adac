#include "cli/share_files.h"

#include <errno.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "cli/commands/commands.h"
#include "cli/secret_input.h"
#include "cli/text.h"
#include "crypto/kdf.h"
#include "crypto/shamir.h"

namespace coffer::cli {
namespace {

using base::SecretBuffer;
using crypto::kShareBytes;

constexpr size_t kTextBytesMax = 512;

Outcome<SecretBuffer> ParseShareText(base::Bytes text,
                                     const std::string& path) {
  std::string_view line = base::AsText(text);
  while (!line.empty() && std::strchr(" \t\r\n", line.back()) != nullptr) {
    line.remove_suffix(1);
  }
  SecretBuffer share(kShareBytes);
  share.Resize(kShareBytes);
  base::Status parsed = crypto::ParseShare(share.mutable_view(), line);
  if (parsed.ok()) {
    auto head = crypto::ReadShare(share.view());
    if (head.ok()) return share;
    parsed = head.error();
  }
  return Failure{Exit::kRefused, ShareFault(path, parsed.error().message), ""};
}

// Reads shares[from..] again, as many as are needed, and combines them.
Done Prove(const Invocation& invocation, const std::vector<std::string>& files,
           size_t from, size_t threshold, base::Bytes secret) {
  std::vector<SecretBuffer> shares;
  std::vector<base::Bytes> views;
  for (size_t i = 0; i < threshold; ++i) {
    auto share = ReadShareFile(invocation, files[(from + i) % files.size()]);
    if (!share.ok()) return share.failure();
    shares.push_back(std::move(*share));
    views.push_back(shares.back().view());
  }
  SecretBuffer combined(crypto::kSharedSecretBytes);
  combined.Resize(crypto::kSharedSecretBytes);
  if (crypto::CombineShares(combined.mutable_view(), views).ok() &&
      crypto::EqualConstantTime(combined.view(), secret)) {
    return base::Nothing{};
  }
  return Failure{Exit::kRefused, "the shares do not give the secret back",
                 "nothing was changed; check the disk and try again"};
}

}  // namespace

Done MakeShareFiles(const Invocation& invocation, const std::string& directory,
                    uint64_t threshold, uint64_t shares, SlotSecret& secret) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Failure{
        Exit::kRefused,
        "cannot make " + Printable(directory) + ": " + std::strerror(errno),
        ""};
  }
  wire::SlotHeader& slot = secret.slot;
  crypto::ShareSetId set{};
  std::copy_n(slot.salt.begin(), set.size(), set.begin());
  slot.threshold = static_cast<uint8_t>(threshold);
  SecretBuffer all(shares * kShareBytes);
  all.Resize(shares * kShareBytes);
  crypto::SplitSecret(all.mutable_view(), secret.secret, set, slot.threshold);
  for (size_t i = 0; i < shares; ++i) {
    base::Bytes share = all.view().subspan(i * kShareBytes, kShareBytes);
    slot.shares.push_back(crypto::CheckOfShare(share));
    SecretBuffer text(crypto::kShareTextBytes + 1);
    text.Resize(crypto::kShareTextBytes + 1);
    crypto::FormatShare(text.mutable_view().first(crypto::kShareTextBytes),
                        share);
    text.mutable_view().back() = '\n';
    std::string path = directory + "/share-" + std::to_string(i + 1);
    Done written = WriteNewFile(path, base::AsText(text.view()));
    if (!written.ok()) return written.failure();
    secret.made_files.push_back(path);
  }
  for (size_t from = 0; from < shares; ++from) {
    Done proven =
        Prove(invocation, secret.made_files, from, threshold, secret.secret);
    if (!proven.ok()) return proven.failure();
  }
  invocation.context.err
      << Wrap("Made " + std::to_string(shares) + " shares in " +
                  Printable(directory) + " (0600), of which " +
                  std::to_string(threshold) +
                  " open the slot; all were read again and proven. Give each "
                  "to another person and remove them here.",
              0)
      << "\n";
  return base::Nothing{};
}

std::string ShareFault(const std::string& path, std::string_view message) {
  constexpr std::string_view kWord = "share: ";
  if (message.substr(0, kWord.size()) == kWord) {
    message.remove_prefix(kWord.size());
  }
  return "share " + Printable(path) + ": " + std::string(message);
}

Outcome<SecretBuffer> ReadShareFile(const Invocation& invocation,
                                    const std::string& path) {
  auto text = ReadSecret(invocation, path, "share", kTextBytesMax);
  if (!text.ok()) return text.failure();
  return ParseShareText(text->view(), path);
}

Done CombineShareFiles(const Invocation& invocation, SlotSecret& secret) {
  const wire::SlotHeader& slot = secret.slot;
  std::vector<std::string> files = invocation.All("share-file");
  if (files.size() != slot.threshold) {
    return Failure{Exit::kUsage,
                   "slot " + std::to_string(slot.id) + " needs " +
                       std::to_string(slot.threshold) + " shares, " +
                       std::to_string(files.size()) +
                       (files.size() == 1 ? " is given" : " are given"),
                   "give all in one call: --share-file F, once for each"};
  }
  crypto::ShareSet set;
  std::copy_n(slot.salt.begin(), set.id.size(), set.id.begin());
  set.threshold = slot.threshold;
  set.checks = {slot.shares.begin(), slot.shares.size};
  std::vector<SecretBuffer> shares;
  std::vector<base::Bytes> views;
  for (const std::string& file : files) {
    auto share = ReadShareFile(invocation, file);
    if (!share.ok()) return share.failure();
    auto head = crypto::ReadShareOf(set, share->view());
    if (!head.ok()) {
      return Failure{Exit::kRefused, ShareFault(file, head.error().message),
                     "give a share of this slot"};
    }
    shares.push_back(std::move(*share));
    views.push_back(shares.back().view());
  }
  base::Status combined = crypto::CombineShares(secret.secret, views);
  if (combined.ok()) return base::Nothing{};
  return Failure{Exit::kRefused, combined.error().message, ""};
}

}  // namespace coffer::cli
