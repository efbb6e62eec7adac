#include "tests/hostile/hostile_siege.h"

namespace coffer::hostile {

using keeper_test::Batch;
using wire::InstitutionAction;
using wire::InstitutionState;
using wire::Op;
using wire::OperatorOp;

void Siege::Load(int variant) {
  const Rules rules = MakeRules(alone_, variant);
  const Buffer bytes = keeper_test::Encode(*Compile(rules, callers_.keys()));
  if (keeper_.Ask(OperatorOp::kPolicyLoad, wire::PolicyBytes{bytes, {}})
          .done()) {
    model_.PolicyIs(variant);
    ++loads_;
  } else {
    model_.Must(false, "refuses a good policy");
  }
}

void Siege::ReadKeys() {
  std::vector<wire::KeyId> keks;
  uint32_t from = 0;
  old_keks_.clear();
  old_banks_.clear();
  do {
    auto reply = keeper_.Ask(OperatorOp::kKeyList, wire::KeyListQuestion{from});
    auto list = std::make_unique<wire::KeyListAnswer>();
    base::Decoder decoder{Bytes(reply.fields)};
    decoder.Struct(*list);
    if (!reply.done() || decoder.failed()) return;
    for (const wire::KeyRow& row : list->rows) {
      if (row.use != wire::KeyUse::kKek) continue;
      keks.push_back(row.id);
      if (row.state == wire::KeyState::kDestroyed) model_.KekDestroyed(row.id);
      if (row.state == wire::KeyState::kDeactivated ||
          row.state == wire::KeyState::kCompromised) {
        old_keks_.push_back(row.id);
        old_banks_.emplace_back(row.institution);
      }
    }
    from = list->next;
  } while (from != 0);
  liar_.KeksAre(std::move(keks));
  ReadIngest();
}

// As the callers have it: from operators, not from the gate.
void Siege::ReadIngest() {
  if (liar_.live.empty()) return;
  auto keys = keeper_.One<wire::KeysAnswer>(
      Op::kKeys, wire::KeysItem{liar_.live.begin()->second});
  if (keys.allowed()) callers_.IngestIs(keys.fields.ingest);
}

// Every version of every link, dead ones too, in the order of a liar.
void Siege::RewrapAll(const char* institution) {
  Asked asked;
  auto item = std::make_unique<wire::RewrapItem>();
  item->institution = institution;
  Buffer bytes(base::kBatchBytesMax);
  auto flush = [&] {
    if (item->rows.empty()) return;
    base::Encoder encoder{base::MutableBytes(bytes)};
    encoder.Number(Op::kRewrap);
    encoder.Struct(*item);
    asked.batch.AddRaw(encoder.written());
    asked.lies.push_back(false);
    item->rows.size = 0;
    if (asked.batch.items().size() < kBatchBytes / 2) return;
    auto frame = keeper_.Exchange(asked.batch);
    if (frame != nullptr) answers_.Take(asked.batch, asked.lies, *frame);
    asked = Asked();
  };
  for (const LinkId& id : model_.links()) {
    Link* link = model_.Find(id);
    for (size_t i = link->versions.size(); i-- > 0;) {
      const Version& version = *link->versions[i];
      if (version.institution != Place(institution, kInstitutions, 2)) break;
      item->rows.push_back({id, version.wraps.back()});
      if (item->rows.size == base::kRewrapRowsMax) flush();
    }
  }
  flush();
  if (asked.batch.count() == 0) return;
  auto frame = keeper_.Exchange(asked.batch);
  if (frame != nullptr) answers_.Take(asked.batch, asked.lies, *frame);
}

void Siege::Upkeep() {
  for (const char* institution : {"citi", "jpmorgan"}) RewrapAll(institution);
  ReadKeys();
  Batch batch;
  std::vector<bool> lies;
  for (size_t i = 0; i < old_keks_.size(); ++i) {
    batch.Add(Op::kDrained, wire::DrainedItem{old_banks_[i], old_keks_[i]});
    lies.push_back(false);
  }
  if (batch.count() == 0) return;
  auto frame = keeper_.Exchange(batch);
  if (frame != nullptr) answers_.Take(batch, lies, *frame);
}

void Siege::Rotate(wire::RotateTarget target) {
  wire::RotateQuestion question;
  question.target = target;
  (void)keeper_.Ask(OperatorOp::kKeyRotate, question);
  ++rotations_;
}

void Siege::RotateSomething() {
  Rotate(liar_.Chance(70)   ? wire::RotateTarget::kAll
         : liar_.Chance(50) ? wire::RotateTarget::kIngest
                            : wire::RotateTarget::kToken);
  // Sometimes the gate keeps the old wraps, and rewraps what it likes.
  if (!liar_.Chance(30)) Upkeep();
}

void Siege::Change(int place, InstitutionAction action,
                   InstitutionState state) {
  wire::InstitutionQuestion question;
  question.name = kInstitutions[place];
  question.action = action;
  if (keeper_.Ask(OperatorOp::kInstitutionChange, question).done()) {
    model_.InstitutionIs(place, state);
  }
}

void Siege::ReleaseBrake() {
  auto reply = keeper_.Ask(OperatorOp::kBrakeList, wire::BrakeListQuestion{});
  auto list = std::make_unique<wire::BrakeListAnswer>();
  base::Decoder decoder{Bytes(reply.fields)};
  decoder.Struct(*list);
  if (!reply.done() || decoder.failed() || list->rows.empty()) return;
  const wire::BrakeRow& row = list->rows[liar_.Below(list->rows.size)];
  const wire::BrakeQuestion question{row.id};
  if (!keeper_.Ask(OperatorOp::kBrakeRelease, question).done()) return;
  model_.BrakeReleased(std::string(row.caller), std::string(row.purpose),
                       row.window);
  ++releases_;
}

void Siege::RevokeTokens() {
  wire::RevokeTokensQuestion question;
  std::string name = "messenger";
  switch (liar_.Below(3)) {
    case 0:
      question.group = wire::TokenGroup::kCaller;
      if (alone_) name = "self";
      break;
    case 1:
      question.group = wire::TokenGroup::kPurpose;
      name = kPurposes[liar_.Below(2)];
      break;
    default:
      question.group = wire::TokenGroup::kInstitution;
      name = kInstitutions[liar_.Below(2)];
  }
  question.name = name;
  if (keeper_.Ask(OperatorOp::kRevokeTokens, question).done()) {
    model_.TokensRevoked(question.group, name);
  }
}

// What operators do meanwhile.
void Siege::Operate() {
  switch (liar_.Below(24)) {
    case 0:
      return Load(static_cast<int>(liar_.Below(kVariants)));
    case 1:
    case 2:
      return Load(0);
    case 3:
      if (!calm_ && liar_.Chance(30)) SealAndOpen();
      return;
    case 4:
      if (liar_.Chance(40)) RotateSomething();
      return;
    case 5:
      return ReadKeys();
    case 6:
      suspended_ = !suspended_;
      if (suspended_) {
        return Change(0, InstitutionAction::kSuspend,
                      InstitutionState::kSuspended);
      }
      return Change(0, InstitutionAction::kResume, InstitutionState::kActive);
    case 7:
      if (suspended_) {
        suspended_ = false;
        return Change(0, InstitutionAction::kResume, InstitutionState::kActive);
      }
      return;
    case 8:
      if (!liar_.Chance(10)) return;
      Change(1, InstitutionAction::kWithdraw, InstitutionState::kWithdrawn);
      Exchange();
      ReadKeys();
      return Change(1, InstitutionAction::kAdmit, InstitutionState::kActive);
    case 9:
    case 10:
      return HangUp();
    case 11:
      if (liar_.Chance(30)) ReleaseBrake();
      return;
    case 12:
      if (liar_.Chance(20)) RevokeTokens();
      return;
    default:
      return;
  }
}

}  // namespace coffer::hostile
