// A gate that was taken over, in front of the unmodified coffer-keeper: speaks
// the production wire with everything it can replay, swap, leave out, withhold,
// mix and invent, as several users at once, through restarts of the keeper,
// other policies and key rotations. A model that knows nothing of the keeper's
// judgement finds every answer that gives more than is conceded.
//
//   hostile_gate [--messages N] [--seed S] [--restarts R] [--caught] [--root]
//
// Exits with 0 when nothing was given that must not be; with --caught, when
// something was: the control, for a keeper that trusts its gate (COFFER_KEEPER
// names another program). As root the callers are several users, else one, who
// has no budget and signs nothing; --root: then skipped, exit 77.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/hostile/hostile_siege.h"

namespace coffer::hostile {
namespace {

bool Parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    auto number = [&](const char* name, uint64_t& out) {
      if (std::strcmp(argv[i], name) != 0 || i + 1 == argc) return false;
      char* end = nullptr;
      out = std::strtoull(argv[++i], &end, 10);
      return *end == '\0';
    };
    if (std::strcmp(argv[i], "--caught") == 0) {
      options.caught = true;
    } else if (std::strcmp(argv[i], "--root") == 0) {
      options.root = true;
    } else if (!number("--messages", options.messages) &&
               !number("--seed", options.seed) &&
               !number("--restarts", options.restarts)) {
      return false;
    }
  }
  return true;
}

}  // namespace
}  // namespace coffer::hostile

int main(int argc, char** argv) {
  coffer::hostile::Options options;
  if (!coffer::hostile::Parse(argc, argv, options)) {
    std::fprintf(stderr,
                 "usage: hostile_gate [--messages N] [--seed S] "
                 "[--restarts R] [--caught] [--root]\n");
    return 2;
  }
  if (options.root && geteuid() != 0) {
    std::printf("skipped: several users need root\n");
    return 77;
  }
  return coffer::hostile::Siege(options).Run();
}
