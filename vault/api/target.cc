// What stands in a request's target: subjects in paths and queries.
#include "crypto/base/utf8.h"
#include "vault/api/request.h"

namespace coffer::api {
namespace {

using base::Code;
using base::Fail;

constexpr base::Literal kSubjectRule =
    "subject is 1 to 256 bytes of UTF-8, percent-encoded";
constexpr base::Literal kQueryRule =
    "the query is subject=S, with after=LINK and limit=N if wanted";
constexpr base::Literal kLimitRule = "limit is 1 to 64";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What may stand in a segment as it is: RFC 3986 pchar, without "%".
bool IsPlain(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
      (c >= '0' && c <= '9')) {
    return true;
  }
  return c != '\0' && std::string_view("-._~!$&'()*+,;=:@").find(c) !=
                          std::string_view::npos;
}

ParseResult<wire::LinkId> ReadAfter(std::string_view value) {
  base::Result<wire::LinkId> link = wire::ParseLink(value);
  if (link.ok()) return link;
  return Fail(Code::kInvalid, "after is lnk_ and 22 base64url characters");
}

ParseResult<uint32_t> ReadLimit(std::string_view value, size_t most,
                                base::Literal rule) {
  uint32_t limit = 0;
  if (value.empty() || value.size() > 3 || value.front() == '0') {
    return Fail(Code::kInvalid, rule);
  }
  for (char c : value) {
    if (c < '0' || c > '9') return Fail(Code::kInvalid, rule);
    limit = limit * 10 + static_cast<uint32_t>(c - '0');
  }
  if (limit > most) return Fail(Code::kInvalid, rule);
  return limit;
}

// Lower case only: one cursor has one text.
bool ReadHex(std::string_view text, uint64_t& out) {
  out = 0;
  for (char c : text) {
    const int value = c >= 'A' && c <= 'F' ? -1 : HexValue(c);
    if (value < 0) return false;
    out = out << 4 | static_cast<uint64_t>(value);
  }
  return true;
}

ParseResult<LedgerCursor> ReadCursor(std::string_view value) {
  LedgerCursor cursor;
  if (value.size() != kLedgerCursorBytes ||
      !ReadHex(value.substr(0, 16), cursor.until) ||
      !ReadHex(value.substr(16), cursor.after) ||
      cursor.after >= cursor.until) {
    return Fail(Code::kInvalid, "after is the `next` of the page before");
  }
  return cursor;
}

ParseResult<ConsentsCursor> ReadConsentsCursor(std::string_view value) {
  uint64_t parts[3];
  bool read = value.size() == kConsentsCursorBytes;
  for (size_t i = 0; i < 3 && read; ++i) {
    read = ReadHex(value.substr(16 * i, 16), parts[i]);
  }
  if (!read) {
    return Fail(Code::kInvalid, "after is the `next` of the page before");
  }
  ConsentsCursor cursor;
  for (size_t i = 0; i < cursor.link.size(); ++i) {
    cursor.link[i] = static_cast<uint8_t>(parts[i / 8] >> (56 - 8 * (i % 8)));
  }
  cursor.leaf = parts[2];
  return cursor;
}

// [after=CURSOR][&limit=N], in either order.
template <typename Query, typename Read>
ParseResult<Query> ParsePageQuery(std::string_view query, Read read_cursor,
                                  size_t most, base::Literal limit_rule) {
  Query out;
  bool has_limit = false;
  for (bool last = query.empty(); !last;) {
    const size_t ampersand = query.find('&');
    const std::string_view pair = query.substr(0, ampersand);
    last = ampersand == std::string_view::npos;
    if (!last) query.remove_prefix(ampersand + 1);
    if (pair.substr(0, 6) == "after=" && !out.after) {
      auto after = read_cursor(pair.substr(6));
      if (!after.ok()) return after.error();
      out.after = *after;
    } else if (pair.substr(0, 6) == "limit=" && !has_limit) {
      ParseResult<uint32_t> limit = ReadLimit(pair.substr(6), most, limit_rule);
      if (!limit.ok()) return limit.error();
      out.limit = *limit;
      has_limit = true;
    } else {
      return Fail(Code::kInvalid,
                  "the query is after=CURSOR and limit=N if wanted");
    }
  }
  return out;
}

}  // namespace

bool SubjectText::Append(uint8_t byte) {
  if (size_ == sizeof bytes_) return false;
  bytes_[size_++] = byte;
  return true;
}

ParseResult<SubjectText> ParseSubjectSegment(std::string_view segment) {
  SubjectText subject;
  for (size_t i = 0; i < segment.size(); ++i) {
    int byte = static_cast<uint8_t>(segment[i]);
    if (segment[i] == '%') {
      if (segment.size() - i < 3) return Fail(Code::kInvalid, kSubjectRule);
      const int high = HexValue(segment[i + 1]);
      const int low = HexValue(segment[i + 2]);
      if (high < 0 || low < 0) return Fail(Code::kInvalid, kSubjectRule);
      byte = high * 16 + low;
      i += 2;
    } else if (!IsPlain(segment[i])) {
      return Fail(Code::kInvalid, kSubjectRule);
    }
    if (!subject.Append(static_cast<uint8_t>(byte))) {
      return Fail(Code::kInvalid, kSubjectRule);
    }
  }
  if (subject.view().empty() || !base::IsUtf8(subject.view())) {
    return Fail(Code::kInvalid, kSubjectRule);
  }
  return subject;
}

ParseResult<ListQuery> ParseListQuery(std::string_view query) {
  ListQuery out;
  bool has_subject = false;
  bool has_limit = false;
  while (true) {
    const size_t ampersand = query.find('&');
    const std::string_view pair = query.substr(0, ampersand);
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
      return Fail(Code::kInvalid, kQueryRule);
    }
    const std::string_view key = pair.substr(0, equals);
    const std::string_view value = pair.substr(equals + 1);
    if (key == "subject" && !has_subject) {
      if (value.find('+') != std::string_view::npos) {
        return Fail(Code::kInvalid,
                    "write a plus in subject as %2B and a space as %20");
      }
      ParseResult<SubjectText> subject = ParseSubjectSegment(value);
      if (!subject.ok()) return subject.error();
      out.subject = *subject;
      has_subject = true;
    } else if (key == "after" && !out.after) {
      ParseResult<wire::LinkId> after = ReadAfter(value);
      if (!after.ok()) return after.error();
      out.after = *after;
    } else if (key == "limit" && !has_limit) {
      ParseResult<uint32_t> limit = ReadLimit(value, kListLinksMax, kLimitRule);
      if (!limit.ok()) return limit.error();
      out.limit = *limit;
      has_limit = true;
    } else {
      return Fail(Code::kInvalid, kQueryRule);
    }
    if (ampersand == std::string_view::npos) break;
    query.remove_prefix(ampersand + 1);
  }
  if (!has_subject) return Fail(Code::kInvalid, kQueryRule);
  return out;
}

ParseResult<LedgerQuery> ParseLedgerQuery(std::string_view query) {
  return ParsePageQuery<LedgerQuery>(query, ReadCursor, kLedgerEntriesMax,
                                     "limit is 1 to 256");
}

ParseResult<ConsentsQuery> ParseConsentsQuery(std::string_view query) {
  return ParsePageQuery<ConsentsQuery>(query, ReadConsentsCursor,
                                       kPastConsentsMax, kLimitRule);
}

}  // namespace coffer::api
