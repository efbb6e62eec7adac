// RFC 3339 UTC to the second ("2026-08-01T00:00:00Z") and back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/base/result.h"

namespace coffer::base {

inline constexpr size_t kTimeTextBytes = 20;

// Writes exactly kTimeTextBytes characters; years 1970 to 9999.
void FormatTime(char* out, uint64_t seconds);
std::string TimeText(uint64_t seconds);
// Accepts exactly the form above (kInvalid).
Result<uint64_t> ParseTime(std::string_view text);

}  // namespace coffer::base
