// How far long work has come: one line that is drawn over itself on a terminal,
// plain lines now and then otherwise. Runs in the CLI only.
#pragma once

#include <ostream>
#include <string>

#include "crypto/base/clock.h"

namespace coffer::cli {

// "[#####-----]  50%  1,000 of 2,000  500/s  2 s left"; at most 79 columns.
// `started` is what was done before this run, and counts in no rate.
// `words` stands in for "1,000 of 2,000" where there is something better.
std::string ProgressLine(uint64_t done, uint64_t total, uint64_t started,
                         uint64_t milliseconds, std::string_view words = {});

// Value: draws to a stream that outlives it.
class Progress {
 public:
  // With a `label` ("reading"), it stands before the bar; off a terminal there
  // is then one plain line, the last.
  Progress(std::ostream& out, bool terminal, base::Clock& clock,
           uint64_t started, uint64_t total, std::string_view label = {});
  // Draws at most ten times a second on a terminal, every five seconds else.
  void Update(uint64_t done, std::string_view words = {});
  // Draws the last state and leaves the line.
  void Finish(uint64_t done, std::string_view words = {});
  // Takes the drawn line away, so that another can be written.
  void Clear();

 private:
  void Draw(uint64_t done, uint64_t now, std::string_view words);

  std::ostream& out_;
  bool terminal_;
  base::Clock& clock_;
  uint64_t started_;
  uint64_t total_;
  std::string label_;
  uint64_t started_at_;
  uint64_t drawn_at_;
  size_t drawn_columns_ = 0;
};

}  // namespace coffer::cli
