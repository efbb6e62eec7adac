// Floors: what makes a kill final. A floor refuses every record of a link (or
// of a linker's subject) sealed before a leaf, and every token of a link,
// caller, purpose or institution from before one. In memory only; made durable
// as changes in the journal and in the state file's snapshot. Runs in the
// keeper. Leaves and severity only rise; refuses to forget a floor while a
// living key opens what it refuses (docs/adr/0014-floors-and-rotation.md).
#pragma once

#include <array>

#include "crypto/base/codec.h"
#include "crypto/base/limits.h"
#include "vault/keeper/state_table.h"

namespace coffer::keeper {

// Numbers are part of journal and state formats: append only.
enum class FloorKind : uint8_t {
  kRevision = 1,  // replaced since
  kRevoked = 2,   // opens metadata only; `reason` says why
  kUsed = 3,      // a one-time consent, used; opens metadata only
  kErased = 4,    // opens nothing
  kTokens = 5,    // tokens only, of a name
};

struct Floor {
  base::ByteArray<16> key;  // link id, or a keyed hash
  FloorKind kind;
  uint8_t reason;        // wire::RevocationReason, of kRevoked
  uint64_t record_leaf;  // records sealed before it are refused
  uint64_t token_leaf;   // tokens with a lower epoch are void
  uint64_t set_leaf;     // the next leaf when it was last raised
  uint16_t institution;  // place in the keyring + 1; 0: of all of them
  // Of kErased: when, in seconds since 1970 (to 2106), at first; else 0.
  uint32_t erased_at;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.key);
    coder.Number(self.kind);
    coder.Number(self.reason);
    coder.Number(self.record_leaf);
    coder.Number(self.token_leaf);
    coder.Number(self.set_leaf);
    coder.Number(self.institution);
    coder.Number(self.erased_at);
  }
};
inline constexpr size_t kFloorBytes = 16 + 1 + 1 + 8 + 8 + 8 + 2 + 4;
bool IsFloorKind(uint8_t number);

// By Floor::institution: from which leaf on the oldest living KEK seals;
// kNoKek where none lives.
inline constexpr uint64_t kNoKek = ~uint64_t{0};
using OldestKeks = std::array<uint64_t, base::kInstitutionsMax + 1>;
// By Floor::institution: how many, or seconds (0: none).
using ErasureCounts = std::array<uint32_t, base::kInstitutionsMax + 1>;
using ErasureTimes = std::array<uint64_t, base::kInstitutionsMax + 1>;

// Resource: about 6 MiB, made by the constructor.
class Floors {
 public:
  const Floor* Find(const base::ByteArray<16>& key) const {
    return table_.Find(key);
  }
  // Merges into the floor of the key, or adds it: the higher leaves, the worse
  // kind (erased, then revoked and used, then revision, then tokens) with its
  // reason; of two equally bad kinds the one of the later record leaf. So a
  // replay over a later snapshot changes nothing. False, and nothing changes,
  // when a new floor finds no room: at kFloorsMax for kills, below the kills'
  // tenth for others.
  bool Raise(const Floor& floor, bool kill);
  // Whether Raise would succeed.
  bool CanRaise(const base::ByteArray<16>& key, bool kill) const;

  // Drops the floors that refuse nothing any more: every KEK that lived when a
  // floor was set is gone, and so is every token from before `token_horizon`,
  // but for erased ones: their tokens' records open no more. How many went.
  size_t Drop(const OldestKeks& oldest, uint64_t token_horizon);
  // How many erasures these KEKs made final: the erased floors that Drop drops.
  void CountFinal(const OldestKeks& oldest, ErasureCounts& counts) const;
  // The first erasure of each institution (not of place 0) that none of its
  // rotations began after; `sealing`: from which leaf on its active KEK seals.
  void FirstErasures(const OldestKeks& sealing, ErasureTimes& first) const;

  // Of how many erasures the horizon is over, and a key that may open what they
  // ended still lives; `oldest`: when each institution's oldest living KEK was
  // made, before which nothing is left ([0]: of all of them).
  uint32_t CountOverdue(const ErasureTimes& oldest, uint64_t horizon_seconds,
                        uint64_t now) const;

  size_t size() const { return table_.size(); }
  size_t erasures() const { return erasures_; }
  // Whether a floor of a subject, not of a link, may be there.
  bool has_subjects() const { return subjects_ != 0; }
  // Whether a floor of a name may be there.
  bool has_names() const { return names_ != 0; }
  // No room even for a kill.
  bool full() const { return table_.size() == base::kFloorsMax; }
  const Floor* begin() const { return table_.begin(); }
  const Floor* end() const { return table_.end(); }
  void Clear() {
    table_.Clear();
    subjects_ = names_ = erasures_ = 0;
  }

 private:
  static bool OfSubject(const Floor& floor) {
    return floor.kind != FloorKind::kTokens && floor.institution == 0;
  }

  // Counts it in (1) or out (-1).
  void Count(const Floor& floor, int by) {
    const size_t more = static_cast<size_t>(by);
    if (OfSubject(floor)) subjects_ += more;
    if (floor.kind == FloorKind::kTokens) names_ += more;
    if (floor.kind == FloorKind::kErased) erasures_ += more;
  }

  size_t subjects_ = 0;
  size_t names_ = 0;
  size_t erasures_ = 0;
  StateTable<Floor, base::kFloorsMax> table_;
};

}  // namespace coffer::keeper
