#include "tests/crypto/test_support.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace coffer::crypto {

Buffer Unhex(std::string_view hex) {
  Buffer bytes(hex.size() / 2);
  EXPECT_TRUE(base::DecodeHex(bytes, hex).ok()) << hex;
  return bytes;
}

Buffer Pattern(size_t size, uint8_t seed) {
  Buffer bytes(size);
  uint32_t state = seed * 2654435761u + 1;
  for (uint8_t& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return bytes;
}

std::unique_ptr<base::SecretArena> MakeArena(size_t slots) {
  auto arena = base::SecretArena::Create(slots);
  COFFER_CHECK(arena.ok());
  return std::move(arena).value();
}

bool AllZero(Bytes bytes) {
  for (uint8_t byte : bytes) {
    if (byte != 0) return false;
  }
  return true;
}

std::optional<std::string> PublishedVectors() {
  const char* from_environment = std::getenv("COFFER_VECTORS");
  std::string path =
      from_environment != nullptr ? from_environment : COFFER_DEFAULT_VECTORS;
  if (!std::filesystem::exists(path + "/v4.json")) return std::nullopt;
  return path;
}

boost::json::value ReadJson(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::string text{std::istreambuf_iterator<char>(file), {}};
  boost::json::error_code error;
  boost::json::value value = boost::json::parse(text, error);
  EXPECT_FALSE(error) << path << ": " << error.message();
  return value;
}

std::string Text(const boost::json::object& object, std::string_view name) {
  const boost::json::value& value = object.at(name);
  if (value.is_null()) return "";
  return std::string(value.as_string());
}

Buffer HexMember(const boost::json::object& object, std::string_view name) {
  return Unhex(Text(object, name));
}

}  // namespace coffer::crypto
