// What the tests of crypto share: bytes from hexadecimal, keys with known
// bytes, vector files. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/secret_key_bytes.h"

namespace coffer::crypto {

using Buffer = std::vector<uint8_t>;

Buffer Unhex(std::string_view hex);
// Bytes that differ from index to index, and by `seed`.
Buffer Pattern(size_t size, uint8_t seed = 1);
std::unique_ptr<base::SecretArena> MakeArena(size_t slots = 16);
bool AllZero(Bytes bytes);

template <size_t N>
ByteArray<N> ToArray(Bytes bytes) {
  ByteArray<N> array{};
  EXPECT_EQ(bytes.size(), N);
  if (bytes.size() == N) std::memcpy(array.data(), bytes.data(), N);
  return array;
}

template <typename Key>
Key KeyOf(base::SecretArena& arena, Bytes bytes) {
  Key key(arena);
  MutableBytes to = SecretKeyBytes::Mutable(key);
  EXPECT_EQ(bytes.size(), to.size());
  std::memcpy(to.data(), bytes.data(), to.size());
  return key;
}

template <typename T>
base::Code CodeOf(const base::Result<T>& result) {
  return result.ok() ? base::Code{} : result.error().code;
}

// --- Vector files -----------------------------------------------------------
// The folder of published vectors, or nothing when it is not there.
std::optional<std::string> PublishedVectors();
// Fails the test when the file cannot be read.
boost::json::value ReadJson(const std::string& path);
// A member that is text; "" for null.
std::string Text(const boost::json::object& object, std::string_view name);
Buffer HexMember(const boost::json::object& object, std::string_view name);

}  // namespace coffer::crypto
