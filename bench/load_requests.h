// The bytes of the load generator's requests: one shape a run, a random link or
// token in each.
#pragma once

#include <string>
#include <vector>

#include "bench/load_options.h"

namespace coffer::bench {

class RequestMaker {
 public:
  // `values`: links, or tokens for kRedeem; unused for kCreate. Kept by
  // reference; not empty where used.
  RequestMaker(const LoadOptions& options,
               const std::vector<std::string>& values);

  // Appends one whole request.
  void Append(std::string& out);

 private:
  uint64_t Random();
  const std::string& RandomValue() {
    return values_[Random() % values_.size()];
  }
  void AppendTokenRequest(std::string& out);
  void AppendCreateBody(std::string& out);
  void AppendHead(std::string& out, size_t body_bytes);

  const LoadOptions& options_;
  const std::vector<std::string>& values_;
  uint64_t random_;
  uint64_t run_;  // makes subjects differ from those of other runs
  uint64_t created_ = 0;
  std::string tail_;  // of a token request, after the link
  std::string body_;
  std::string head_;  // as last rendered, for bodies of head_body_bytes_
  size_t head_body_bytes_ = ~size_t{0};
};

}  // namespace coffer::bench
