// Arithmetic in GF(2^8) with AES's polynomial x^8 + x^4 + x^3 + x + 1 (FIPS
// 197, section 4.2), without tables, branches or indices that depend on a
// value. Internal to crypto, for crypto/shamir.h. Adding is xor.
#pragma once

#include <cstdint>

namespace coffer::crypto {

inline uint8_t FieldMultiply(uint8_t a, uint8_t b) {
  uint32_t power = a;  // a * x^i
  uint32_t product = 0;
  for (int i = 0; i < 8; ++i) {
    product ^= power & (0u - ((b >> i) & 1u));
    power = (power << 1) ^ (0x11bu & (0u - (power >> 7)));
  }
  return static_cast<uint8_t>(product);
}

// a^254; of 0 it is 0.
inline uint8_t FieldInverse(uint8_t a) {
  uint8_t inverse = 1;
  uint8_t square = a;
  for (int i = 0; i < 7; ++i) {
    square = FieldMultiply(square, square);
    inverse = FieldMultiply(inverse, square);
  }
  return inverse;
}

}  // namespace coffer::crypto
