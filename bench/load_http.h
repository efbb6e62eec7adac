// Just enough of HTTP/1.1 for the benchmarks: where a message ends, an answer's
// status and body, a field of a flat JSON answer. For peers of our own only; it
// is no parser of untrusted bytes.
#pragma once

#include <cstddef>
#include <string_view>

namespace coffer::bench {

// The size of the first whole message in `bytes` (headers and the body that
// Content-Length names); 0 when it is not all there yet. `body_bytes` may be
// null.
size_t WholeMessage(std::string_view bytes, size_t* body_bytes);

// The three digits of a status line; 0 when there are none.
int StatusOf(std::string_view answer);

// The text of the first `"name":"text"` in a JSON answer; empty without one.
std::string_view TextField(std::string_view json, std::string_view name);

}  // namespace coffer::bench
