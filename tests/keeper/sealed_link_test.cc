// A link's record at rest: every byte and every field of it is bound.
#include "vault/keeper/sealed_link.h"

#include <string>

#include "crypto/aead.h"
#include "tests/keeper/keyring_support.h"

namespace coffer::keeper {
namespace {

using base::Encoder;
using base::MutableBytes;
using wire::Rule;

constexpr wire::LinkId kLink = {0, 0, 1, 2, 3, 4, 5, 6};

// Owned bytes of one stored link.
struct Kept {
  wire::LinkId link{};
  Buffer head, wrap, box;
  wire::StoredLink Stored() const { return {head, wrap, box}; }
};

class SealedLinkTest : public KeyringTest {
 protected:
  SealedLinkTest() : sealed_(*arena_), opened_(*arena_), audit_(*arena_) {
    crypto::RandomKey(audit_);
    metadata_.created_at = metadata_.updated_at = metadata_.granted_at = 1000;
    metadata_.expires_at = 9000;
    metadata_.consent.consent_id = "c-1";
    metadata_.consent.purposes.push_back("balance_display");
    metadata_.consent.clusters.push_back("ACCOUNT_BASIC");
    metadata_.consent.duration_period_days = 90;
    to_seal_.link = kLink;
    to_seal_.revision = 3;
    to_seal_.leaf = 77;
    to_seal_.institution = "citi";
    to_seal_.linker = "linker";
    to_seal_.subject = {5, 5, 5};
    to_seal_.metadata = &metadata_;
    to_seal_.audit = &audit_;
    to_seal_.has_bank_token = true;
    to_seal_.bank_token = base::AsBytes("bank-token-canary");
  }
  Kept Seal(const LinkToSeal& link) {
    EXPECT_EQ(SealLink(keyring_, link, sealed_), Rule::kAllowed);
    const wire::StoredLink& s = sealed_.stored;
    return {link.link,
            {s.head.begin(), s.head.end()},
            {s.wrap.begin(), s.wrap.end()},
            {s.token_box.begin(), s.token_box.end()}};
  }
  Kept Seal() { return Seal(to_seal_); }
  Rule OpenHead(const Kept& kept) {
    return OpenLink(keyring_, kept.link, kept.Stored(), opened_);
  }
  Rule OpenToken(Bytes box) {
    Bytes token;
    Rule rule = OpenBankToken(opened_, box, plaintext_, token);
    token_ = rule == Rule::kAllowed ? std::string(base::AsText(token)) : "";
    return rule;
  }
  Rule Open(const Kept& kept) {
    Rule rule = OpenHead(kept);
    return rule == Rule::kAllowed ? OpenToken(kept.box) : rule;
  }

  SealedLink sealed_;
  OpenedLink opened_;
  crypto::LinkAuditKey audit_;
  LinkMetadata metadata_;
  LinkToSeal to_seal_;
  uint8_t plaintext_[base::kBankTokenBytesMax + 34];
  std::string token_;
};

TEST_F(SealedLinkTest, OpensAsItWasSealed) {
  const Kept kept = Seal();
  ASSERT_EQ(Open(kept), Rule::kAllowed);
  EXPECT_EQ(token_, "bank-token-canary");
  EXPECT_EQ(opened_.head.revision, 3u);
  EXPECT_EQ(opened_.head.leaf, 77u);
  EXPECT_EQ(opened_.head.linker, "linker");
  EXPECT_EQ(opened_.metadata.consent.consent_id, "c-1");
  EXPECT_EQ(opened_.metadata.expires_at, 9000u);
  Buffer one(16), other(16);
  crypto::KeyedHash(one, audit_, "test", {});
  crypto::KeyedHash(other, opened_.audit, "test", {});
  EXPECT_EQ(one, other);
}

TEST_F(SealedLinkTest, NothingOfTokenSubjectOrConsentStandsInClear) {
  const Kept kept = Seal();
  for (const Buffer* part : {&kept.head, &kept.wrap, &kept.box}) {
    const std::string text(part->begin(), part->end());
    for (const char* secret :
         {"bank-token", "c-1", "balance_display", "ACCOUNT_BASIC"}) {
      EXPECT_EQ(text.find(secret), std::string::npos) << secret;
    }
  }
}

TEST_F(SealedLinkTest, SealingTwiceRepeatsNoKeyAndNoNonce) {
  const Kept one = Seal(), other = Seal();
  EXPECT_NE(one.head, other.head);
  EXPECT_NE(one.wrap, other.wrap);
  EXPECT_NE(one.box, other.box);
  // A new DEK each time: one's box is no other's.
  ASSERT_EQ(OpenHead(one), Rule::kAllowed);
  EXPECT_EQ(OpenToken(other.box), Rule::kRecordDamaged);
}

TEST_F(SealedLinkTest, EveryFlippedByteIsRefused) {
  const Kept good = Seal();
  size_t flips = 0, refused = 0;
  for (Buffer Kept::*part : {&Kept::head, &Kept::wrap, &Kept::box}) {
    for (size_t i = 0; i < (good.*part).size(); ++i) {
      for (int bit = 0; bit < 8; bit += 3) {
        Kept bad = good;
        (bad.*part)[i] ^= static_cast<uint8_t>(1 << bit);
        ++flips;
        const Rule rule = Open(bad);
        refused +=
            rule == Rule::kRecordDamaged || rule == Rule::kKeyUnavailable;
        ASSERT_NE(rule, Rule::kAllowed) << i;
      }
    }
  }
  ASSERT_EQ(Open(good), Rule::kAllowed);
  EXPECT_EQ(refused, flips);
  std::printf("record bytes flipped: %zu of %zu refused\n", refused, flips);
}

TEST_F(SealedLinkTest, EveryTruncationAndATrailingByteAreRefused) {
  const Kept good = Seal();
  size_t cuts = 0;
  for (Buffer Kept::*part : {&Kept::head, &Kept::wrap, &Kept::box}) {
    for (size_t size = 0; size < (good.*part).size(); ++size) {
      Kept bad = good;
      (bad.*part).resize(size);
      (bad.*part).shrink_to_fit();
      ASSERT_EQ(Open(bad), Rule::kRecordDamaged) << size;
      ++cuts;
    }
    Kept bad = good;
    (bad.*part).push_back(0);
    EXPECT_EQ(Open(bad), Rule::kRecordDamaged);
  }
  std::printf("records cut: %zu of %zu refused\n", cuts, cuts);
}

// Records that differ in one thing each; every mixture of two is refused.
TEST_F(SealedLinkTest, PartsOfTwoRecordsNeverOpenTogether) {
  std::vector<Kept> kept = {Seal(), Seal()};
  LinkMetadata wider = metadata_;
  wider.consent.clusters.push_back("TRANSACTIONS");
  LinkMetadata longer = metadata_;
  longer.expires_at = 9999;
  LinkToSeal other = to_seal_;
  auto vary = [&](auto change) {
    other = to_seal_;
    change();
    kept.push_back(Seal(other));
  };
  vary([&] { other.link[15] = 1; });
  vary([&] { other.revision = 4; });
  vary([&] { other.leaf = 78; });
  vary([&] { other.institution = "jpmorgan"; });
  vary([&] { other.linker = "other"; });
  vary([&] { other.subject[0] = 6; });
  vary([&] { other.bank_token = base::AsBytes("another"); });
  vary([&] { other.metadata = &wider; });
  vary([&] { other.metadata = &longer; });
  size_t pasted = 0;
  for (const Kept& one : kept) {
    ASSERT_EQ(Open(one), Rule::kAllowed);
    for (const Kept& two : kept) {
      if (&one == &two) continue;
      for (int from_two = 1; from_two < 7; ++from_two) {
        Kept mixed = one;
        if (from_two & 1) mixed.head = two.head;
        if (from_two & 2) mixed.wrap = two.wrap;
        if (from_two & 4) mixed.box = two.box;
        ASSERT_NE(Open(mixed), Rule::kAllowed) << from_two;
        ++pasted;
        mixed.link = two.link;
        ASSERT_NE(Open(mixed), Rule::kAllowed) << from_two;
        ++pasted;
      }
      if (one.link != two.link) {
        Kept whole = two;  // a whole record under another link's name
        whole.link = one.link;
        ASSERT_NE(Open(whole), Rule::kAllowed);
        ++pasted;
      }
    }
  }
  std::printf("records pasted: %zu of %zu refused\n", pasted, pasted);
}

TEST_F(SealedLinkTest, BankTokenOpensOnlyWithTheHeadAndConsentItWasGivenWith) {
  const Kept kept = Seal();
  auto refused = [&](auto change) {
    ASSERT_EQ(OpenHead(kept), Rule::kAllowed);
    change();
    EXPECT_EQ(OpenToken(kept.box), Rule::kRecordDamaged);
  };
  refused([&] { opened_.head.institution = "jpmorgan"; });
  refused([&] { opened_.head.link[0] ^= 1; });
  refused([&] { opened_.head.revision += 1; });
  refused([&] { opened_.head.leaf += 1; });
  refused([&] { opened_.plaintext[opened_.plaintext_size - 1] ^= 1; });
}

TEST_F(SealedLinkTest, RevokedLinkHasNoBankToken) {
  to_seal_.has_bank_token = false;
  const Kept kept = Seal();
  EXPECT_TRUE(kept.box.empty());
  ASSERT_EQ(OpenHead(kept), Rule::kAllowed);
  EXPECT_EQ(OpenToken(kept.box), Rule::kRecordDamaged);
}

TEST_F(SealedLinkTest, TokensOfEverySizeOpenAndHideTheirLengthWithin32Bytes) {
  std::string token;
  for (size_t size : {1, 2, 29, 30, 31, 32, 33, 62, 63, 1000, 16383, 16384}) {
    token.assign(size, 'x');
    to_seal_.bank_token = base::AsBytes(token);
    const Kept kept = Seal();
    EXPECT_EQ((kept.box.size() - crypto::kBoxExtraBytes) % 32, 0u);
    ASSERT_EQ(Open(kept), Rule::kAllowed) << size;
    EXPECT_EQ(token_, token);
  }
}

TEST_F(SealedLinkTest, LargestConsentFits) {
  std::vector<std::string> names;
  for (int i = 0; i < 64; ++i) {
    names.push_back(std::string(30, 'n') + std::to_string(10 + i));
  }
  metadata_.consent.purposes = metadata_.consent.clusters = {};
  for (size_t i = 0; i < 32; ++i) {
    metadata_.consent.purposes.push_back(names[i]);
    metadata_.consent.clusters.push_back(names[32 + i]);
  }
  const std::string id(base::kConsentIdBytesMax, 'c');
  metadata_.consent.consent_id = id;
  to_seal_.linker = names[0];
  EXPECT_EQ(Open(Seal()), Rule::kAllowed);
}

TEST_F(SealedLinkTest, InstitutionWithoutAKeySealsAndOpensNothing) {
  const Kept kept = Seal();
  to_seal_.institution = "unknown";
  EXPECT_EQ(SealLink(keyring_, to_seal_, sealed_), Rule::kKeyUnavailable);
  Keyring other(*arena_);
  other.Generate(1);
  EXPECT_EQ(OpenLink(other, kLink, kept.Stored(), opened_),
            Rule::kKeyUnavailable);
  // The institution is there, with a key of its own.
  ASSERT_TRUE(other.EnsureInstitution("citi", 1).ok());
  EXPECT_EQ(OpenLink(other, kLink, kept.Stored(), opened_),
            Rule::kKeyUnavailable);
}

// A record made here by the text of sealed_link.h, its associated data as a
// list of pieces that can be left out or altered one at a time.
using Pieces = std::vector<Buffer>;

template <typename Write>
Buffer Piece(Write write) {
  uint8_t bytes[512];
  Encoder encoder{MutableBytes(bytes)};
  write(encoder);
  return {bytes, bytes + encoder.used()};
}
Buffer Text(std::string_view text) {
  return Piece([&](Encoder& e) { e.Text(text, 100); });
}
template <typename T>
Buffer Number(T number) {
  return Piece([&](Encoder& e) { e.Number(number); });
}
Buffer Join(const Pieces& pieces) {
  Buffer joined;
  for (const Buffer& piece : pieces) {
    joined.insert(joined.end(), piece.begin(), piece.end());
  }
  return joined;
}

class HandMadeRecord : public SealedLinkTest {
 protected:
  enum Box { kWrap, kAudit, kConsent, kToken, kBoxes };

  Pieces Context(Box box) {
    const LinkToSeal& l = to_seal_;
    const Buffer link(l.link.begin(), l.link.end());
    const Buffer subject(l.subject.begin(), l.subject.end());
    const KeyId& id = keyring_.ActiveKek(0)->id;
    Pieces common = {Number(uint8_t{1}), Text(l.institution), link,
                     Number(l.revision), Number(l.leaf)};
    switch (box) {
      case kWrap:
        return {Text("coffer wrap"),
                Number(uint8_t{1}),
                Text(l.institution),
                Buffer(id.begin(), id.end()),
                link,
                Text(l.linker),
                subject,
                Number(l.revision),
                Number(l.leaf)};
      case kAudit:
        common.insert(common.begin(), Text("coffer link audit key"));
        return common;
      case kConsent:
        common.insert(common.begin(), Text("coffer consent"));
        common.push_back(Number(metadata_.expires_at));
        return common;
      default: {
        common.insert(common.begin(), Text("coffer bank token"));
        Buffer consent(1024), hash(32);
        auto size = base::EncodeWhole(MutableBytes(consent), metadata_.consent);
        consent.resize(*size);
        crypto::Hash(hash, "coffer consent hash", {consent});
        common.push_back(hash);
        return common;
      }
    }
  }
  Kept Make(const std::vector<Pieces>& contexts) {
    crypto::Dek dek(*arena_);
    crypto::RandomKey(dek);
    Kept kept;
    kept.link = to_seal_.link;
    Buffer metadata(1024), boxes(2048);
    metadata.resize(*base::EncodeWhole(MutableBytes(metadata), metadata_));
    size_t size = *crypto::WrapKey(boxes, dek, audit_, Join(contexts[kAudit]));
    size += *crypto::SealBox(MutableBytes(boxes).subspan(size), dek, metadata,
                             Join(contexts[kConsent]));
    wire::RecordHead head;
    head.link = to_seal_.link;
    head.revision = to_seal_.revision;
    head.leaf = to_seal_.leaf;
    head.expires_at = metadata_.expires_at;
    head.institution = to_seal_.institution;
    head.linker = to_seal_.linker;
    head.subject = to_seal_.subject;
    head.metadata_box = Bytes(boxes).first(size);
    kept.head.resize(4096);
    kept.head.resize(*base::EncodeWhole(MutableBytes(kept.head), head));
    wire::Wrap wrap;
    wrap.kek = keyring_.ActiveKek(0)->id;
    wrap.leaf = head.leaf;
    wrap.revision = head.revision;
    wrap.linker = head.linker;
    wrap.subject = head.subject;
    EXPECT_TRUE(crypto::WrapKey(wrap.box, keyring_.ActiveKek(0)->key, dek,
                                Join(contexts[kWrap]))
                    .ok());
    kept.wrap.resize(256);
    kept.wrap.resize(*base::EncodeWhole(MutableBytes(kept.wrap), wrap));
    Buffer padded(32);
    padded[0] = 5;
    std::memcpy(padded.data() + 2, "token", 5);
    kept.box.resize(padded.size() + crypto::kBoxExtraBytes);
    EXPECT_TRUE(
        crypto::SealBox(kept.box, dek, padded, Join(contexts[kToken])).ok());
    return kept;
  }
  std::vector<Pieces> Contexts() {
    return {Context(kWrap), Context(kAudit), Context(kConsent),
            Context(kToken)};
  }
};

TEST_F(HandMadeRecord, WrittenByTheFormatsTextOpens) {
  ASSERT_EQ(Open(Make(Contexts())), Rule::kAllowed);
  EXPECT_EQ(token_, "token");
}

TEST_F(HandMadeRecord, EveryFieldOfEveryAssociatedDataMatters) {
  int fields = 0;
  for (int box = 0; box < kBoxes; ++box) {
    for (size_t i = 0; i < Contexts()[box].size(); ++i) {
      std::vector<Pieces> altered = Contexts();
      altered[box][i].back() ^= 1;
      EXPECT_NE(Open(Make(altered)), Rule::kAllowed) << box << " " << i;
      std::vector<Pieces> without = Contexts();
      without[box].erase(without[box].begin() + static_cast<long>(i));
      EXPECT_NE(Open(Make(without)), Rule::kAllowed) << box << " " << i;
      ++fields;
    }
  }
  EXPECT_EQ(fields, 9 + 6 + 7 + 7);
  std::printf("fields of associated data: %d, each needed\n", fields);
}

// Someone who changes the clear fields of head and wrap alike gains nothing.
TEST_F(HandMadeRecord, ClearFieldsChangedInHeadAndWrapAlikeAreRefused) {
  const Kept good = Make(Contexts());
  size_t refused = 0;
  for (int field = 0; field < 5; ++field) {
    auto head = wire::DecodeRecordHead(good.head);
    auto wrap = wire::DecodeWrap(good.wrap);
    ASSERT_TRUE(head.ok() && wrap.ok());
    if (field == 0) wrap->revision = ++head->revision;
    if (field == 1) wrap->leaf = head->leaf += 1000;
    if (field == 2) wrap->linker = head->linker = "other";
    if (field == 3) wrap->subject[0] = ++head->subject[0];
    if (field == 4) head->expires_at += 86400;
    Kept bad = good;
    bad.head.resize(4096);
    bad.head.resize(*base::EncodeWhole(MutableBytes(bad.head), *head));
    bad.wrap.resize(256);
    bad.wrap.resize(*base::EncodeWhole(MutableBytes(bad.wrap), *wrap));
    refused += Open(bad) == Rule::kRecordDamaged;
  }
  EXPECT_EQ(refused, 5u);
}

}  // namespace
}  // namespace coffer::keeper
