// One request on its way through store and keeper: what it keeps between its
// steps, and its reply. Runs in the gate. Refuses nothing itself; sequences.h
// has the steps.
#pragma once

#include <array>
#include <optional>
#include <variant>
#include <vector>

#include "vault/api/consents_response.h"
#include "vault/api/ledger_response.h"
#include "vault/api/request.h"
#include "vault/api/response.h"
#include "vault/gate/routes.h"
#include "vault/store/store.h"

namespace coffer::gate {

class Connection;

// What an answer of the keeper is for. Beside each: what comes next.
enum class Step : uint16_t {
  kNobody,            // kNotCommitted and the like: nothing
  kVaultStatus,       // the gate's own question: the state of the vault
  kCreateHash,        // look the Idempotency-Key up, then kCreate
  kCreate,            // commit, then reply
  kRead,              // reply
  kListHash,          // read each link of the page
  kListRead,          // reply after the last
  kReplace,           // commit, then kCommitted
  kCommitted,         // reply
  kRevokeConsent,     // reply, then store
  kEraseLink,         // reply, then erase from the store
  kEraseHash,         // count the links, then kEraseSubject
  kEraseSubject,      // reply, then erase from the store
  kIssue,             // reply
  kIssueOfBatch,      // reply after the last
  kRedeemLocate,      // fetch the link, then kRedeem
  kRedeem,            // reply
  kIntrospectLocate,  // fetch the link, then kIntrospect
  kIntrospect,        // reply
  kRevokeToken,       // reply
  kKeys,              // reply
  kLedgerHash,        // wait for the uses, then kLedgerTags of each link
  kLedgerTags,        // look the uses up; reply after the last
  kConsentsHash,      // open each past consent of the page
  kConsentsTell,      // reply after the last
  kStatus,            // reply: health, status, metrics
  kWork,              // the store's upkeep, upkeep.h
  kRewrap,
  kSettle,  // store the record
  kLeaves,  // derive the uses, uses.h
  kBury,    // erase from the store, expiry_sweep.h
};

struct Reply {
  uint16_t status = 0;
  std::string_view content_type;  // empty: no body
  uint32_t etag = 0;              // 0: none
  uint32_t retry_after_seconds = 0;
  std::array<char, 48> allow{};  // empty: none
};

// A customer's ledger on its way: the uses found, of which the earliest stay.
struct LedgerSearch {
  struct Found {
    uint64_t index = 0;  // of the leaf
    wire::LinkId link{};
    std::vector<uint8_t> leaf;
  };
  api::LedgerQuery query;
  store::SubjectHash subject{};
  bool complete = true;
  std::vector<Found> found;
};

// Resource, pooled: its buffers are used again. `slot` names it in AnswerFor.
struct Exchange {
  explicit Exchange(uint32_t place) : slot(place) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const uint32_t slot;
  Connection* connection = nullptr;  // null when nobody waits any more
  const Route* route = nullptr;      // null: none matched
  wire::ConnectionId peer = 0;
  bool keep_alive = true;
  bool old_version = false;  // HTTP/1.0: keep-alive is said
  bool head = false;
  bool linger = false;  // the client may still be sending
  bool done = false;
  bool delivered = false;    // the server knows that it is done
  bool released = false;     // the server has no more use for it
  uint32_t outstanding = 0;  // answers of the keeper that will name it
  Reply reply;
  api::TextBuilder body;

  // Between the steps; which are in use depends on the route.
  std::variant<std::monostate, api::CreateRequest, api::ShownTokenRequest,
               api::SubjectText>
      kept;
  wire::LinkId link{};
  uint32_t revision = 0;
  uint64_t leaf = wire::kNoLeaf;
  bool idempotent = false;
  std::string idempotency_key;  // as given; empty: none
  std::string signed_consent;
  store::IdempotencyHash idempotency{};
  wire::ByteArray<16> body_hash{};
  std::vector<wire::LinkId> links;
  std::optional<wire::LinkId> next;
  uint32_t waiting = 0;  // answers still to come, of a list or batch
  std::optional<api::LinkListWriter> list;
  std::optional<api::TokenBatchWriter> batch;
  std::optional<LedgerSearch> ledger;
  std::optional<api::ConsentsWriter> consents;
  api::ConsentsCursor consents_after;
  bool consents_more = false;
  struct BatchFault {
    uint16_t index;
    api::Problem problem;
  };
  std::vector<BatchFault> faults;  // by index
  size_t faults_written = 0;

  // Ready for another request; buffers keep their room.
  void Reset();
};

}  // namespace coffer::gate
