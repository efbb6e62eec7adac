// Takes batches and their answers apart, lets the model judge what was given,
// and counts. For tests only.
#pragma once

#include <map>

#include "tests/hostile/hostile_liar.h"

namespace coffer::hostile {

struct OpCount {
  uint64_t asked = 0, given = 0;
  uint64_t lies = 0, lies_given = 0;
};

// What was given with a leaf, to look it up after a kill.
struct GivenLeaf {
  uint64_t index = 0;
  wire::Op op = wire::Op::kStatus;
};

class Answers {
 public:
  Answers(Model& model, Liar& liar) : model_(model), liar_(liar) {}

  // `lies`: which of the items were one.
  void Take(const keeper_test::Batch& batch, const std::vector<bool>& lies,
            Bytes answers);

  const std::map<wire::Op, OpCount>& counts() const { return counts_; }
  const std::deque<GivenLeaf>& leaves() const { return leaves_; }
  // How often a budget refused, by the limit that did.
  uint64_t refused_by(wire::Rule budget) const {
    const auto row = budgets_.find(budget);
    return row == budgets_.end() ? 0 : row->second;
  }

 private:
  enum class Pass { kTimes, kJudge };
  bool Walk(Bytes items, size_t count, const std::vector<bool>& lies,
            Bytes answers, Pass pass);
  bool Item(wire::Op op, Pass pass, bool lie);
  template <typename Item, typename Answer, typename Verdict>
  void One(wire::Op op, Verdict verdict);
  template <typename Item, typename Answer>
  void Plain(wire::Op op);
  template <typename Item, typename Answer>
  void Write(wire::Op op);
  void Times(const wire::StatusAnswer& status);

  Model& model_;
  Liar& liar_;
  std::map<wire::Op, OpCount> counts_;
  std::deque<GivenLeaf> leaves_;
  std::map<wire::Rule, uint64_t> budgets_;
  Pass pass_ = Pass::kTimes;
  bool lie_ = false, first_time_ = false;
  base::Decoder asked_{Bytes()}, answered_{Bytes()};
};

const char* OpText(wire::Op op);

}  // namespace coffer::hostile
