// The file that `link import` reads, line by line, and the file beside it that
// remembers how far all lines are done. Runs in the CLI only. Lines hold bank
// tokens, so every buffer is wiped. Refuses to go on in a file that is not the
// one it had begun.
//
//   FILE.done := "coffer import 1\n" "line N\n" "rejected N\n" "key HEX\n"
//
// where `key` is the Idempotency-Key of that line.
#pragma once

#include <string>

#include "cli/outcome.h"
#include "crypto/base/secret_bytes.h"
#include "vault/os/descriptor.h"

namespace coffer::cli {

// Resource: reads forward only.
class LineReader {
 public:
  static Outcome<LineReader> Open(const std::string& path);

  enum class Got { kLine, kTooLong, kEnd, kFault };
  // The next line without its newline. A line that does not fit into `line` is
  // passed over whole.
  Got Next(base::SecretBuffer& line);
  uint64_t number() const { return number_; }  // of the last line, from 1

 private:
  explicit LineReader(os::FileDescriptor file);
  bool Fill();

  os::FileDescriptor file_;
  base::SecretBuffer buffer_;
  size_t at_ = 0;
  uint64_t number_ = 0;
  bool fault_ = false;
};

// How many lines the file has.
Outcome<uint64_t> CountLines(const std::string& path);

// The Idempotency-Key of one line: the same at every run, so that a line that
// was sent before is not a second link.
std::string ImportKey(uint64_t number, base::Bytes line);

struct ResumePoint {
  uint64_t line = 0;  // all up to it are done; 0: none
  uint64_t rejected = 0;
  std::string key;
};
// A point at line 0 when there is no such file.
Outcome<ResumePoint> LoadResumePoint(const std::string& path);
// At once and durable, or not at all; 0600.
Done SaveResumePoint(const std::string& path, const ResumePoint& point);

}  // namespace coffer::cli
