#include "vault/gate/http.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coffer::gate {
namespace {

void Feed(HttpInput& input, std::string_view bytes) {
  while (!bytes.empty()) {
    base::MutableBytes space = input.Space();
    ASSERT_FALSE(space.empty());
    size_t size = std::min(space.size(), bytes.size());
    std::memcpy(space.data(), bytes.data(), size);
    input.Filled(size);
    bytes.remove_prefix(size);
    if (!bytes.empty() && input.Next() != HttpStep::kNeedMore) return;
  }
}

// The fault of a request given whole; 0 when it is taken or needs more.
int FaultOf(const std::string& bytes) {
  HttpInput input;
  Feed(input, bytes);
  return input.Next() == HttpStep::kFault ? input.fault() : 0;
}

constexpr char kPost[] =
    "POST /v1/token?x=1 HTTP/1.1\r\nHost: coffer\r\nContent-Type: "
    "application/json; charset=utf-8\r\nIF-MATCH: \"7\"\r\nidempotency-key: "
    "k-1\r\nContent-Length: 4\r\n\r\nbody";

TEST(HttpInput, ReadsEveryPartOfARequest) {
  HttpInput input;
  Feed(input, kPost);
  ASSERT_EQ(input.Next(), HttpStep::kRequest);
  const HttpRequest& request = input.request();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/v1/token?x=1");
  EXPECT_EQ(request.content_type, "application/json; charset=utf-8");
  EXPECT_EQ(request.if_match, "\"7\"");
  EXPECT_EQ(request.idempotency_key, "k-1");
  EXPECT_EQ(request.body, "body");
  EXPECT_TRUE(request.keep_alive);
  EXPECT_TRUE(request.has_if_match);
  input.Consume(true);
  EXPECT_TRUE(input.empty());
  EXPECT_EQ(input.phase(), HttpPhase::kIdle);
}

TEST(HttpInput, TakesARequestThatComesByteByByte) {
  HttpInput input;
  std::string_view bytes = kPost;
  for (size_t i = 0; i + 1 < bytes.size(); ++i) {
    Feed(input, bytes.substr(i, 1));
    ASSERT_EQ(input.Next(), HttpStep::kNeedMore) << i;
  }
  Feed(input, bytes.substr(bytes.size() - 1));
  ASSERT_EQ(input.Next(), HttpStep::kRequest);
  EXPECT_EQ(input.request().target, "/v1/token?x=1");
  EXPECT_EQ(input.request().idempotency_key, "k-1");
  EXPECT_EQ(input.request().body, "body");
}

TEST(HttpInput, TakesSeveralRequestsOfOneReadInOrder) {
  HttpInput input;
  Feed(input,
       "GET /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: "
       "2\r\n\r\nhi\r\nGET /c HTTP/1.1\r\n\r\nGET");
  for (const char* target : {"/a", "/b", "/c"}) {
    ASSERT_EQ(input.Next(), HttpStep::kRequest) << target;
    EXPECT_EQ(input.request().target, target);
    input.Consume(true);
  }
  EXPECT_EQ(input.Next(), HttpStep::kNeedMore);
  EXPECT_EQ(input.phase(), HttpPhase::kHeader);
}

TEST(HttpInput, TakesALargeBodyBehindASmallRequest) {
  HttpInput input;
  std::string body(base::kHttpBodyBytesMax, 'b');
  std::string bytes =
      "GET /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\n"
      "Content-Length: 65536\r\n\r\n" +
      body;
  size_t taken = 0;
  std::vector<std::string> targets;
  while (taken < bytes.size() || !input.empty()) {
    if (taken < bytes.size()) {
      base::MutableBytes space = input.Space();
      ASSERT_FALSE(space.empty());
      size_t size = std::min({space.size(), bytes.size() - taken, size_t{999}});
      std::memcpy(space.data(), bytes.data() + taken, size);
      input.Filled(size);
      taken += size;
    }
    if (input.Next() != HttpStep::kRequest) continue;
    targets.emplace_back(input.request().target);
    if (targets.back() == "/b") {
      EXPECT_EQ(input.request().body, body);
    }
    input.Consume(false);
  }
  EXPECT_EQ(targets, (std::vector<std::string>{"/a", "/b"}));
}

TEST(HttpInput, RefusesWhatIsMalformedWith400) {
  const char* const requests[] = {
      "GARBAGE\r\n\r\n",
      "GET /a\r\n\r\n",
      "GET  /a HTTP/1.1\r\n\r\n",
      "GET /a HTTP/2.0\r\n\r\n",
      "GET /a HTTP/1.1\n\n",
      "GET /a HTTP/1.1\r\nNo colon\r\n\r\n",
      "GET /a HTTP/1.1\r\nName : v\r\n\r\n",
      "GET /a HTTP/1.1\r\n: v\r\n\r\n",
      "GET /a HTTP/1.1\r\nX: a\r\n folded\r\n\r\n",
      "GET /a HTTP/1.1\r\nX: a\1b\r\n\r\n",
      "GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "POST /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "POST /a HTTP/1.1\r\nContent-Length: 1x\r\n\r\n",
      "POST /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "POST /a HTTP/1.1\r\nContent-Type: a\r\nContent-Type: b\r\n\r\n",
      "POST /a HTTP/1.1\r\nIf-Match: \"1\"\r\nIf-Match: \"2\"\r\n\r\n",
      "POST /a HTTP/1.1\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n",
      ("POST /a HTTP/1.1\r\nContent-Length: 3\r\n"
       "Transfer-Encoding: chunked\r\n\r\n"),
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  };
  for (const char* request : requests) {
    EXPECT_EQ(FaultOf(request), 400) << request;
  }
}

TEST(HttpInput, RefusesChunkedBodiesWith411) {
  EXPECT_EQ(FaultOf("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            411);
  EXPECT_EQ(FaultOf("POST /a HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"),
            411);
}

TEST(HttpInput, RefusesABodyAboveTheLimitWith413AndTakesOneAtIt) {
  EXPECT_EQ(FaultOf("POST /a HTTP/1.1\r\nContent-Length: 65537\r\n\r\n"), 413);
  EXPECT_EQ(
      FaultOf("POST /a HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n"
              "\r\n"),
      413);
  EXPECT_EQ(FaultOf("POST /a HTTP/1.1\r\nContent-Length: 65536\r\n\r\n"), 0);
}

std::string RequestOfHeaderSize(size_t size) {
  std::string request = "GET /a HTTP/1.1\r\nX: ";
  return request + std::string(size - request.size() - 4, 'x') + "\r\n\r\n";
}

TEST(HttpInput, RefusesHeadersAboveTheLimitWith431AndTakesOnesAtIt) {
  HttpInput input;
  Feed(input, RequestOfHeaderSize(base::kHttpHeaderBytesMax));
  EXPECT_EQ(input.Next(), HttpStep::kRequest);
  EXPECT_EQ(FaultOf(RequestOfHeaderSize(base::kHttpHeaderBytesMax + 1)), 431);
  EXPECT_EQ(FaultOf("GET /" + std::string(10000, 'a')), 431);
}

TEST(HttpInput, RefusesMoreThan32HeadersWith431) {
  std::string request = "GET /a HTTP/1.1\r\n";
  for (size_t i = 0; i < base::kHttpHeadersMax; ++i) {
    request += "X" + std::to_string(i) + ": v\r\n";
  }
  HttpInput input;
  Feed(input, request + "\r\n");
  EXPECT_EQ(input.Next(), HttpStep::kRequest);
  EXPECT_EQ(FaultOf(request + "One: more\r\n\r\n"), 431);
}

TEST(HttpInput, SaysOnceThatTheClientWaitsToSendItsBody) {
  HttpInput input;
  Feed(input,
       "POST /a HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(input.Next(), HttpStep::kNeedMore);
  EXPECT_EQ(input.phase(), HttpPhase::kBody);
  EXPECT_TRUE(input.TakeContinue());
  EXPECT_FALSE(input.TakeContinue());
  Feed(input, "hi");
  ASSERT_EQ(input.Next(), HttpStep::kRequest);
  EXPECT_EQ(input.request().body, "hi");
}

TEST(HttpInput, KeepsAliveAsTheVersionSays) {
  struct Case {
    const char* request;
    bool keep_alive;
  };
  const Case cases[] = {
      {"GET /a HTTP/1.1\r\n\r\n", true},
      {"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n", false},
      {"GET /a HTTP/1.0\r\n\r\n", false},
      {"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
  };
  for (const Case& item : cases) {
    HttpInput input;
    Feed(input, item.request);
    ASSERT_EQ(input.Next(), HttpStep::kRequest) << item.request;
    EXPECT_EQ(input.request().keep_alive, item.keep_alive) << item.request;
  }
}

}  // namespace
}  // namespace coffer::gate
