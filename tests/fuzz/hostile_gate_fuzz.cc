// A gate that was taken over: the input is a program of 8-byte instructions
// that builds batches from everything the gate ever saw, in any mixture and
// with flipped bytes, for a keeper in process that is unsealed once. A model
// (hostile_gate_model.h) judges every answer; a crash or a broken promise ends
// the run.
//   instruction := op | caller | a | b | c | d | e | last
// last: bit 0 ends the batch; bits 1-3 all set flip a bit of the item.
// links: coffer_keeper keeper_process
#include <cstdio>

#include "tests/fuzz/hostile_gate_model.h"
#include "tests/keeper/keeper_fixture_policy.h"
#include "tests/keeper/vault_world.h"

namespace {

using namespace coffer::gate_model;
using coffer::base::AsBytes;
using coffer::base::Decoder;
using coffer::base::Encoder;
using coffer::base::MutableBytes;
using coffer::keeper_test::World;

constexpr size_t kInstruction = 8;
constexpr size_t kInstructionsMax = 96;
constexpr size_t kInputsOfOneVault = 2000;

class Gate {
 public:
  Gate() {
    COFFER_CHECK(world_.Start().ok());
    COFFER_CHECK(world_.Init(*coffer::keeper_test::FiveCallers("")).ok());
    Connect();
  }
  void Run(Bytes program);
  bool worn_out() {
    return ++inputs_ > kInputsOfOneVault ||
           world_.vault().state() == VaultState::kError ||
           world_.vault().floors().size() > 60000;
  }

 private:
  struct Instruction {
    uint8_t op, caller, a, b, c, d, e, last;
  };

  void Connect() {
    for (int role = kLinker; role <= kNone; ++role) {
      connections_[role] = world_.Connect(61001 + static_cast<uint32_t>(role));
    }
  }
  void Begin();
  void Step(const Instruction& in);
  bool AddItem(const Instruction& in);
  void Flush();
  void JudgeAll(Bytes items, uint16_t count, Bytes answers);
  template <typename Item, typename Answer, typename Verdict>
  void One(Decoder& asked, Decoder& answered, Verdict verdict);
  void Reopen(bool killed);

  ConnectionId Connection(uint8_t caller) const {
    if (caller % 16 == 15) return 12345;
    return connections_[caller % 6];
  }
  const Version* At(uint8_t place) const {
    if (place == 255 || model_.versions.empty()) return nullptr;
    return &model_.versions[place % model_.versions.size()];
  }
  // Parts of up to three versions; 0 means the head's.
  StoredLink Stored(const Instruction& in, bool box) const {
    StoredLink stored;
    const Version* head = At(in.a);
    const Version* wrap = in.b == 0 ? head : At(in.b);
    const Version* token = in.c == 0 || !box ? head : At(in.c);
    if (head != nullptr) stored.head = head->kept.head;
    if (wrap != nullptr) stored.wrap = wrap->kept.wrap;
    if (box && token != nullptr) stored.token_box = token->kept.token_box;
    return stored;
  }
  LinkId LinkAt(uint8_t place) const {
    const Version* version = At(place);
    return version == nullptr ? LinkId{} : version->kept.link;
  }
  std::string_view TokenAt(uint8_t place) const {
    if (place == 255 || model_.tokens.empty()) return "v4.local.AAAA";
    return model_.tokens[place % model_.tokens.size()].text;
  }
  static std::string_view Audience(uint8_t e) { return kRoles[e % 6]; }
  static Consent MakeConsent(uint8_t b, uint8_t c) {
    Consent consent;
    consent.consent_id = "c-1";
    for (int i = 0; i < 4; ++i) {
      if ((b >> i) & 1) consent.purposes.push_back(kPurposes[i]);
    }
    if (consent.purposes.empty()) consent.purposes.push_back(kPurposes[0]);
    for (int i = 0; i < 3; ++i) {
      if ((c >> i) & 1) consent.clusters.push_back(kClusters[i]);
    }
    if (consent.clusters.empty()) consent.clusters.push_back(kClusters[1]);
    consent.duration_type =
        (c >> 3) % 3 == 1 ? DurationType::kOneTime : DurationType::kTimeBound;
    if (consent.duration_type == DurationType::kTimeBound) {
      consent.duration_period_days = 90;
    }
    return consent;
  }
  template <typename Item>
  void Encode(Op op, const Item& item) {
    Encoder encoder{MutableBytes(scratch_)};
    encoder.Number(op);
    encoder.Struct(item);
    COFFER_CHECK(!encoder.failed());
    item_.assign(scratch_.begin(),
                 scratch_.begin() + static_cast<long>(encoder.used()));
  }

  World world_;
  Model model_;
  ConnectionId connections_[6]{};
  Buffer scratch_ = Buffer(128 * 1024);
  Buffer item_, batch_;
  uint16_t count_ = 0;
  bool ended_ = false;
  int reopenings_ = 0;
  size_t inputs_ = 0;
};

void Gate::Begin() {
  model_ = Model{};
  batch_.clear();
  count_ = 0;
  ended_ = false;
  reopenings_ = 0;
  world_.parts->pending.Clear();
  if (world_.vault().state() != VaultState::kOperational) {
    COFFER_CHECK(world_.Unseal().ok());
  }
  if (!world_.vault().clock_accepted()) {
    COFFER_CHECK(world_.vault().AcceptClock(0).ok());
  }
  for (int role = kLinker; role < kNone; ++role) {
    model_.connections.push_back({connections_[role], role});
  }
}

void Gate::Run(Bytes program) {
  Begin();
  for (size_t i = 0; i < kInstructionsMax && !ended_; ++i) {
    if (program.size() < (i + 1) * kInstruction) break;
    Bytes b = program.subspan(i * kInstruction, kInstruction);
    Step({b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]});
  }
  if (!ended_) Flush();
}

void Gate::Step(const Instruction& in) {
  constexpr uint64_t kSteps[] = {1, 30, 61, 301, 86400, 91 * 86400};
  switch (in.op % 20) {
    case 17:
      Flush();
      if (!ended_) world_.clock.Advance(kSteps[in.a % 6]);
      return;
    case 18:
      Flush();
      if (!ended_ && ++reopenings_ <= 2) Reopen(in.a % 2 == 1);
      return;
    default:
      break;
  }
  if (!AddItem(in)) return;
  if ((in.last >> 1 & 7) == 7) {
    const size_t place = (in.last >> 4) * 256u + in.e;
    item_[place % item_.size()] ^= static_cast<uint8_t>(1 << in.d % 8);
  }
  batch_.insert(batch_.end(), item_.begin(), item_.end());
  ++count_;
  if ((in.last & 1) || count_ >= 16) Flush();
}

bool Gate::AddItem(const Instruction& in) {
  const ConnectionId who = Connection(in.caller);
  const LinkId link = LinkAt(in.a);
  const std::string number = std::to_string(in.e);
  const std::string subject = "subject-" + std::to_string(in.d % 4);
  const std::string bank_token = "bank-token-" + number;
  const Version* version = At(in.a);
  const uint32_t if_match =
      version == nullptr ? 1 : version->kept.revision + (in.d == 77);
  switch (in.op % 20) {
    case 0: {
      CreateItem item{who, kInstitutions[in.a % 2], subject,
                      AsBytes(bank_token), MakeConsent(in.b, in.c)};
      Encode(Op::kCreate, item);
      return true;
    }
    case 1: {
      IssueItem item;
      item.connection = who;
      item.link = link;
      item.purpose = kPurposes[in.c % 4];
      for (int i = 0; i < 3; ++i) {
        if ((in.c >> (2 + i)) & 1) item.scope.push_back(kClusters[i]);
      }
      item.audience = Audience(in.d);
      item.format = in.e & 1 ? TokenFormat::kPublic : TokenFormat::kLocal;
      item.single_use = in.e & 2;
      item.expires_in = in.e >> 2;
      item.stored = Stored(in, false);
      Encode(Op::kIssue, item);
      return true;
    }
    case 2:
      Encode(Op::kRedeem, RedeemItem{who, TokenAt(in.d), Stored(in, true)});
      return true;
    case 3:
      Encode(Op::kIntrospect, IntrospectItem{who, TokenAt(in.d), Audience(in.e),
                                             Stored(in, false)});
      return true;
    case 4:
      Encode(Op::kRevokeToken,
             RevokeTokenItem{who, TokenAt(in.d), Audience(in.e)});
      return true;
    case 5:
      Encode(Op::kReplaceBankToken,
             ReplaceBankTokenItem{who, link, if_match, AsBytes(bank_token),
                                  Stored(in, false)});
      return true;
    case 6:
      Encode(Op::kReplaceConsent,
             ReplaceConsentItem{who, link, if_match, MakeConsent(in.e, in.d),
                                Stored(in, true)});
      return true;
    case 7:
    case 8:
      Encode(in.op % 20 == 7 ? Op::kCommitted : Op::kNotCommitted,
             CommitItem{link, version == nullptr ? in.e : version->leaf});
      return true;
    case 9:
      Encode(
          Op::kRevokeConsent,
          RevokeConsentItem{who, link, static_cast<RevocationReason>(in.c % 4),
                            Stored(in, false)});
      return true;
    case 10:
      Encode(Op::kEraseLink, EraseLinkItem{who, link, Stored(in, false)});
      return true;
    case 11:
      Encode(Op::kEraseSubject, EraseSubjectItem{who, subject, in.e});
      return true;
    case 12:
      Encode(Op::kRead, ReadItem{who, link, Stored(in, false)});
      return true;
    case 13:
      Encode(Op::kLocate,
             LocateItem{who, in.c % 2 ? Op::kRedeem : Op::kIntrospect,
                        TokenAt(in.d), Audience(in.e)});
      return true;
    case 14: {
      HashItem item;
      item.connection = who;
      item.right = in.a;
      if (in.b & 1) item.subject = subject;
      item.route = "r";
      if (in.b & 2) item.idempotency_key = number;
      Encode(Op::kHash, item);
      return true;
    }
    case 15:
      Encode(Op::kKeys, KeysItem{who});
      return true;
    case 16:
      Encode(Op::kStatus, StatusItem{});
      return true;
    default:  // bytes of the input's own
      item_ = {in.caller, in.a, in.b, in.c, in.d};
      return true;
  }
}

void Gate::Flush() {
  if (count_ == 0) return;
  model_.now = world_.vault().Now();
  auto frame = world_.Dispatch(batch_, count_);
  if (frame == nullptr) {
    ended_ = true;  // the keeper would have ended, and answered nothing
  } else {
    JudgeAll(batch_, count_, Bytes(*frame).subspan(kAnswersHeaderBytes));
  }
  batch_.clear();
  count_ = 0;
}

template <typename Item, typename Answer, typename Verdict>
void Gate::One(Decoder& asked, Decoder& answered, Verdict verdict) {
  Item item;
  asked.Struct(item);
  AnswerHeader header;
  answered.Struct(header);
  COFFER_CHECK(IsRule(static_cast<uint8_t>(header.rule)));
  Answer answer;
  const bool allowed = header.rule == Rule::kAllowed;
  if (allowed) answered.Struct(answer);
  COFFER_CHECK(!asked.failed() && !answered.failed());
  verdict(item, answer, header.leaf, allowed);
}

void Gate::JudgeAll(Bytes items, uint16_t count, Bytes answers) {
  Decoder asked(items), answered(answers);
  auto judge = [this](const auto& item, const auto& answer, uint64_t leaf,
                      bool allowed) {
    if (allowed) model_.Judge(item, answer, leaf);
  };
  for (uint16_t i = 0; i < count; ++i) {
    Op op{};
    asked.Number(op);
    switch (op) {
      case Op::kStatus:
        One<StatusItem, StatusAnswer>(asked, answered, [](auto&&...) {});
        break;
      case Op::kHash:
        One<HashItem, HashAnswer>(
            asked, answered, [this](auto& item, auto& answer, auto, bool ok) {
              if (ok) model_.Judge(item, answer);
            });
        break;
      case Op::kCreate:
        One<CreateItem, NewRecord>(asked, answered, judge);
        break;
      case Op::kRead:
        One<ReadItem, ReadAnswer>(asked, answered, judge);
        break;
      case Op::kReplaceBankToken:
        One<ReplaceBankTokenItem, ReplaceAnswer>(asked, answered, judge);
        break;
      case Op::kReplaceConsent:
        One<ReplaceConsentItem, ReplaceAnswer>(asked, answered, judge);
        break;
      case Op::kCommitted:
      case Op::kNotCommitted:
        One<CommitItem, EmptyAnswer>(asked, answered,
                                     [&](auto& item, auto&, auto, bool ok) {
                                       if (ok && op == Op::kCommitted)
                                         model_.JudgeCommitted(item);
                                       model_.WriteEnds(item);
                                     });
        break;
      case Op::kRevokeConsent:
        One<RevokeConsentItem, NewRecord>(asked, answered, judge);
        break;
      case Op::kEraseLink:
        One<EraseLinkItem, EraseAnswer>(asked, answered, judge);
        break;
      case Op::kEraseSubject:
        One<EraseSubjectItem, EraseAnswer>(asked, answered, judge);
        break;
      case Op::kIssue:
        One<IssueItem, IssueAnswer>(asked, answered, judge);
        break;
      case Op::kLocate:
        One<LocateItem, LocateAnswer>(
            asked, answered, [this](auto& item, auto& answer, auto, bool ok) {
              if (ok) model_.Judge(item, answer);
            });
        break;
      case Op::kRedeem:
        One<RedeemItem, RedeemAnswer>(asked, answered, judge);
        break;
      case Op::kIntrospect:
        One<IntrospectItem, IntrospectAnswer>(asked, answered, judge);
        break;
      case Op::kRevokeToken:
        One<RevokeTokenItem, EmptyAnswer>(
            asked, answered, [this](auto& item, auto&, auto, bool ok) {
              if (ok) model_.Judge(item);
            });
        break;
      case Op::kKeys:
        One<KeysItem, KeysAnswer>(asked, answered,
                                  [this](auto& item, auto&, auto, bool ok) {
                                    if (ok) model_.Judge(item);
                                  });
        break;
      default:
        COFFER_CHECK(false);  // an unknown op was answered
    }
  }
  COFFER_CHECK(asked.finished() && answered.finished());
}

// Tokens end with every unseal; what was killed stays dead.
void Gate::Reopen(bool killed) {
  if (killed) {
    COFFER_CHECK(world_.Restart().ok());
    model_.PendingWritesAreForgotten();
  } else {
    COFFER_CHECK(world_.vault().Seal(0).ok());
  }
  COFFER_CHECK(world_.Unseal().ok());
  if (killed) {
    Connect();
    model_.connections.clear();
    for (int role = kLinker; role < kNone; ++role) {
      model_.connections.push_back({connections_[role], role});
    }
  }
  model_.AllTokensEnd();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Gate* gate = nullptr;
  if (gate == nullptr || gate->worn_out()) {
    delete gate;
    gate = new Gate;
  }
  gate->Run(Bytes(data, size));
  return 0;
}
