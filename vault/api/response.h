// The bodies of every answer and the one table from a keeper's rule to a
// problem. Runs in the gate; the CLI reads what is written here. Reveals
// nothing but what the keeper put into the answer: details are literals.
#pragma once

#include <optional>
#include <string_view>

#include "vault/api/json.h"
#include "vault/wire/message.h"

namespace coffer::api {

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kProblemType = "application/problem+json";

// RFC 9457. All texts are literals.
struct Problem {
  uint16_t status = 500;
  std::string_view error;  // e.g. "access_denied"
  std::string_view title;
  std::string_view detail;           // what to do next
  uint32_t retry_after_seconds = 0;  // 0: no Retry-After header
};

// What a caller is told about the keeper's rule; never for kAllowed.
Problem ProblemOf(wire::Rule rule);
// The same at this second of the vault: a spent budget says when its window
// ends.
Problem ProblemOf(wire::Rule rule, uint64_t now);
// The same for POST /v1/redeem, where all but a missing right and a vault that
// is not serving is one answer: 400 invalid_grant.
Problem RedeemProblemOf(wire::Rule rule);
// 503 of a vault that is not operational.
Problem ProblemOf(wire::VaultState state);
// 400 invalid_request, or 413 for kTooLarge, with the parser's own detail.
Problem ProblemOf(const base::Error& error);

// What the gate itself refuses.
inline constexpr Problem kNoSuchRoute{404, "not_found", "Not found",
                                      "no such route; see the API reference"};
inline constexpr Problem kMethodNotAllowed{
    405, "method_not_allowed", "Method not allowed",
    "use a method that the Allow header names"};
inline constexpr Problem kRequestTimeout{
    408, "request_timeout", "Request timeout",
    "send the whole request within the time limits"};
inline constexpr Problem kIdempotencyConflict{
    409, "conflict", "Conflict",
    "this Idempotency-Key was used with another body; use a new key"};
inline constexpr Problem kLengthRequired{
    411, "length_required", "Length required",
    "send Content-Length; chunked bodies are not accepted"};
inline constexpr Problem kBodyTooLarge{413, "too_large", "Too large",
                                       "a body is at most 65536 bytes"};
inline constexpr Problem kUnsupportedMediaType{
    415, "unsupported_media_type", "Unsupported media type",
    "send Content-Type: application/json"};
inline constexpr Problem kPreconditionRequired{
    428, "precondition_required", "Precondition required",
    "send If-Match with the link's ETag, e.g. If-Match: \"1\""};
inline constexpr Problem kHeadersTooLarge{
    431, "headers_too_large", "Header fields too large",
    "request line and headers are at most 8192 bytes and 32 headers"};
inline constexpr Problem kMalformedHttp{
    400, "invalid_request", "Invalid request", "the request is not HTTP/1.1"};
inline constexpr Problem kStoreFailed{
    503, "unavailable", "Unavailable",
    "the store did not confirm the write; repeat with the same "
    "Idempotency-Key",
    1};
inline constexpr Problem kStoreDamaged{
    500, "damaged", "Stored data is damaged",
    "the stored link cannot be used; give the operator this instance"};

// `leaf` is the decision's index, or wire::kNoLeaf for an answer without
// `instance`.
void WriteProblem(TextBuilder& out, const Problem& problem,
                  uint64_t leaf = wire::kNoLeaf);

// 201 of POST /v1/links, 200 of the two PUTs: {"link","revision"}.
void WriteWritten(TextBuilder& out, const wire::LinkId& link,
                  uint32_t revision);
// GET /v1/links/{link}. Its ETag is the quoted revision.
void WriteLink(TextBuilder& out, const wire::ReadAnswer& answer);

// GET /v1/links?subject=: {"links":[...],"next":...}.
class LinkListWriter {
 public:
  explicit LinkListWriter(TextBuilder& out);
  void Add(const wire::ReadAnswer& answer);
  // `next`: the last link of this page when more follow.
  void End(const std::optional<wire::LinkId>& next);

 private:
  JsonWriter json_;
};

// POST /v1/token
void WriteToken(TextBuilder& out, const wire::IssueAnswer& answer);

// POST /v1/token/batch, in the order of the requests. A problem that has a
// Retry-After says it as `retry_after`.
class TokenBatchWriter {
 public:
  explicit TokenBatchWriter(TextBuilder& out);
  void Add(const wire::IssueAnswer& answer);
  void Add(const Problem& problem, uint64_t leaf);
  void End();

 private:
  JsonWriter json_;
};

void WriteRedeemed(TextBuilder& out, const wire::RedeemAnswer& answer);
void WriteActive(TextBuilder& out, const wire::IntrospectAnswer& answer);
inline constexpr std::string_view kInactiveBody = "{\"active\":false}";
void WriteKeys(TextBuilder& out, const wire::KeysAnswer& answer);
void WriteErased(TextBuilder& out, uint64_t erased,
                 std::string_view certificate);
// Both health routes; returns the HTTP status, 200 or 503.
uint16_t WriteHealth(TextBuilder& out, wire::VaultState state);
// Monitor socket, GET /v1/status.
void WriteStatus(TextBuilder& out, const wire::StatusAnswer& answer);

}  // namespace coffer::api
