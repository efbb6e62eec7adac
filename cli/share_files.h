// The shares of a Shamir slot as files: one line of text each
// (crypto/shamir.h), 0600. Runs in the CLI only. Refuses to write over a file,
// and shares that are mistyped, of another set, or too few.
#pragma once

#include "cli/context.h"
#include "cli/slot_secret.h"

namespace coffer::cli {

// Splits `secret.secret` and fills in the slot's set, threshold and checks; the
// files "share-1", "share-2", ... are new, durable, and were read again and
// combined in turns that use each of them, before this returns.
Done MakeShareFiles(const Invocation& invocation, const std::string& directory,
                    uint64_t threshold, uint64_t shares, SlotSecret& secret);

// What is wrong with a share, its file named once.
std::string ShareFault(const std::string& path, std::string_view message);

// A share's bytes; "-" is standard input.
Outcome<base::SecretBuffer> ReadShareFile(const Invocation& invocation,
                                          const std::string& path);

// Combines the shares of every --share-file; names the bad one.
Done CombineShareFiles(const Invocation& invocation, SlotSecret& secret);

}  // namespace coffer::cli
