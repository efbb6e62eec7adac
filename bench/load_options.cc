#include "bench/load_options.h"

#include <charconv>
#include <cstdio>
#include <cstring>

namespace coffer::bench {

namespace {

struct KindRow {
  Kind kind;
  const char* name;
};
constexpr KindRow kKinds[] = {{Kind::kIssue, "issue"},
                              {Kind::kBatch, "batch"},
                              {Kind::kCreate, "create"},
                              {Kind::kRedeem, "redeem"},
                              {Kind::kRead, "read"}};

constexpr char kUsage[] =
    "usage: load_generator --socket PATH [options]\n"
    "  --kind issue|batch|create|redeem|read   what to ask (issue)\n"
    "  --connections N   sockets (64)\n"
    "  --depth N         requests in flight on each (1)\n"
    "  --seconds S       how long to measure (2)\n"
    "  --warmup S        before that, unmeasured (0.2; 0 with --count)\n"
    "  --count N         at most N requests (no bound)\n"
    "  --rate R          requests a second on a fixed schedule; latency "
    "counts\n"
    "                    from the intended time (0: as fast as answers come)\n"
    "  --batch N         tokens in a batch request (64)\n"
    "  --prepare N       links or tokens made first (256)\n"
    "  --values FILE     use these links or tokens instead, one a line\n"
    "  --made-up N       use N invented ones instead (for the floors)\n"
    "  --save FILE       write the links or tokens of the answers there\n"
    "  --institution, --purpose, --cluster, --audience NAME\n"
    "  --histogram       add the latency buckets to the output\n"
    "  --seed N\n"
    "prints one line of JSON; latencies are microseconds\n";

bool ParseKind(const char* text, Kind& kind) {
  for (const KindRow& row : kKinds) {
    if (std::strcmp(row.name, text) == 0) {
      kind = row.kind;
      return true;
    }
  }
  return false;
}

template <typename Number>
bool ParseInto(const char* text, Number& number) {
  double value = 0;
  if (!ParseNumber(text, value)) return false;
  number = static_cast<Number>(value);
  return true;
}

bool ParseValue(std::string_view name, const char* value, LoadOptions& o) {
  struct Text {
    const char* name;
    std::string* field;
  };
  const Text texts[] = {
      {"--socket", &o.socket},    {"--values", &o.values},
      {"--save", &o.save},        {"--institution", &o.institution},
      {"--purpose", &o.purpose},  {"--cluster", &o.cluster},
      {"--audience", &o.audience}};
  for (const Text& text : texts) {
    if (name == text.name) {
      *text.field = value;
      return true;
    }
  }
  if (name == "--kind") return ParseKind(value, o.kind);
  if (name == "--connections") return ParseInto(value, o.connections);
  if (name == "--depth") return ParseInto(value, o.depth);
  if (name == "--seconds") return ParseInto(value, o.seconds);
  if (name == "--warmup") return ParseInto(value, o.warmup_seconds);
  if (name == "--count") return ParseInto(value, o.count_max);
  if (name == "--rate") return ParseInto(value, o.rate);
  if (name == "--batch") return ParseInto(value, o.batch);
  if (name == "--prepare") return ParseInto(value, o.prepare);
  if (name == "--made-up") return ParseInto(value, o.made_up);
  if (name == "--seed") return ParseInto(value, o.seed);
  return false;
}

}  // namespace

const char* KindName(Kind kind) {
  for (const KindRow& row : kKinds) {
    if (row.kind == kind) return row.name;
  }
  return "";
}

bool ParseNumber(std::string_view text, double& number) {
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end && number >= 0 && number <= 1e12;
}

bool ParseOptions(int argc, char** argv, LoadOptions& options) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--histogram") == 0) {
      options.histogram = true;
      continue;
    }
    if (i + 1 >= argc || !ParseValue(argv[i], argv[i + 1], options)) {
      std::fprintf(stderr, "load_generator: what is \"%s\"?\n%s", argv[i],
                   kUsage);
      return false;
    }
    ++i;
  }
  // A run bounded by a count is measured from its first request.
  if (options.warmup_seconds < 0) {
    options.warmup_seconds = options.count_max > 0 ? 0 : 0.2;
  }
  if (options.socket.empty() || options.connections == 0 ||
      options.depth == 0 || options.batch == 0 || options.batch > 256) {
    std::fputs(kUsage, stderr);
    return false;
  }
  return true;
}

}  // namespace coffer::bench
