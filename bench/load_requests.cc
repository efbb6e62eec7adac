#include "bench/load_requests.h"

#include <time.h>

#include <cstdio>

namespace coffer::bench {

namespace {

const char* RouteOf(Kind kind) {
  switch (kind) {
    case Kind::kIssue:
      return "/v1/token";
    case Kind::kBatch:
      return "/v1/token/batch";
    case Kind::kCreate:
      return "/v1/links";
    case Kind::kRedeem:
      return "/v1/redeem";
    case Kind::kRead:
      break;
  }
  return "/v1/links/";
}

}  // namespace

RequestMaker::RequestMaker(const LoadOptions& options,
                           const std::vector<std::string>& values)
    : options_(options),
      values_(values),
      random_(options.seed * 0x9e3779b97f4a7c15ull | 1) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  run_ = static_cast<uint64_t>(now.tv_sec) * 1000 +
         static_cast<uint64_t>(now.tv_nsec) / 1000000;
  tail_ = "\",\"purpose\":\"" + options.purpose + "\",\"scope\":\"" +
          options.cluster + "\",\"audience\":\"" + options.audience + "\"}";
}

uint64_t RequestMaker::Random() {
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  return random_ * 0x2545f4914f6cdd1dull >> 16;
}

void RequestMaker::AppendTokenRequest(std::string& out) {
  out += "{\"link\":\"";
  out += RandomValue();
  out += tail_;
}

void RequestMaker::AppendCreateBody(std::string& out) {
  char subject[32];
  std::snprintf(subject, sizeof subject, "%010llx%08llu",
                static_cast<unsigned long long>(run_ & 0xffffffffff),
                static_cast<unsigned long long>(created_++));
  out +=
      "{\"institution\":\"" + options_.institution + "\",\"subject\":\"cust-";
  out += subject;
  out += "\",\"bank_token\":\"bt-0123456789abcdef0123456789-";
  out += subject;
  out += "\",\"consent\":{\"consentId\":\"c-";
  out.append(subject + 10, 8);
  out += "\",\"purposes\":[\"" + options_.purpose + "\"],\"dataClusters\":[\"" +
         options_.cluster +
         "\"],\"durationType\":\"TIME_BOUND\",\"durationPeriod\":90,"
         "\"lookbackPeriod\":60}}";
}

void RequestMaker::AppendHead(std::string& out, size_t body_bytes) {
  if (body_bytes != head_body_bytes_) {
    head_ = std::string("POST ") + RouteOf(options_.kind) +
            " HTTP/1.1\r\nHost: coffer\r\nContent-Type: application/json\r\n"
            "Content-Length: " +
            std::to_string(body_bytes) + "\r\n\r\n";
    head_body_bytes_ = body_bytes;
  }
  out += head_;
}

void RequestMaker::Append(std::string& out) {
  body_.clear();
  switch (options_.kind) {
    case Kind::kIssue:
      AppendTokenRequest(body_);
      break;
    case Kind::kBatch:
      body_ += "{\"requests\":[";
      for (uint32_t i = 0; i < options_.batch; ++i) {
        if (i > 0) body_ += ',';
        AppendTokenRequest(body_);
      }
      body_ += "]}";
      break;
    case Kind::kCreate:
      AppendCreateBody(body_);
      break;
    case Kind::kRedeem:
      body_ += "{\"token\":\"";
      body_ += RandomValue();
      body_ += "\"}";
      break;
    case Kind::kRead:
      out += "GET /v1/links/";
      out += RandomValue();
      out += " HTTP/1.1\r\nHost: coffer\r\n\r\n";
      return;
  }
  AppendHead(out, body_.size());
  out += body_;
}

}  // namespace coffer::bench
