#include "tests/hostile/hostile_siege.h"

#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdlib>

namespace coffer::hostile {

using keeper_test::Batch;
using wire::Op;
using wire::OperatorOp;

namespace {

constexpr unsigned kUntilFresh = 7;  // seconds from an unseal

// In memory where there is such a place: the disk's syncs are not the matter.
std::string Folder() {
  char path[] = "/dev/shm/coffer-hostile-XXXXXX";
  return mkdtemp(path) != nullptr ? path : keeper_test::MakeFolder();
}

}  // namespace

Siege::Siege(const Options& options)
    : options_(options),
      alone_(geteuid() != 0),
      keeper_(Folder()),
      model_(alone_, callers_),
      liar_(model_, callers_, options.seed),
      answers_(model_, liar_),
      peers_(MakePeers(alone_)),
      clients_(peers_.size()) {}

void Siege::Connect(size_t place) {
  clients_[place] =
      alone_ ? keeper_.Connect() : keeper_.ConnectAs(peers_[place].uid);
  const ConnectionId id = clients_[place].id;
  const std::string& name = peers_[place].name;
  if (name.empty()) {
    liar_.others.push_back(id);
  } else {
    liar_.live[name] = id;
  }
  model_.Connected(id, name);
}

void Siege::ConnectAll() {
  liar_.live.clear();
  liar_.others = {0, 1, 99, 1u << 31};
  leaving_.clear();
  for (size_t i = 0; i < peers_.size(); ++i) Connect(i);
}

// The keeper looks at hang-ups after two batches at most.
void Siege::HangUp() {
  const size_t place = liar_.Below(peers_.size());
  const ConnectionId old = clients_[place].id;
  liar_.others.push_back(old);
  Connect(place);
  leaving_.push_back({old, 3});
  ++hang_ups_;
}

bool Siege::Begin() {
  keeper_.Start();
  if (!keeper_.Init(*Compile(model_.rules(), callers_.keys())).done()) {
    return model_.Must(false, "does not begin");
  }
  callers_.VaultIs(keeper_.Status().vault_id);
  ConnectAll();
  ReadKeys();
  return true;
}

// Between two readings of the keeper's clock.
Siege::Asked Siege::MakeBatch() {
  Asked asked;
  auto add = [&] {
    asked.batch.AddRaw(liar_.item());
    asked.lies.push_back(liar_.lied());
  };
  liar_.Make(Op::kStatus);
  add();
  const uint64_t count = 1 + liar_.Below(base::kBatchItemsMax - 2);
  for (uint64_t i = 0; i < count; ++i) {
    if (!liar_.Make(liar_.Choose())) continue;
    if (asked.batch.items().size() + liar_.item().size() > kBatchBytes) break;
    add();
  }
  liar_.Make(Op::kStatus);
  add();
  return asked;
}

// One batch, or two before an answer is awaited.
bool Siege::Exchange() {
  std::vector<Asked> under_way;
  under_way.push_back(MakeBatch());
  if (liar_.Chance(20)) under_way.push_back(MakeBatch());
  for (const Asked& asked : under_way) keeper_.Send(asked.batch);
  for (const Asked& asked : under_way) {
    auto frame = keeper_.Receive();
    if (frame == nullptr) {
      return model_.Must(false, "ends over a batch of good form");
    }
    answers_.Take(asked.batch, asked.lies, *frame);
  }
  model_.Trim();
  for (auto& [id, left] : leaving_) {
    if (--left == 0) model_.HungUp(id);
  }
  std::erase_if(leaving_, [](const auto& row) { return row.second <= 0; });
  return true;
}

// A batch whose answers nobody hears.
bool Siege::Unanswered() {
  keeper_.Send(MakeBatch().batch);
  model_.AnswersLost();
  usleep(static_cast<useconds_t>(liar_.Below(3000)));
  return true;
}

bool Siege::Open() {
  if (!keeper_.Unseal().done()) return model_.Must(false, "opens no more");
  model_.Unsealed();
  return true;
}

bool Siege::Restart() {
  ++restarts_;
  switch (restarts_ % 4) {
    case 0:
      keeper_.Kill();
      break;
    case 1:
      Unanswered();
      keeper_.Kill();
      break;
    case 2:
      (void)keeper_.Stop();
      break;
    default: {  // what is of no form ends it
      Batch batch;
      const uint8_t garbage[] = {200, 1, 2, 3};
      keeper_.Send(batch.AddRaw(garbage));
      if (keeper_.Receive() != nullptr) model_.Must(false, "answers garbage");
      (void)keeper_.WaitEnd();
    }
  }
  model_.KeeperRestarted();
  liar_.ForgetWrites();
  keeper_.Start();
  if (restarts_ % 5 == 0) {  // again, before it is opened
    keeper_.Kill();
    keeper_.Start();
  }
  if (!Open()) return false;
  ConnectAll();
  CheckLeaves();
  ReadKeys();
  return true;
}

// What was given has its durable leaf.
void Siege::CheckLeaves() {
  for (const GivenLeaf& given : answers_.leaves()) {
    wire::TailQuestion question;
    question.from = given.index;
    question.count = 1;
    auto reply = keeper_.Ask(OperatorOp::kAuditTail, question);
    auto tail = std::make_unique<wire::TailAnswer>();
    base::Decoder decoder{Bytes(reply.fields)};
    decoder.Struct(*tail);
    if (!model_.Must(
            reply.done() && !decoder.failed() && tail->leaves.size == 1,
            "lost a leaf")) {
      continue;
    }
    auto leaf = wire::DecodeLeaf(tail->leaves[0].leaf);
    model_.Must(leaf.ok() && leaf->index == given.index, "lost a leaf");
    const bool issue = leaf.ok() && leaf->kind == wire::LeafKind::kTokenIssue;
    const bool redeem = leaf.ok() && leaf->kind == wire::LeafKind::kTokenRedeem;
    model_.Must(issue == (given.op == Op::kIssue) &&
                    redeem == (given.op == Op::kRedeem),
                "wrote another leaf");
    ++leaves_checked_;
  }
}

void Siege::SealAndOpen() {
  (void)keeper_.Ask(OperatorOp::kSeal, wire::EmptyQuestion{});
  ++seals_;
  const Asked asked = MakeBatch();
  auto frame = keeper_.Exchange(asked.batch);
  if (model_.Must(frame != nullptr, "ends while sealed")) {
    // Only its state may be told: nobody is known now.
    const uint64_t before = model_.violations();
    answers_.Take(asked.batch, asked.lies, *frame);
    model_.Must(model_.violations() == before, "gives while sealed");
  }
  Open();
  liar_.ForgetWrites();
}

bool Siege::Report(double seconds) const {
  uint64_t lies = 0, lies_given = 0;
  bool all_given = true;
  std::printf("%-14s %10s %10s %10s\n", "item", "asked", "given", "refused");
  for (const auto& [op, count] : answers_.counts()) {
    std::printf("%-14s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n", OpText(op),
                count.asked, count.given, count.asked - count.given);
    lies += count.lies;
    lies_given += count.lies_given;
    all_given &= count.given != 0 || op == Op::kAdopted;
  }
  std::printf("replays, swaps and inventions: %" PRIu64 ", refused %" PRIu64
              ", within what is conceded %" PRIu64 "\n",
              lies, lies - lies_given, lies_given);
  std::printf("restarts %" PRIu64 ", seals %" PRIu64 ", policies %" PRIu64
              ", rotations %" PRIu64 ", hang-ups %" PRIu64
              ", leaves found again %" PRIu64 "\n",
              restarts_, seals_, loads_, rotations_, hang_ups_,
              leaves_checked_);
  std::printf("seed %" PRIu64 ": %" PRIu64
              " messages in %.1f s as %s; "
              "violations: %" PRIu64 "\n",
              options_.seed, model_.message, seconds,
              alone_ ? "one user" : "several users", model_.violations());
  if (!alone_) {
    const uint64_t hour = answers_.refused_by(wire::Rule::kBudgetLinksHour);
    const uint64_t day = answers_.refused_by(wire::Rule::kBudgetLinksDay);
    const uint64_t rate = answers_.refused_by(wire::Rule::kBudgetRate);
    std::printf("budgets refused %" PRIu64 " by the hour, %" PRIu64
                " by the day, %" PRIu64
                " by the second; brakes released %" PRIu64 "\n",
                hour, day, rate, releases_);
    std::printf("sealed uploads taken %" PRIu64 ", signatures taken %" PRIu64
                "\n",
                model_.uploads_taken(), model_.signatures_taken());
    all_given &= model_.uploads_taken() != 0 && model_.signatures_taken() != 0;
    all_given &= hour != 0 && day != 0 && rate != 0;
  }
  if (!all_given) {
    std::printf(
        "an item was never given or a budget never refused: "
        "nothing was tested\n");
  }
  return all_given || model_.message < 50000;
}

int Siege::Run() {
  const auto start = std::chrono::steady_clock::now();
  // What was sealed and signed is taken only some seconds after an unseal, so
  // the last part of a run is without one.
  const uint64_t stormy = options_.messages / 10 * 7;
  const uint64_t step = stormy / (options_.restarts + 1) + 1;
  bool lives = Begin();
  while (lives && model_.message < options_.messages) {
    lives = Exchange();
    if (!lives || (options_.caught && model_.violations() > 0)) break;
    Operate();
    if (calm_) continue;
    if (restarts_ < options_.restarts &&
        model_.message >= (restarts_ + 1) * step) {
      lives = Restart();
    } else if (model_.message >= stormy) {
      calm_ = true;
      // One rotation to its end is part of every run, whatever chance brings.
      Rotate(wire::RotateTarget::kAll);
      Upkeep();
      sleep(kUntilFresh);
    }
  }
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  const bool meant = Report(seconds.count());
  if (options_.caught) {
    std::printf("the control was %s\n",
                model_.violations() > 0 ? "caught" : "NOT caught");
    return model_.violations() > 0 ? 0 : 1;
  }
  return model_.violations() == 0 && meant ? 0 : 1;
}

}  // namespace coffer::hostile
