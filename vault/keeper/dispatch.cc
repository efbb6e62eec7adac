#include "vault/keeper/dispatch.h"

#include "vault/keeper/history_operations.h"
#include "vault/keeper/kill_operations.h"
#include "vault/keeper/ledger_operations.h"
#include "vault/keeper/link_operations.h"
#include "vault/keeper/token_operations.h"
#include "vault/keeper/upkeep_operations.h"

namespace coffer::keeper {
namespace {

using base::Code;
using base::Decoder;
using base::Encoder;
using base::Fail;
using base::MutableBytes;
using wire::Op;

void ReportStatus(Operation::Shared& shared, const wire::StatusItem&,
                  AnswerWriter& answer) {
  Vault& vault = shared.vault;
  wire::StatusAnswer status;
  status.state = vault.state();
  status.clock_accepted = vault.clock_accepted();
  status.vault_id = vault.vault_id();
  status.leaves = vault.next_leaf();
  status.now = vault.state() == wire::VaultState::kOperational ? vault.Now()
                                                               : uint64_t{0};
  status.floors = static_cast<uint32_t>(vault.floors().size());
  status.connections =
      static_cast<uint32_t>(shared.connections.count(Listener::kCaller));
  status.brakes = vault.budgets().Holding(status.now);
  status.budget_refusals = vault.budgets().refusals();
  status.budget_links = static_cast<uint32_t>(vault.budgets().links());
  if (vault.state() == wire::VaultState::kOperational) {
    status.erasures_overdue = vault.OverdueErasures();
  }
  answer.Allow(wire::kNoLeaf, status);
}

// Decodes one item and carries it out; false when it is malformed.
template <typename Item>
bool CarryOut(Decoder& decoder, Operation::Shared& shared, AnswerWriter& answer,
              void (*operation)(Operation::Shared&, const Item&,
                                AnswerWriter&)) {
  Item item;
  decoder.Struct(item);
  if (decoder.failed()) return false;
  operation(shared, item, answer);
  return true;
}

bool DispatchItem(Op op, Decoder& decoder, Operation::Shared& shared,
                  AnswerWriter& answer) {
  switch (op) {
    case Op::kStatus:
      return CarryOut(decoder, shared, answer, ReportStatus);
    case Op::kHash:
      return CarryOut(decoder, shared, answer, Hash);
    case Op::kCreate:
      return CarryOut(decoder, shared, answer, Create);
    case Op::kRead:
      return CarryOut(decoder, shared, answer, Read);
    case Op::kReplaceBankToken:
      return CarryOut(decoder, shared, answer, ReplaceBankToken);
    case Op::kReplaceConsent:
      return CarryOut(decoder, shared, answer, ReplaceConsent);
    case Op::kCommitted:
      return CarryOut(decoder, shared, answer, Committed);
    case Op::kNotCommitted:
      return CarryOut(decoder, shared, answer, NotCommitted);
    case Op::kRevokeConsent:
      return CarryOut(decoder, shared, answer, RevokeConsent);
    case Op::kEraseLink:
      return CarryOut(decoder, shared, answer, EraseLink);
    case Op::kEraseSubject:
      return CarryOut(decoder, shared, answer, EraseSubject);
    case Op::kIssue:
      return CarryOut(decoder, shared, answer, Issue);
    case Op::kLocate:
      return CarryOut(decoder, shared, answer, Locate);
    case Op::kRedeem:
      return CarryOut(decoder, shared, answer, Redeem);
    case Op::kIntrospect:
      return CarryOut(decoder, shared, answer, Introspect);
    case Op::kRevokeToken:
      return CarryOut(decoder, shared, answer, RevokeToken);
    case Op::kKeys:
      return CarryOut(decoder, shared, answer, Keys);
    case Op::kWork:
      return CarryOut(decoder, shared, answer, Work);
    case Op::kRewrap:
      return CarryOut(decoder, shared, answer, Rewrap);
    case Op::kSettle:
      return CarryOut(decoder, shared, answer, Settle);
    case Op::kDrained:
      return CarryOut(decoder, shared, answer, Drained);
    case Op::kAdopted:
      return CarryOut(decoder, shared, answer, Adopted);
    case Op::kTags:
      return CarryOut(decoder, shared, answer, Tags);
    case Op::kLeaves:
      return CarryOut(decoder, shared, answer, Leaves);
    case Op::kBury:
      return CarryOut(decoder, shared, answer, Bury);
    case Op::kHistory:
      return CarryOut(decoder, shared, answer, History);
  }
  return false;
}

}  // namespace

base::Result<size_t> DispatchBatch(Operation::Shared& shared,
                                   uint64_t expected_sequence, Bytes body,
                                   MutableBytes out) {
  Decoder decoder(body);
  uint8_t format = 0;
  uint64_t sequence = 0;
  uint16_t count = 0;
  decoder.Number(format);
  decoder.Number(sequence);
  decoder.Number(count);
  if (decoder.failed() || format != wire::kMessageFormat ||
      sequence != expected_sequence || count == 0 ||
      count > base::kBatchItemsMax) {
    return Fail(Code::kInvalid, "the gate sent a malformed batch");
  }
  size_t used = wire::kAnswersHeaderBytes;
  for (uint16_t i = 0; i < count; ++i) {
    Op op{};
    decoder.Number(op);
    AnswerWriter answer(out.subspan(used), op);
    if (decoder.failed() || !DispatchItem(op, decoder, shared, answer)) {
      return Fail(Code::kInvalid, "the gate sent a malformed item");
    }
    used += answer.used();
  }
  if (!decoder.finished()) {
    return Fail(Code::kInvalid, "the gate sent trailing bytes");
  }
  Encoder header(out.first(wire::kAnswersHeaderBytes));
  header.Number(static_cast<uint32_t>(used - 4));
  header.Number(wire::kMessageFormat);
  header.Number(sequence);
  header.Number(count);
  header.Number(shared.vault.state());
  COFFER_CHECK(!header.failed());
  return used;
}

}  // namespace coffer::keeper
