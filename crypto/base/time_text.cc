#include "crypto/base/time_text.h"

#include <chrono>

namespace coffer::base {
namespace {

void Digits(char* out, unsigned value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

bool Number(std::string_view text, size_t at, size_t width, unsigned& value) {
  value = 0;
  for (size_t i = at; i < at + width; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  return true;
}

}  // namespace

void FormatTime(char* out, uint64_t seconds) {
  constexpr uint64_t kEndOf9999 = 253402300799;
  if (seconds > kEndOf9999) seconds = kEndOf9999;
  std::chrono::sys_days day{
      std::chrono::days{static_cast<int>(seconds / 86400)}};
  std::chrono::year_month_day date{day};
  unsigned rest = static_cast<unsigned>(seconds % 86400);
  Digits(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  out[4] = '-';
  Digits(out + 5, static_cast<unsigned>(date.month()), 2);
  out[7] = '-';
  Digits(out + 8, static_cast<unsigned>(date.day()), 2);
  out[10] = 'T';
  Digits(out + 11, rest / 3600, 2);
  out[13] = ':';
  Digits(out + 14, rest / 60 % 60, 2);
  out[16] = ':';
  Digits(out + 17, rest % 60, 2);
  out[19] = 'Z';
}

std::string TimeText(uint64_t seconds) {
  std::string text(kTimeTextBytes, '\0');
  FormatTime(text.data(), seconds);
  return text;
}

Result<uint64_t> ParseTime(std::string_view text) {
  const Error bad = Fail(Code::kInvalid, "not an RFC 3339 UTC time");
  if (text.size() != kTimeTextBytes || text[4] != '-' || text[7] != '-' ||
      text[10] != 'T' || text[13] != ':' || text[16] != ':' ||
      text[19] != 'Z') {
    return bad;
  }
  unsigned year, month, day, hour, minute, second;
  if (!Number(text, 0, 4, year) || !Number(text, 5, 2, month) ||
      !Number(text, 8, 2, day) || !Number(text, 11, 2, hour) ||
      !Number(text, 14, 2, minute) || !Number(text, 17, 2, second)) {
    return bad;
  }
  std::chrono::year_month_day date{std::chrono::year{static_cast<int>(year)},
                                   std::chrono::month{month},
                                   std::chrono::day{day}};
  if (!date.ok() || year < 1970 || hour > 23 || minute > 59 || second > 59) {
    return bad;
  }
  auto days = std::chrono::sys_days{date}.time_since_epoch().count();
  return static_cast<uint64_t>(days) * 86400 + hour * 3600 + minute * 60 +
         second;
}

}  // namespace coffer::base
