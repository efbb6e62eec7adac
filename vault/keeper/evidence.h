// Erasure certificates: v4.public tokens of the evidence key, for outsiders.
// Runs in the keeper.
//
//   {"iss":"coffer","type":"erasure","vault":"hex","iat":"T","final_by":"T",
//    "leaf":N,"keys":[{"kek":"hex","institution":"I","links":["lnk_...",...]},
//    ...]}                                                      one link
//   {...,"leaf":N,"subject_hash":"hex","linker":"L","links_reported":N,
//    "keys":[...]}                                              a subject
//   footer {"kid":"k4.pid...."}, no implicit assertion
//
// Each link stands under the key (its id, as in leaves) that its wrap opened
// under. By `final_by` that key is destroyed. `linker` is empty when the links
// of every linker were erased. links_reported is what the store counted; the
// floor itself depends neither on it nor on what is named, which is what the
// store showed, up to a bound.
#pragma once

#include "vault/keeper/vault.h"

namespace coffer::keeper {

inline constexpr size_t kCertificateBytesMax = base::kCertificateTextBytesMax;

struct ErasedLink {
  wire::LinkId link{};
  std::string_view institution;
  KeyId kek{};
};
struct Erasure {
  const wire::SubjectHash* subject = nullptr;  // nullptr: of one link
  std::string_view linker;                     // of the subject's links
  uint32_t reported = 0;
  base::BoundedList<ErasedLink, base::kErasedRowsMax> links;
};

// The token's text, in `out`. Links that find no room are left out: all of them
// do find it where they are under at most kErasedKeksSure keys.
inline constexpr size_t kErasedKeksSure = 32;
std::string_view WriteCertificate(uint8_t (&out)[kCertificateBytesMax],
                                  const Vault& vault, const Erasure& erasure,
                                  uint64_t leaf);

}  // namespace coffer::keeper
