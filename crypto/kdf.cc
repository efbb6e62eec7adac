#include "crypto/kdf.h"

#include <sodium.h>

#include "crypto/blake2b.h"

namespace coffer::crypto {
namespace {

void HashParts(MutableBytes out, Bytes key, std::string_view label,
               std::initializer_list<Bytes> parts) {
  Blake2b hash(key, out.size());
  hash.AddPart(base::AsBytes(label));
  for (Bytes part : parts) hash.AddPart(part);
  hash.Finish(out);
}

}  // namespace

void Hash(MutableBytes out, std::string_view label,
          std::initializer_list<Bytes> parts) {
  HashParts(out, {}, label, parts);
}

void KeyedHashRaw(MutableBytes out, Bytes key, std::string_view label,
                  std::initializer_list<Bytes> parts) {
  // An empty key would silently be the unkeyed hash.
  COFFER_CHECK(key.size() == 32);
  HashParts(out, key, label, parts);
}

bool EqualConstantTime(Bytes a, Bytes b) {
  return a.size() == b.size() &&
         (a.empty() || sodium_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace coffer::crypto
