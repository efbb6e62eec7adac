// Secrets from files, standard input and prompts; never from an argument. Runs
// in the CLI only. Refuses a key file that others can read or that is not 32
// bytes, and never writes over one.
#pragma once

#include "cli/context.h"

namespace coffer::cli {

inline constexpr size_t kKeyFileBytes = 32;

// A file's bytes, one trailing newline dropped; "-" is standard input, which
// is prompted for without echo when it is a terminal. `what` ("bank token") is
// for prompt and failures. Refuses an empty one and more than `bytes_max`.
Outcome<base::SecretBuffer> ReadSecret(const Invocation& invocation,
                                       const std::string& path,
                                       std::string_view what, size_t bytes_max);

// From `path`, or a prompt when that is empty; `twice` asks again to be sure.
Outcome<base::SecretBuffer> ReadPassphrase(const Invocation& invocation,
                                           const std::string& path, bool twice);

// Exactly 32 raw bytes of an existing file, or of standard input for "-".
Outcome<base::SecretBuffer> ReadKeyFile(const Invocation& invocation,
                                        const std::string& path);

struct KeyFile {
  base::SecretBuffer key;
  bool made = false;  // by this call, and durable
};
// Reads the file, or makes it (0600) with random bytes when it is absent.
Outcome<KeyFile> ReadOrMakeKeyFile(const Invocation& invocation,
                                   const std::string& path);

}  // namespace coffer::cli
