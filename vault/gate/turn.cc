#include "vault/gate/turn.h"

#include <algorithm>

#include "vault/gate/sequences.h"

namespace coffer::gate {
namespace {

using base::Code;
using base::Fail;

constexpr Upkeep::Steps kUpkeepSteps{
    static_cast<uint16_t>(Step::kNobody), static_cast<uint16_t>(Step::kWork),
    static_cast<uint16_t>(Step::kRewrap), static_cast<uint16_t>(Step::kSettle)};
constexpr size_t kCommitWritesMax = 512;  // of one transaction
constexpr uint64_t kSweepEvery = 60'000;  // milliseconds
constexpr size_t kSweepMost = 256;
constexpr uint64_t kCountEvery = 1'000;  // milliseconds
constexpr size_t kBodyBytesKept = 16'384;

base::Status PutHistory(store::WriteBatch& batch, const StoreWrite& write) {
  if (write.history.empty()) return {};
  return batch.PutHistory(write.history);
}

base::Status Put(store::WriteBatch& batch, const StoreWrite& write) {
  if (write.kind == StoreWrite::Kind::kEraseLink) {
    COFFER_TRY(batch.EraseLink(write.link));
    return PutHistory(batch, write);
  }
  COFFER_TRY(
      batch.PutLink(write.link, write.head, write.wrap, write.token_box));
  COFFER_TRY(PutHistory(batch, write));
  if (!write.with_idempotency) return {};
  return batch.PutIdempotency(write.idempotency, write.entry);
}

}  // namespace

void Exchange::Reset() {
  connection = nullptr;
  route = nullptr;
  peer = 0;
  keep_alive = true;
  old_version = head = linger = done = delivered = released = false;
  outstanding = 0;
  reply = {};
  list.reset();
  batch.reset();
  ledger.reset();
  consents.reset();
  if (body.size() > kBodyBytesKept) {
    body = api::TextBuilder();
  } else {
    body.Clear();
  }
  kept = std::monostate();
  link = {};
  revision = 0;
  leaf = wire::kNoLeaf;
  idempotent = false;
  idempotency_key.clear();
  base::Wipe({reinterpret_cast<uint8_t*>(signed_consent.data()),
              signed_consent.size()});  // it names the customer
  signed_consent.clear();
  links.clear();
  next.reset();
  waiting = 0;
  faults.clear();
  faults_written = 0;
}

Turn::Turn(KeeperClient& keeper, store::Store& store, base::Clock& clock,
           Metrics& metrics)
    : keeper_(keeper),
      store_(store),
      clock_(clock),
      metrics_(metrics),
      sweep_(keeper, store, clock, metrics, static_cast<uint16_t>(Step::kBury)),
      upkeep_(keeper, store, clock, metrics, retries_, sweep_, kUpkeepSteps),
      uses_(keeper, store, clock, metrics,
            static_cast<uint16_t>(Step::kLeaves)) {
  metrics_.started_at = clock_.BootMilliseconds();
}

// --- Exchanges ---------------------------------------------------------------

Exchange& Turn::NewExchange() {
  if (free_.empty()) {
    exchanges_.push_back(
        std::make_unique<Exchange>(static_cast<uint32_t>(exchanges_.size())));
    return *exchanges_.back();
  }
  Exchange& exchange = *free_.back();
  free_.pop_back();
  return exchange;
}

void Turn::Release(Exchange& exchange) {
  if (exchange.outstanding > 0) {
    exchange.released = true;
    exchange.connection = nullptr;
    return;
  }
  exchange.Reset();
  free_.push_back(&exchange);
}

void Turn::Finish(Exchange& exchange, uint16_t status,
                  std::string_view content_type) {
  COFFER_CHECK(!exchange.done);
  exchange.done = true;
  exchange.reply.status = status;
  exchange.reply.content_type = content_type;
  if (exchange.idempotent) {
    std::erase(holding_, &exchange);
    exchange.idempotent = false;
  }
  metrics_.CountRequest(
      exchange.route != nullptr ? exchange.route->id : RouteId::kUnknown,
      status);
  finished_.push_back(&exchange);
}

void Turn::FinishProblem(Exchange& exchange, const api::Problem& problem,
                         uint64_t leaf) {
  exchange.body.Clear();
  api::WriteProblem(exchange.body, problem, leaf);
  exchange.reply.retry_after_seconds = problem.retry_after_seconds;
  Finish(exchange, problem.status, api::kProblemType);
}

bool Turn::HoldIdempotency(Exchange& exchange) {
  for (const Exchange* other : holding_) {
    if (other->idempotency == exchange.idempotency) return false;
  }
  exchange.idempotent = true;
  holding_.push_back(&exchange);
  return true;
}

void Turn::Start(Exchange& exchange, const HttpRequest& request,
                 const RouteMatch& match) {
  started_at_ = clock_.BootMilliseconds();
  switch (exchange.route->id) {
    case RouteId::kIssue:
      return StartIssue(*this, exchange, request);
    case RouteId::kIssueBatch:
      return StartIssueBatch(*this, exchange, request);
    case RouteId::kRedeem:
    case RouteId::kIntrospect:
      return StartShownToken(*this, exchange, request);
    case RouteId::kRevokeToken:
      return StartRevokeToken(*this, exchange, request);
    case RouteId::kCreateLink:
      return StartCreate(*this, exchange, request);
    case RouteId::kListLinks:
      return StartList(*this, exchange, match.query);
    case RouteId::kReadLink:
      return StartRead(*this, exchange, match.parameter);
    case RouteId::kReplaceBankToken:
    case RouteId::kReplaceConsent:
      return StartReplace(*this, exchange, request, match.parameter);
    case RouteId::kRevokeConsent:
      return StartRevokeConsent(*this, exchange, request, match.parameter);
    case RouteId::kEraseLink:
      return StartEraseLink(*this, exchange, request, match.parameter);
    case RouteId::kEraseSubject:
      return StartEraseSubject(*this, exchange, request, match.parameter);
    case RouteId::kLedger:
      return StartLedger(*this, exchange, match.parameter, match.query);
    case RouteId::kConsents:
      return StartConsents(*this, exchange, match.parameter, match.query);
    case RouteId::kKeys:
      return StartKeys(*this, exchange);
    case RouteId::kHealth:
    case RouteId::kStatus:
    case RouteId::kMetrics:
      return StartStatus(*this, exchange);
    case RouteId::kUnknown:
      break;
  }
  COFFER_CHECK(false);
}

// --- The keeper's answers ----------------------------------------------------

namespace {

void RunStep(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  switch (static_cast<Step>(answer.to.step)) {
    case Step::kNobody:
    case Step::kVaultStatus:
    case Step::kWork:
    case Step::kRewrap:
    case Step::kSettle:
    case Step::kLeaves:
    case Step::kBury:
      return;
    case Step::kCreateHash:
      return OnCreateHash(turn, exchange, answer);
    case Step::kCreate:
      return OnCreate(turn, exchange, answer);
    case Step::kRead:
      return OnRead(turn, exchange, answer);
    case Step::kListHash:
      return OnListHash(turn, exchange, answer);
    case Step::kListRead:
      return OnListRead(turn, exchange, answer);
    case Step::kReplace:
      return OnReplace(turn, exchange, answer);
    case Step::kCommitted:
      return OnCommitted(turn, exchange, answer);
    case Step::kRevokeConsent:
      return OnRevokeConsent(turn, exchange, answer);
    case Step::kEraseLink:
      return OnEraseLink(turn, exchange, answer);
    case Step::kEraseHash:
      return OnEraseHash(turn, exchange, answer);
    case Step::kEraseSubject:
      return OnEraseSubject(turn, exchange, answer);
    case Step::kIssue:
      return OnIssue(turn, exchange, answer);
    case Step::kIssueOfBatch:
      return OnIssueOfBatch(turn, exchange, answer);
    case Step::kRedeemLocate:
    case Step::kIntrospectLocate:
      return OnLocate(turn, exchange, answer);
    case Step::kRedeem:
      return OnRedeem(turn, exchange, answer);
    case Step::kIntrospect:
      return OnIntrospect(turn, exchange, answer);
    case Step::kRevokeToken:
      return OnRevokeToken(turn, exchange, answer);
    case Step::kKeys:
      return OnKeys(turn, exchange, answer);
    case Step::kLedgerHash:
      return OnLedgerHash(turn, exchange, answer);
    case Step::kLedgerTags:
      return OnLedgerTags(turn, exchange, answer);
    case Step::kConsentsHash:
      return OnConsentsHash(turn, exchange, answer);
    case Step::kConsentsTell:
      return OnConsentsTell(turn, exchange, answer);
    case Step::kStatus:
      return OnStatus(turn, exchange, answer);
  }
}

}  // namespace

base::Status Turn::TakeAnswers() {
  COFFER_TRY(keeper_.Receive());
  while (true) {
    KeeperAnswer answer;
    base::Result<bool> next = keeper_.NextAnswer(answer);
    if (!next.ok()) return next.error();
    if (!*next) break;
    Step step = static_cast<Step>(answer.to.step);
    bool allowed = answer.header.rule == wire::Rule::kAllowed;
    if (allowed && (step == Step::kVaultStatus || step == Step::kStatus)) {
      COFFER_TRY(TakeStatus(*answer.fields));
    }
    if (step == Step::kVaultStatus) ++status_answered_;
    if (step == Step::kVaultStatus || step == Step::kNobody) continue;
    if (step >= Step::kWork) {
      COFFER_TRY(TakeUpkeep(answer));
      continue;
    }
    Exchange& exchange = *exchanges_[answer.to.exchange];
    --exchange.outstanding;
    RunStep(*this, exchange, answer);
    if (answer.fields->failed()) {
      return Fail(Code::kInvalid, "an answer with malformed fields");
    }
    if (exchange.released && exchange.outstanding == 0) Release(exchange);
  }
  keeper_.ReleaseAnswers();
  if (keeper_.state() == wire::VaultState::kOperational && !identity_checked_ &&
      status_asked_ == status_answered_) {
    AskStatus();
  }
  return {};
}

uint64_t Turn::AskStatus() {
  // An answer to a question that was sent already may be older than the request
  // that wants to know; one that is still to be sent serves every request.
  uint64_t sealed = keeper_.batches();
  if (status_asked_ == status_answered_ || sealed != status_asked_at_batch_) {
    keeper_.Ask(wire::Op::kStatus, wire::StatusItem{},
                {0, static_cast<uint16_t>(Step::kVaultStatus), 0});
    ++status_asked_;
    status_asked_at_batch_ = sealed;
  }
  return status_asked_;
}

base::Status Turn::TakeStatus(base::Decoder& fields) {
  wire::StatusAnswer status;
  fields.Struct(status);
  if (fields.failed()) return Fail(Code::kInvalid, "a malformed status");
  status_ = status;
  status_at_ = clock_.BootMilliseconds();
  return identity_checked_ ? base::Status() : CheckStoreIdentity();
}

// A store that was written under another root opens nothing here, and must not
// be mixed with this one.
base::Status Turn::CheckStoreIdentity() {
  auto row = store_.GetState(store::kVaultIdRow);
  if (!row.ok()) return row.error();
  bool operational = status_.state == wire::VaultState::kOperational;
  if (row->empty()) {
    if (!operational) return {};
    auto links = store_.CountLinks();
    if (!links.ok()) return links.error();
    if (*links > 0) {
      return Fail(Code::kConflict,
                  "the store holds links but not the name of their vault; "
                  "restore data_dir as a whole");
    }
    COFFER_TRY(store_.Commit([this](store::WriteBatch& batch) {
      return batch.PutState(store::kVaultIdRow, status_.vault_id);
    }));
  } else if (!base::Equal(*row, status_.vault_id)) {
    return Fail(Code::kConflict,
                "the store belongs to another vault than keeper.state; restore "
                "data_dir as a whole, or move keeper/ and store/ away and "
                "begin anew");
  }
  identity_checked_ = operational;
  return {};
}

bool Turn::operational() const {
  return identity_checked_ && keeper_.state() == wire::VaultState::kOperational;
}

wire::VaultState Turn::state() const {
  wire::VaultState state = keeper_.state();
  if (state == wire::VaultState::kOperational && !identity_checked_) {
    return wire::VaultState::kStarting;
  }
  return state;
}

// --- The store ---------------------------------------------------------------

base::Result<FetchedLink> Turn::Fetch(const wire::LinkId& link,
                                      bool with_token_box) {
  auto bytes = store_.GetLink(link, with_token_box);
  if (!bytes.ok()) return bytes.error();
  if (bytes->head.size() > base::kRecordHeadBytesMax ||
      bytes->wrap.size() > base::kWrapBytesMax ||
      bytes->token_box.size() > base::kTokenBoxBytesMax) {
    return Fail(Code::kDamaged, "a stored link of an impossible size");
  }
  return FetchedLink{std::move(*bytes)};
}

bool Turn::Fetch(Exchange& exchange, const wire::LinkId& link,
                 bool with_token_box, FetchedLink& out) {
  auto fetched = Fetch(link, with_token_box);
  if (!fetched.ok()) {
    bool damaged = fetched.error().code == Code::kDamaged ||
                   fetched.error().code == Code::kNewerFormat;
    FinishProblem(exchange, damaged ? api::kStoreDamaged : api::kStoreFailed);
    return false;
  }
  out = std::move(*fetched);
  return true;
}

uint64_t Turn::LinkCount() {
  uint64_t now = clock_.BootMilliseconds();
  if (links_counted_at_ == 0 || now - links_counted_at_ >= kCountEvery) {
    auto links = store_.CountLinks();
    if (links.ok()) links_ = *links;
    links_counted_at_ = now;
  }
  return links_;
}

void Turn::AskNotCommitted(const wire::LinkId& link, uint64_t leaf) {
  keeper_.Ask(wire::Op::kNotCommitted, wire::CommitItem{link, leaf},
              {0, static_cast<uint16_t>(Step::kNobody), 0});
}

void Turn::Write(Exchange& exchange, StoreWrite write) {
  write.exchange = &exchange;
  writes_.push_back(std::move(write));
}

void Turn::WriteKill(StoreWrite write) {
  retries_.Forget(write.link);
  writes_.push_back(std::move(write));
}

void Turn::RunWritten(StoreWrite& write, bool committed) {
  if (write.exchange != nullptr) {
    OnWritten(*this, *write.exchange, write, committed);
  } else if (!committed) {
    retries_.Add(std::move(write), clock_.BootMilliseconds());
  }
}

void Turn::CommitWrites() {
  uint64_t now = clock_.BootMilliseconds();
  if (retries_.size() > 0) {
    retries_.TakeDue(now, kCommitWritesMax, writes_);
  }
  std::vector<StoreWrite> writes = std::move(writes_);
  writes_.clear();
  for (size_t from = 0; from < writes.size(); from += kCommitWritesMax) {
    size_t to = std::min(writes.size(), from + kCommitWritesMax);
    // A record that the store refuses spoils no other.
    std::vector<bool> refused(to - from);
    bool sweep = now - swept_at_ >= kSweepEvery;
    base::Status status =
        store_.Commit([&](store::WriteBatch& batch) -> base::Status {
          for (size_t i = from; i < to; ++i) {
            base::Status put = Put(batch, writes[i]);
            if (put.ok()) continue;
            if (put.error().code != Code::kInvalid) return put;
            refused[i - from] = true;
          }
          if (!sweep) return base::Status();
          COFFER_TRY(batch.SweepIdempotency(clock_.WallSeconds(), kSweepMost));
          return batch.SweepHistory(clock_.WallSeconds(), kSweepMost);
        });
    if (sweep) swept_at_ = now;
    metrics_.CountCommit(to - from, status.ok());
    for (size_t i = from; i < to; ++i) {
      RunWritten(writes[i], status.ok() && !refused[i - from]);
    }
  }
}

}  // namespace coffer::gate
