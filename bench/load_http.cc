#include "bench/load_http.h"

#include <strings.h>

#include <charconv>
#include <string>

namespace coffer::bench {

size_t WholeMessage(std::string_view bytes, size_t* body_bytes) {
  constexpr std::string_view kName = "content-length:";
  size_t head = bytes.find("\r\n\r\n");
  if (head == std::string_view::npos) return 0;
  size_t length = 0;
  size_t line = bytes.find("\r\n");
  while (line < head) {
    std::string_view rest = bytes.substr(line + 2, head - line - 2);
    if (rest.size() > kName.size() &&
        strncasecmp(rest.data(), kName.data(), kName.size()) == 0) {
      rest.remove_prefix(kName.size());
      while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
      std::from_chars(rest.data(), rest.data() + rest.size(), length);
      break;
    }
    line = bytes.find("\r\n", line + 2);
  }
  if (bytes.size() < head + 4 + length) return 0;
  if (body_bytes != nullptr) *body_bytes = length;
  return head + 4 + length;
}

int StatusOf(std::string_view answer) {
  int status = 0;
  if (answer.size() < 12) return 0;
  std::from_chars(answer.data() + 9, answer.data() + 12, status);
  return status;
}

std::string_view TextField(std::string_view json, std::string_view name) {
  std::string key(1, '"');
  key.append(name).append("\":\"");
  size_t start = json.find(key);
  if (start == std::string_view::npos) return {};
  start += key.size();
  size_t end = json.find('"', start);
  if (end == std::string_view::npos) return {};
  return json.substr(start, end - start);
}

}  // namespace coffer::bench
