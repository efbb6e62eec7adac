// Makes the items of a gate that was taken over: everything it ever saw,
// replayed, swapped, left out, mixed and invented, beside enough of what an
// honest gate sends that there is always something to steal. For tests only.
#pragma once

#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/hostile/hostile_model.h"

namespace coffer::hostile {

class Liar {
 public:
  Liar(Model& model, Callers& callers, uint64_t seed)
      : model_(model), callers_(callers), random_(seed) {}

  wire::Op Choose();
  // False when there is nothing yet to make it of.
  bool Make(wire::Op op);
  Bytes item() const { return item_; }
  // Something in the last item was not what an honest gate would send.
  bool lied() const { return lied_; }

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(unsigned percent) { return Below(100) < percent; }

  // What the driver tells.
  void Wrote(const LinkId& link, uint64_t leaf) {
    writes_.push_back({link, leaf});
  }
  void ForgetWrites() { writes_.clear(); }
  void KeksAre(std::vector<wire::KeyId> keks) { keks_ = std::move(keks); }
  std::map<std::string, ConnectionId> live;  // by caller's name
  std::vector<ConnectionId> others;          // strangers, hung up, never there

 private:
  template <typename Item>
  bool Encode(wire::Op op, const Item& item);
  Link* AnyLink();
  Link* LivingLink();
  VersionPointer AnyVersion();
  TokenPointer AnyToken();
  ConnectionId As(const std::string& name);
  wire::StoredLink Stored(const VersionPointer& version, bool box);
  Bytes Part(Bytes honest, Bytes (*part)(const Version&));
  Bytes Spoilt(Bytes bytes);
  std::string TokenText(const TokenPointer& token);
  wire::Consent MakeConsent();
  void Widen(wire::Consent& consent);
  bool MakeCreate();
  bool MakeHash();
  bool SealCreate(wire::CreateItem& item, const std::string& caller);
  bool SealReplace(wire::ReplaceBankTokenItem& item, const std::string& caller);
  UploadPointer OldUpload(bool create);
  std::string_view Sign(const std::string& caller,
                        wire::ConsentStatement statement);
  bool MakeIssue();
  bool MakeRedeem();
  bool MakeIntrospect();
  bool MakeLocate();
  bool MakeRevokeToken();
  bool MakeReplaceBankToken();
  bool MakeReplaceConsent();
  bool MakeCommit(wire::Op op);
  bool MakeOnLink(wire::Op op);
  bool MakeEraseSubject();
  bool MakeRewrap();
  bool MakeLeaves();
  bool MakeHistory();
  bool MakeUpkeep(wire::Op op);

  struct Write {
    LinkId link{};
    uint64_t leaf = 0;
  };

  Model& model_;
  Callers& callers_;
  std::mt19937_64 random_;
  std::deque<Write> writes_;
  std::vector<wire::KeyId> keks_;
  std::deque<Buffer> spoilt_;  // what the item under way points to
  std::string text_;
  SignaturePointer signature_;
  UploadPointer upload_;  // what the item under way shows
  Buffer scratch_ = Buffer(base::kBatchBytesMax);
  Buffer item_;
  bool lied_ = false;
};

template <typename Item>
bool Liar::Encode(wire::Op op, const Item& item) {
  base::Encoder encoder{base::MutableBytes(scratch_)};
  encoder.Number(op);
  encoder.Struct(item);
  COFFER_CHECK(!encoder.failed());
  item_.assign(scratch_.begin(),
               scratch_.begin() + static_cast<long>(encoder.used()));
  return true;
}

}  // namespace coffer::hostile
