// The forbidden things, as a table: each is tried in a process of its own,
// inside a cage or, as the negative control, outside.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace coffer::os {

struct Attempt {
  const char* name;
  // Makes the call; its result, negative when it was refused.
  std::function<long()> call;
};

// Things that neither cage permits.
std::vector<Attempt> ForbiddenToBoth();

enum class Verdict { kLetThrough, kRefused, kKilled, kBroken };

// Enters the cage by `enter` (false: it could not) and makes the attempt.
// kKilled is the filter's SIGSYS; kRefused an errno.
Verdict Try(const std::function<bool()>& enter, const Attempt& attempt);

// Tries all, prints "TITLE: N of M denied" and returns the names of those that
// were not killed.
std::vector<std::string> NotKilled(const char* title,
                                   const std::function<bool()>& enter,
                                   std::span<const Attempt> attempts);

}  // namespace coffer::os
