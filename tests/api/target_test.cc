// Subjects in paths and queries, If-Match and Idempotency-Key.
#include <gtest/gtest.h>

#include <string>

#include "vault/api/ledger_response.h"
#include "vault/api/request.h"

namespace coffer::api {
namespace {

constexpr char kSubject[] =
    "subject is 1 to 256 bytes of UTF-8, percent-encoded";
constexpr char kQuery[] =
    "the query is subject=S, with after=LINK and limit=N if wanted";
constexpr char kLink[] = "lnk_AAAAAAAAAAAAAAAAAAAAAA";

std::string SubjectOf(std::string_view segment) {
  const auto subject = ParseSubjectSegment(segment);
  return subject.ok() ? std::string(subject->view())
                      : std::string("!") + subject.error().message;
}
std::string QueryError(std::string_view query) {
  const auto parsed = ParseListQuery(query);
  return parsed.ok() ? "ok" : parsed.error().message;
}
std::string Encoded(std::string_view bytes) {
  std::string text;
  for (char c : bytes) {
    char step[4];
    std::snprintf(step, sizeof step, "%%%02X", static_cast<uint8_t>(c));
    text += step;
  }
  return text;
}

TEST(SubjectSegment, DecodesPercentEncodingOnce) {
  EXPECT_EQ(SubjectOf("cust-7731"), "cust-7731");
  EXPECT_EQ(SubjectOf("a%2Fb"), "a/b");
  EXPECT_EQ(SubjectOf("a%2fb%20c"), "a/b c");
  EXPECT_EQ(SubjectOf("a%252Fb"), "a%2Fb");
  EXPECT_EQ(SubjectOf("a+b"), "a+b");
  EXPECT_EQ(SubjectOf("x@y.z:~!$&'()*,;="), "x@y.z:~!$&'()*,;=");
  EXPECT_EQ(SubjectOf("%C3%A9%F0%9F%98%80"), "\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(SubjectOf("%00"), std::string(1, '\0'));
  EXPECT_EQ(SubjectOf("."), ".");
}

TEST(SubjectSegment, RefusesBrokenEncodingAndRawBytes) {
  const std::string refused = std::string("!") + kSubject;
  for (const char* bad :
       {"",       "%",   "%4",        "%4g",  "%g4", "a%",   "a%2", "%%41",
        "%u0041", "a b", "a\xc3\xa9", "a\"b", "a<b", "a\\b", "a^b", "a`b",
        "a{b",    "a|b", "a\x7f",     "a\tb", "a/b", "a?b",  "a#b", "a[b"}) {
    EXPECT_EQ(SubjectOf(bad), refused) << bad;
  }
  EXPECT_EQ(SubjectOf(std::string_view("a\0b", 3)), refused);
  // Nothing behind the segment's end is looked at.
  EXPECT_EQ(SubjectOf(std::string_view("a%2F").substr(0, 3)), refused);
  EXPECT_EQ(SubjectOf(std::string_view("a%2F").substr(0, 2)), refused);
}

TEST(SubjectSegment, RefusesInvalidUtf8) {
  for (const char* bytes :
       {"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xc3\x28", "\xe0\x9f",
        "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff", "a\xe2\x28\xa1"}) {
    EXPECT_EQ(SubjectOf(Encoded(bytes)), std::string("!") + kSubject);
  }
  for (const char* bytes :
       {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(SubjectOf(Encoded(bytes)), bytes);
  }
}

TEST(SubjectSegment, BoundsTheDecodedBytes) {
  EXPECT_EQ(SubjectOf(std::string(256, 'x')), std::string(256, 'x'));
  EXPECT_EQ(SubjectOf(std::string(257, 'x')), std::string("!") + kSubject);
  EXPECT_EQ(SubjectOf(Encoded(std::string(256, ' '))), std::string(256, ' '));
  EXPECT_EQ(SubjectOf(Encoded(std::string(257, ' '))),
            std::string("!") + kSubject);
}

TEST(ConsentsQuery, BoundsAfterAndLimit) {
  EXPECT_FALSE(ParseConsentsQuery("")->after);
  EXPECT_EQ(ParseConsentsQuery("")->limit, kPastConsentsMax);
  const std::string cursor = "000102030405060708090a0b0c0d0e0f00000000000001ff";
  auto whole = ParseConsentsQuery("limit=64&after=" + cursor);
  ASSERT_TRUE(whole.ok());
  ASSERT_TRUE(whole->after);
  EXPECT_EQ(whole->after->link[15], 15);
  EXPECT_EQ(whole->after->leaf, 0x1ffu);
  for (const std::string& bad :
       {std::string("limit=0"), std::string("limit=65"), std::string("after="),
        "after=" + cursor + "0", "after=" + cursor.substr(1),
        "after=" + cursor.substr(1) + "F", std::string("subject=a"),
        "after=" + cursor + "&after=" + cursor, std::string("limit=1&"),
        std::string("&")}) {
    EXPECT_FALSE(ParseConsentsQuery(bad).ok()) << bad;
  }
}

TEST(ListQuery, ReadsItsThreeKeysInAnyOrder) {
  auto least = ParseListQuery("subject=cust-7731");
  ASSERT_TRUE(least.ok());
  EXPECT_EQ(least->subject.view(), "cust-7731");
  EXPECT_FALSE(least->after);
  EXPECT_EQ(least->limit, kListLinksMax);
  auto whole = ParseListQuery(std::string("limit=7&after=") + kLink +
                              "&subject=a%26b=c");
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  EXPECT_EQ(whole->subject.view(), "a&b=c");
  ASSERT_TRUE(whole->after);
  EXPECT_EQ(wire::LinkText(*whole->after), kLink);
  EXPECT_EQ(whole->limit, 7u);
}

TEST(ListQuery, RefusesMissingUnknownAndRepeatedKeys) {
  for (const char* bad :
       {"", "subject", "&", "subject=a&", "&subject=a", "subject=a&&limit=1",
        "limit=1", "Subject=a", "subject=a&subject=b", "subject=a&x=1",
        "subject=a&limit=1&limit=1", "sub%6Aect=a", "subject=a&offset=1"}) {
    EXPECT_EQ(QueryError(bad), kQuery) << bad;
  }
  EXPECT_EQ(QueryError("subject="), kSubject);
  EXPECT_EQ(QueryError("subject=%ff"), kSubject);
  EXPECT_EQ(QueryError("subject=a+b"),
            "write a plus in subject as %2B and a space as %20");
  EXPECT_EQ(QueryError("subject=a%2Bb"), "ok");
}

TEST(ListQuery, BoundsAfterAndLimit) {
  for (const char* bad : {"0", "65", "-1", "", "01", "1.0", "1e1", "100", "x",
                          "+5", " 5", "184467440737095516"}) {
    EXPECT_EQ(QueryError(std::string("subject=a&limit=") + bad),
              "limit is 1 to 64")
        << bad;
  }
  EXPECT_EQ(QueryError("subject=a&limit=1"), "ok");
  EXPECT_EQ(QueryError("subject=a&limit=64"), "ok");
  for (const char* bad : {"", "lnk_", "1", "lnk_AAAAAAAAAAAAAAAAAAAAAB"}) {
    EXPECT_EQ(QueryError(std::string("subject=a&after=") + bad),
              "after is lnk_ and 22 base64url characters");
  }
}

TEST(IfMatch, TakesAQuotedPositiveNumberOnly) {
  const auto number = [](std::string_view header) {
    const auto parsed = ParseIfMatch(header);
    return parsed.ok() ? static_cast<int64_t>(*parsed) : int64_t{-1};
  };
  EXPECT_EQ(number("\"1\""), 1);
  EXPECT_EQ(number("\"4294967294\""), 4294967294);
  // No revision reaches these: well-formed, and never a match.
  EXPECT_EQ(number("\"4294967296\""), 0xffffffff);
  EXPECT_EQ(number("\"18446744073709551617\""), 0xffffffff);
  EXPECT_EQ(number("\"" + std::string(300, '9') + "\""), 0xffffffff);
  for (const char* bad :
       {"",       "\"",     "\"\"",         "1",       "'1'",
        "\"0\"",  "\"01\"", "\"-1\"",       "\"+1\"",  "\"1.0\"",
        "\" 1\"", "\"1 \"", " \"1\"",       "\"1\" ",  "W/\"1\"",
        "*",      "\"*\"",  "\"1\", \"2\"", "\"1\"\"", "\"a\"",
        "\"1",    "1\"",    "\"\xd9\xa1\""}) {
    EXPECT_EQ(number(bad), -1) << bad;
  }
}

TEST(IdempotencyKey, IsPrintableAsciiWithinItsBounds) {
  EXPECT_TRUE(CheckIdempotencyKey("a").ok());
  EXPECT_TRUE(CheckIdempotencyKey(" ~").ok());
  EXPECT_TRUE(CheckIdempotencyKey(std::string(128, 'k')).ok());
  EXPECT_FALSE(CheckIdempotencyKey("").ok());
  EXPECT_FALSE(CheckIdempotencyKey(std::string(129, 'k')).ok());
  for (const char* bad : {"\t", "a\x1f", "a\x7f", "\x80", "\xc3\xa9"}) {
    EXPECT_FALSE(CheckIdempotencyKey(bad).ok());
  }
  EXPECT_FALSE(CheckIdempotencyKey(std::string_view("a\0", 2)).ok());
}

// --- GET /v1/subjects/{subject}/ledger ---------------------------------------

TEST(LedgerQuery, IsEmptyOrNamesCursorAndLimitInEitherOrder) {
  auto none = ParseLedgerQuery("");
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->after);
  EXPECT_EQ(none->limit, kLedgerEntriesMax);
  const std::string cursor = "00000000000001ff000000000000000a";
  for (const std::string& query :
       {"after=" + cursor + "&limit=7", "limit=7&after=" + cursor}) {
    auto both = ParseLedgerQuery(query);
    ASSERT_TRUE(both.ok()) << query;
    EXPECT_EQ(both->after->until, 0x1ffu);
    EXPECT_EQ(both->after->after, 10u);
    EXPECT_EQ(both->limit, 7u);
  }
}

TEST(LedgerQuery, TakesNoOtherTextForACursor) {
  const std::string good = "after=00000000000001ff000000000000000a";
  ASSERT_TRUE(ParseLedgerQuery(good).ok());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(ParseLedgerQuery(good.substr(0, size)).ok(), size == 0) << size;
  }
  EXPECT_FALSE(ParseLedgerQuery(good + "0").ok());
  EXPECT_FALSE(ParseLedgerQuery(good + "&" + good).ok());
  // Every byte: a cursor has one text.
  for (size_t i = 6; i < good.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string other = good;
      other[i] = static_cast<char>(byte);
      const bool hex =
          (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
      auto parsed = ParseLedgerQuery(other);
      EXPECT_TRUE(hex || !parsed.ok()) << other;
      EXPECT_TRUE(!parsed.ok() || parsed->after->after < parsed->after->until);
    }
  }
}

TEST(LedgerQuery, ACursorComesBackAsItWasWritten) {
  const LedgerCursor cursor{0xfedcba9876543210, 0x0123456789abcdef};
  TextBuilder text;
  LedgerWriter writer(text);
  writer.End(true, cursor);
  EXPECT_EQ(text.view(),
            "{\"entries\":[],\"complete\":true,\"next\":"
            "\"fedcba98765432100123456789abcdef\"}");
  auto parsed = ParseLedgerQuery("after=fedcba98765432100123456789abcdef");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->after->until, cursor.until);
  EXPECT_EQ(parsed->after->after, cursor.after);
}

TEST(LedgerWriter, LeavesOutWhatSaysNothing) {
  wire::Leaf leaf;
  leaf.kind = wire::LeafKind::kLinkRead;
  leaf.rule = wire::Rule::kRecordStale;
  leaf.index = 7;
  leaf.time = 1785542400;
  TextBuilder text;
  LedgerWriter writer(text);
  writer.Add(wire::LinkId{}, leaf);
  writer.End(false, {});
  EXPECT_EQ(text.view(),
            "{\"entries\":[{\"time\":\"2026-08-01T00:00:00Z\",\"link\":"
            "\"lnk_AAAAAAAAAAAAAAAAAAAAAA\",\"action\":\"link.read\","
            "\"outcome\":\"record_stale\",\"audit_index\":7}],"
            "\"complete\":false}");
}

}  // namespace
}  // namespace coffer::api
