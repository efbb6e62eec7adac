// What the wire costs a token: the item of an issue and its answer, written and
// read, and a policy decoded with all its checks.
// links: coffer_wire

#include <benchmark/benchmark.h>

#include "tests/wire/sample_policy.h"
#include "vault/wire/message.h"

namespace coffer::wire {
namespace {

constexpr size_t kHeadBytes = 360;
constexpr size_t kWrapBytes = 130;
constexpr size_t kTokenBytes = 420;

struct Issue {
  std::vector<uint8_t> head = std::vector<uint8_t>(kHeadBytes, 1);
  std::vector<uint8_t> wrap = std::vector<uint8_t>(kWrapBytes, 2);
  IssueItem item;
  Issue() {
    item.connection = 7;
    item.purpose = "balance_display";
    item.scope.push_back("ACCOUNT_DETAILED");
    item.audience = "connector";
    item.expires_in = 60;
    item.stored.head = head;
    item.stored.wrap = wrap;
  }
};

template <typename T>
std::vector<uint8_t> Encoded(const T& item) {
  std::vector<uint8_t> bytes(4096);
  auto size = base::EncodeWhole(bytes, item);
  COFFER_CHECK(size.ok());
  bytes.resize(*size);
  return bytes;
}

void BM_EncodeIssueItem(benchmark::State& state) {
  const Issue issue;
  uint8_t out[4096];
  for (auto _ : state) {
    auto size = base::EncodeWhole(out, issue.item);
    benchmark::DoNotOptimize(size.ok());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_EncodeIssueItem);

void BM_DecodeIssueItem(benchmark::State& state) {
  const auto bytes = Encoded(Issue().item);
  for (auto _ : state) {
    auto item = base::DecodeWhole<IssueItem>(bytes);
    COFFER_CHECK(item.ok());
    benchmark::DoNotOptimize(*item);
  }
}
BENCHMARK(BM_DecodeIssueItem);

IssueAnswer MakeAnswer(const std::string& token) {
  IssueAnswer answer;
  answer.token = token;
  answer.expires_in = 60;
  answer.scope = "ACCOUNT_DETAILED";
  return answer;
}

void BM_EncodeIssueAnswer(benchmark::State& state) {
  const std::string token(kTokenBytes, 't');
  const IssueAnswer answer = MakeAnswer(token);
  uint8_t out[4096];
  for (auto _ : state) {
    base::Encoder encoder(out);
    encoder.Struct(AnswerHeader{Op::kIssue, Rule::kAllowed, 99});
    encoder.Struct(answer);
    benchmark::DoNotOptimize(encoder.used());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_EncodeIssueAnswer);

void BM_DecodeIssueAnswer(benchmark::State& state) {
  const std::string token(kTokenBytes, 't');
  const auto bytes = Encoded(MakeAnswer(token));
  for (auto _ : state) {
    auto answer = base::DecodeWhole<IssueAnswer>(bytes);
    COFFER_CHECK(answer.ok());
    benchmark::DoNotOptimize(*answer);
  }
}
BENCHMARK(BM_DecodeIssueAnswer);

void BM_DecodePolicy(benchmark::State& state) {
  const auto bytes = PolicyToBytes(*MakeSamplePolicy());
  auto policy = std::make_unique<Policy>();
  for (auto _ : state) {
    benchmark::DoNotOptimize(DecodePolicy(*policy, bytes).ok());
  }
}
BENCHMARK(BM_DecodePolicy);

}  // namespace
}  // namespace coffer::wire
