// Access tokens: the claims, written and read by one exact template, and the
// tokens around them. Runs in the keeper.
//
//   {"iss":"coffer","sub":"lnk_...","aud":"A","exp":"T","nbf":"T","iat":"T",
//    "jti":"22 base64url","purpose":"P","scope":"C C","client_id":"A",
//    "epoch":N[,"lookback_period":D][,"single_use":true]}   (no white space)
//   footer: {"kid":"k4.lid...."} or {"kid":"k4.pid...."}
//   implicit assertion: the audience's policy name
//
// The keeper parses no JSON: a payload that is not, byte for byte, what this
// file would write for the values found in it is refused.
#pragma once

#include "crypto/paseto.h"
#include "vault/keeper/keyring.h"
#include "vault/wire/message.h"

namespace coffer::keeper {

inline constexpr size_t kClaimsBytesMax = 2048;
inline constexpr size_t kFooterBytes = 8 + crypto::kPaserkIdTextBytes + 2;
using Jti = wire::ByteArray<16>;

struct Claims {
  wire::LinkId link{};
  std::string_view audience;
  uint64_t expires_at = 0;
  uint64_t issued_at = 0;  // also nbf
  Jti jti{};
  std::string_view purpose;
  std::string_view scope;
  std::string_view client_id;
  uint64_t epoch = 0;                 // index of the leaf of its issue
  uint32_t lookback_period_days = 0;  // 0: the consent names none
  bool single_use = false;
};

// Writes the template; returns its size. `out` holds kClaimsBytesMax.
size_t FormatClaims(char* out, const Claims& claims);
// Views into `payload`. kInvalid when it is not what FormatClaims writes.
base::Result<Claims> ParseClaims(std::string_view payload);

void FormatFooter(char* out, std::string_view kid);  // kFooterBytes characters

// The key of v4.local tokens: made at every unseal, in memory only.
class LocalTokenKeeper {
 public:
  explicit LocalTokenKeeper(base::SecretArena& arena) : arena_(arena) {}
  void Renew();
  void Destroy() { key_.Destroy(); }
  bool present() const { return key_.present(); }
  const crypto::LocalTokenKey& key() const { return key_; }
  std::string_view footer() const { return {footer_, kFooterBytes}; }

 private:
  base::SecretArena& arena_;
  crypto::LocalTokenKey key_;
  char footer_[kFooterBytes]{};
};

// Writes the token, returns its size. `out` holds kTokenBytesMax.
base::Result<size_t> WriteToken(base::MutableBytes out, const Claims& claims,
                                wire::TokenFormat format,
                                const LocalTokenKeeper& local,
                                const Keyring& keyring);

// Opens a token shown by `audience`. Returns kAllowed, kTokenMalformed or
// kTokenNotAuthentic; claims view into `payload` (kClaimsBytesMax).
wire::Rule ReadToken(std::string_view token, std::string_view audience,
                     const LocalTokenKeeper& local, const Keyring& keyring,
                     base::MutableBytes payload, Claims& claims);

}  // namespace coffer::keeper
