// Erasure certificates: v4.public tokens of the evidence key, for outsiders.
// Runs in the keeper.
//
//   {"iss":"coffer","type":"erasure","vault":"hex","iat":"T","leaf":N,
//    "link":"lnk_...","institution":"I","links":1}             one link
//   {"iss":"coffer","type":"erasure","vault":"hex","iat":"T","leaf":N,
//    "subject_hash":"hex","linker":"L","links_reported":N}     a subject
//   footer {"kid":"k4.pid...."}, no implicit assertion         (no white space)
//
// `linker` is empty when the links of every linker were erased. links_reported
// is what the store counted; the floor itself does not depend on it.
#pragma once

#include "vault/keeper/vault.h"

namespace coffer::keeper {

inline constexpr size_t kCertificateBytesMax = 1024;

struct Erasure {
  const wire::LinkId* link = nullptr;  // or
  const wire::SubjectHash* subject = nullptr;
  std::string_view institution;  // of the link
  std::string_view linker;       // of the subject's links
  uint32_t links = 0;
};

// The token's text, in `out`.
std::string_view WriteCertificate(uint8_t (&out)[kCertificateBytesMax],
                                  const Vault& vault, const Erasure& erasure,
                                  uint64_t leaf);

}  // namespace coffer::keeper
