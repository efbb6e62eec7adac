// The compiled policy, as the keeper takes it from an operator and from its own
// state. What passes holds all that keeper/decision relies on.
// links: coffer_wire

#include "tests/wire/shapes.h"
#include "vault/wire/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer::wire;
  const Bytes bytes(data, size);
  auto policy = std::make_unique<Policy>();
  if (!DecodePolicy(*policy, bytes).ok()) return 0;
  COFFER_CHECK(EncodesTo(*policy, bytes));
  for (const IssueRule& rule : policy->rules) {
    COFFER_CHECK(rule.caller < policy->callers.size);
    COFFER_CHECK(rule.audience < policy->callers.size);
    COFFER_CHECK(!policy->purposes[rule.purpose].prohibited);
  }
  for (size_t i = 0; i < policy->callers.size; ++i) {
    COFFER_CHECK(FindCaller(*policy, policy->callers[i].name.view()) ==
                 static_cast<int>(i));
  }
  return 0;
}
