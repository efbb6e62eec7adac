// The load generator: asks over the real caller socket and prints one line of
// JSON. Makes the links (and tokens) it needs first, through the same socket.
// Refuses to call a run good that had an error: it then exits 1 and shows the
// first answer that was none.
#include <cstdio>
#include <fstream>
#include <memory>

#include "bench/load_options.h"
#include "bench/load_run.h"

namespace coffer::bench {
namespace {

using Values = std::vector<std::string>;

Values ReadLines(const std::string& path) {
  Values values;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) values.push_back(line);
  }
  return values;
}

// Links that look right and exist nowhere.
Values MadeUpLinks(uint32_t count) {
  Values values;
  for (uint32_t i = 0; i < count; ++i) {
    char text[32];
    std::snprintf(text, sizeof text, "lnk_AAAAAAAAAAAA%010u", i);
    values.push_back(text);
  }
  return values;
}

const char* SavedField(Kind kind) {
  return kind == Kind::kCreate ? "link" : "access_token";
}

// Makes `options.prepare` links or tokens; empty after a message.
Values Prepare(const LoadOptions& options, Kind kind, const Values& values) {
  LoadOptions step = options;
  step.kind = kind;
  step.connections = options.connections < 16 ? options.connections : 16;
  step.depth = 1;
  step.rate = 0;
  step.warmup_seconds = 0;
  step.seconds = 60;
  step.count_max = options.prepare;
  RequestMaker maker(step, values);
  auto report = std::make_unique<LoadReport>();
  if (!RunLoad(step, maker, SavedField(kind), *report)) return {};
  if (report->errors > 0) {
    std::fprintf(stderr, "load_generator: cannot prepare: %s\n",
                 report->first_error.c_str());
    return {};
  }
  return report->saved;
}

// What the run's requests name; false after a message.
bool FindValues(const LoadOptions& options, Values& values) {
  if (options.kind == Kind::kCreate) return true;
  if (!options.values.empty()) {
    values = ReadLines(options.values);
  } else if (options.made_up > 0) {
    values = MadeUpLinks(options.made_up);
  } else {
    values = Prepare(options, Kind::kCreate, {});
    if (options.kind == Kind::kRedeem && !values.empty()) {
      values = Prepare(options, Kind::kIssue, values);
    }
  }
  if (values.empty()) {
    std::fprintf(stderr, "load_generator: no links or tokens to ask for\n");
    return false;
  }
  return true;
}

void PrintReport(const LoadOptions& options, const LoadReport& report) {
  double rate = report.seconds > 0
                    ? static_cast<double>(report.requests) / report.seconds
                    : 0;
  const Histogram& h = report.latency;
  std::printf(
      "{\"kind\":\"%s\",\"connections\":%u,\"depth\":%u,\"requests\":%llu,"
      "\"requests_total\":%llu,\"seconds\":%.6f,\"rate\":%.1f,\"p50\":%.1f,"
      "\"p99\":%.1f,\"p999\":%.1f,\"errors\":%llu,\"cpu_seconds\":%.3f",
      KindName(options.kind), options.connections, options.depth,
      static_cast<unsigned long long>(report.requests),
      static_cast<unsigned long long>(report.requests_total), report.seconds,
      rate, h.QuantileMicroseconds(0.5), h.QuantileMicroseconds(0.99),
      h.QuantileMicroseconds(0.999),
      static_cast<unsigned long long>(report.errors), report.cpu_seconds);
  if (options.histogram) {
    std::printf(",\"histogram\":[");
    const char* comma = "";
    for (size_t i = 0; i < Histogram::kBuckets; ++i) {
      if (h.count(i) == 0) continue;
      std::printf("%s[%.3f,%llu]", comma, Histogram::LowerNanoseconds(i) / 1000,
                  static_cast<unsigned long long>(h.count(i)));
      comma = ",";
    }
    std::printf("]");
  }
  std::printf("}\n");
}

int Main(int argc, char** argv) {
  LoadOptions options;
  if (!ParseOptions(argc, argv, options)) return 2;
  Values values;
  if (!FindValues(options, values)) return 1;
  RequestMaker maker(options, values);
  auto report = std::make_unique<LoadReport>();
  std::string field = options.save.empty() ? "" : SavedField(options.kind);
  if (!RunLoad(options, maker, field, *report)) return 1;
  if (!options.save.empty()) {
    std::ofstream file(options.save);
    for (const std::string& text : report->saved) file << text << '\n';
  }
  PrintReport(options, *report);
  if (report->errors > 0) {
    std::fprintf(stderr, "load_generator: first error: %s\n",
                 report->first_error.c_str());
  }
  return report->errors > 0 || report->requests == 0 ? 1 : 0;
}

}  // namespace
}  // namespace coffer::bench

int main(int argc, char** argv) { return coffer::bench::Main(argc, argv); }
