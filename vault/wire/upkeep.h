// The part of the gate's closed list (message.h) that keeps the store in step
// with the keyring: rewrapping under new keys, sweeping what is dead, finishing
// kills. No connection asks for these; what they may do to a record the keeper
// decides from floors and key states alone, so a gate gains nothing by them.
#pragma once

#include "vault/wire/keys.h"
#include "vault/wire/record.h"

namespace coffer::wire {

// --- kWork: what is to be done in the background, and how many links the store
// has under each KEK. Asked every quarter of a second; no connection.
struct WorkItem {
  bool counted = false;  // false: the store does not know yet
  base::BoundedList<KekCount, base::kKeysMax> counts;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Flag(self.counted);
    coder.Structs(self.counts);
  }
};
struct WorkAnswer {
  // Not zeros: put the store waiting as `incoming` in force, then kAdopted.
  ByteArray<32> adopt{};
  base::BoundedList<WorkRow, base::kWorkRowsMax> rows;  // urgent ones first

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.adopt);
    coder.Structs(self.rows);
  }
};

// --- kRewrap: wraps of one institution, in the order of their links, from one
// KEK to the active one. Each row has its own verdict; the gate stores the new
// wrap only where the old one still is what was sent.
struct RewrapItem {
  std::string_view institution;
  base::BoundedList<RewrapRow, base::kRewrapRowsMax> rows;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Text(self.institution, base::kNameBytesMax);
    coder.Structs(self.rows);
  }
};
struct RewrapAnswer {
  KeyId kek{};                                                 // the active one
  base::BoundedList<RewrapResult, base::kRewrapRowsMax> rows;  // in order

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.kek);
    coder.Structs(self.rows);
  }
};

// --- kSettle: finishes a kill whose record the store never got: answers with
// the revoked record to store. `stored` without token_box.
struct SettleItem {
  LinkId link{};
  StoredLink stored;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.link);
    coder.Struct(self.stored);
  }
};
using SettleAnswer = NewRecord;

// --- kDrained: a walk over all wraps of the institution, with no write under
// way, met none under this KEK.
struct DrainedItem {
  std::string_view institution;
  KeyId kek{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Text(self.institution, base::kNameBytesMax);
    coder.Fixed(self.kek);
  }
};

// --- kAdopted: the store that kWork named is in force, or could not be put so.
struct AdoptedItem {
  ByteArray<32> digest{};
  bool adopted = false;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.digest);
    coder.Flag(self.adopted);
  }
};

}  // namespace coffer::wire
