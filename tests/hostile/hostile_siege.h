// One run of the hostile gate against one keeper: batches, restarts, what
// operators do meanwhile, and the report. For tests only.
#pragma once

#include "tests/hostile/hostile_answers.h"
#include "vault/wire/operator_keys.h"
#include "vault/wire/operator_limits.h"

namespace coffer::hostile {

struct Options {
  uint64_t messages = 50000;
  uint64_t seed = 1;
  uint64_t restarts = 8;
  bool caught = false;
  bool root = false;
};

class Siege {
 public:
  explicit Siege(const Options& options);

  int Run();

 private:
  struct Asked {
    keeper_test::Batch batch;
    std::vector<bool> lies;
  };

  bool Begin();
  void Connect(size_t place);
  void ConnectAll();
  void HangUp();
  Asked MakeBatch();
  bool Exchange();
  bool Unanswered();
  bool Restart();
  bool Open();
  void CheckLeaves();
  void Operate();
  void Load(int variant);
  void SealAndOpen();
  void Rotate(wire::RotateTarget target);
  void RotateSomething();
  void Upkeep();
  void RewrapAll(const char* institution);
  void ReadKeys();
  void ReadIngest();
  void ReleaseBrake();
  void RevokeTokens();
  void Change(int place, wire::InstitutionAction action,
              wire::InstitutionState state);
  bool Report(double seconds) const;

  const Options options_;
  const bool alone_;
  keeper_test::KeeperProcess keeper_;
  Callers callers_;
  Model model_;
  Liar liar_;
  Answers answers_;
  std::vector<Peer> peers_;
  std::vector<keeper_test::Caller> clients_;
  std::vector<wire::KeyId> old_keks_;
  std::vector<std::string> old_banks_;
  // Hung up, and perhaps not noticed yet.
  std::vector<std::pair<ConnectionId, int>> leaving_;
  uint64_t releases_ = 0;
  uint64_t restarts_ = 0, seals_ = 0, loads_ = 0, rotations_ = 0, hang_ups_ = 0,
           leaves_checked_ = 0;
  bool suspended_ = false;
  bool calm_ = false;  // no restart and no seal any more
};

inline constexpr size_t kBatchBytes = 700 * 1024;

}  // namespace coffer::hostile
