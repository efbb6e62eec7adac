// The part of the gate's closed list (message.h) that answers a customer's
// "what do you hold about me, who used it, when, for what", and that ends what
// has to end: ledger, history of consents, records past their date. What the
// gate leaves out it can leave out; what it shows the keeper made.
#pragma once

#include "vault/wire/consent.h"
#include "vault/wire/keys.h"
#include "vault/wire/leaf.h"
#include "vault/wire/record.h"

namespace coffer::wire {

// --- kEraseLink, kEraseSubject: kills. The store deletes after the answer, as
// soon as kBury gave what is kept of the consents.
struct EraseLinkItem {
  ConnectionId connection = 0;
  LinkId link{};
  StoredLink stored;                     // without token_box
  std::string_view signed_consent = {};  // v4.public, or empty

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Fixed(self.link);
    coder.Struct(self.stored);
    coder.Text(self.signed_consent, base::kSignedConsentBytesMax);
  }
};
struct EraseSubjectItem {
  ConnectionId connection = 0;
  std::string_view subject;
  // How many the store has; the certificate says "reported".
  uint32_t links = 0;
  std::string_view signed_consent = {};  // v4.public, or empty
  // Of these, the first; the certificate names those whose wraps prove it.
  base::BoundedList<ErasedRow, base::kErasedRowsMax> rows = {};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Text(self.subject, base::kSubjectBytesMax);
    coder.Number(self.links);
    coder.Text(self.signed_consent, base::kSignedConsentBytesMax);
    coder.Structs(self.rows);
  }
};
struct EraseAnswer {
  std::string_view certificate;  // v4.public, signed with the evidence key

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Text(self.certificate, base::kCertificateTextBytesMax);
  }
};

// --- kTags: the day-keyed names under which a link stands in audit leaves
// (Leaf::link_tag), for the ledger. Needs `read` of the link; leaves a leaf.
struct TagsItem {
  ConnectionId connection = 0;
  LinkId link{};
  StoredLink stored;      // without token_box
  uint32_t from_day = 0;  // UTC days since 1970; before the link's first: that

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Fixed(self.link);
    coder.Struct(self.stored);
    coder.Number(self.from_day);
  }
};
struct TagsAnswer {
  uint32_t first_day = 0;
  bool more = false;  // ask again from first_day + tags.size
  base::BoundedList<ByteArray<16>, base::kLinkTagsMax> tags;  // day by day

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.first_day);
    coder.Flag(self.more);
    coder.FixedList(self.tags);
  }
};

// --- kLeaves: durable audit leaves in order, for what the gate derives of them
// off the path of requests. No connection.
struct LeavesItem {
  uint64_t from = 0;  // kNoLeaf: where the answer before this one ended

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.from);
  }
};
struct LeafBytes {
  Bytes leaf;  // see leaf.h

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.ShortBytes(self.leaf, base::kLeafBytesMax);
  }
};
struct LeavesAnswer {
  uint64_t next = 0;  // index after the last durable leaf
  // From `from`, or from the journal's first on, without a gap, kLeavesBytesMax
  // bytes at most; none: there is none yet.
  base::BoundedList<LeafBytes, base::kLeavesMax> leaves;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.next);
    coder.Structs(self.leaves);
  }
};

// --- kBury: a record whose consent is past its date and the policy's
// keep_expired, or which a floor has erased. The first is erased by this: floor
// and leaf are durable before the answer. Either way the answer has what is
// kept of its last consent, and then the store erases the link. Refused:
// kNotEnded, and what Open refuses. No connection.
struct BuryItem {
  LinkId link{};
  StoredLink stored;  // without token_box

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.link);
    coder.Struct(self.stored);
  }
};

// What is kept of a consent that was, without a bank token: sealed under the
// keyring's history key, by the subject's hash, until its retention ends.
//
//   history := format u8 | subject 16 | link 16 | leaf u64 | keep_until u64
//              | box (see vault/keeper/consent_history.h)
//
// Empty when the policy keeps none.
struct HistoryAnswer {
  Bytes history;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.ShortBytes(self.history, base::kHistoryBytesMax);
  }
};
using BuryAnswer = HistoryAnswer;
inline constexpr uint8_t kHistoryFormat = 1;
// Views into the bytes it was decoded from.
struct HistoryRow {
  uint8_t format = kHistoryFormat;
  SubjectHash subject{};
  LinkId link{};
  uint64_t leaf = 0;        // of the write that sealed the consent's record
  uint64_t keep_until = 0;  // seconds
  Bytes box;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.format);
    coder.Fixed(self.subject);
    coder.Fixed(self.link);
    coder.Number(self.leaf);
    coder.Number(self.keep_until);
    coder.ShortBytes(self.box, base::kHistoryBytesMax);
  }
};
// kInvalid, kNewerFormat.
base::Result<HistoryRow> DecodeHistoryRow(Bytes bytes);

// --- kHistory: opens one. Needs `read`, and to have been its linker or
// all_links; leaves a leaf. Past its date it opens no more.
struct HistoryItem {
  ConnectionId connection = 0;
  Bytes history;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.ShortBytes(self.history, base::kHistoryBytesMax);
  }
};
// How a consent ended; numbers are part of the history's format.
enum class ConsentEnding : uint8_t {
  kReplaced = 1,  // by a new consent of the same link
  kExpired = 2,
  kRevoked = 3,
  kUsed = 4,    // ONE_TIME
  kErased = 5,  // with its link, while it was active
};
std::string_view ConsentEndingText(ConsentEnding ending);  // "REPLACED"
struct PastConsent {
  LinkId link{};
  std::string_view institution;
  std::string_view linker;
  Consent consent;
  uint64_t granted_at = 0;
  uint64_t ended_at = 0;
  ConsentEnding ending = ConsentEnding::kReplaced;
  RevocationReason reason = RevocationReason::kNone;  // of kRevoked
  uint64_t keep_until = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.link);
    coder.Text(self.institution, base::kNameBytesMax);
    coder.Text(self.linker, base::kNameBytesMax);
    coder.Struct(self.consent);
    coder.Number(self.granted_at);
    coder.Number(self.ended_at);
    coder.Number(self.ending);
    coder.Number(self.reason);
    coder.Number(self.keep_until);
  }
};

}  // namespace coffer::wire
