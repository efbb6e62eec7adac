// The body of GET /v1/subjects/{subject}/consents: what a customer had opted
// into, and how it ended. Runs in the gate; the CLI reads what is written here.
// Reveals nothing but what the keeper opened.
#pragma once

#include "vault/api/request.h"

namespace coffer::api {

// {"consents":[...],"next":"..."}
class ConsentsWriter {
 public:
  explicit ConsentsWriter(TextBuilder& out);
  void Add(const wire::PastConsent& past);
  // `next`: more follow; else nullptr.
  void End(const ConsentsCursor* next);

 private:
  JsonWriter json_;
};

}  // namespace coffer::api
