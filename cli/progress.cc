#include "cli/progress.h"

#include <algorithm>
#include <cstdio>

#include "cli/text.h"

namespace coffer::cli {
namespace {

constexpr size_t kBarColumns = 16;
constexpr uint64_t kTerminalMilliseconds = 100;
constexpr uint64_t kPlainMilliseconds = 5000;

}  // namespace

std::string ProgressLine(uint64_t done, uint64_t total, uint64_t started,
                         uint64_t milliseconds, std::string_view words) {
  done = std::min(done, total);
  double part =
      total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
  auto filled = static_cast<size_t>(part * static_cast<double>(kBarColumns));
  char percent[16];
  std::snprintf(percent, sizeof percent, "%3d%%",
                static_cast<int>(part * 100.0));
  std::string line = "[" + std::string(filled, '#') +
                     std::string(kBarColumns - filled, '-') + "] " + percent +
                     "  ";
  line += words.empty() ? Grouped(done) + " of " + Grouped(total)
                        : std::string(words);
  uint64_t now_done = done > started ? done - started : 0;
  if (milliseconds == 0 || now_done == 0) return line;
  double rate = static_cast<double>(now_done) * 1000.0 /
                static_cast<double>(milliseconds);
  line += "  " + Grouped(static_cast<uint64_t>(rate)) + "/s";
  if (done < total) {
    auto left = static_cast<uint64_t>(static_cast<double>(total - done) / rate);
    line += "  " + DurationText(left) + " left";
  }
  return Cut(line, kColumns - 1);
}

Progress::Progress(std::ostream& out, bool terminal, base::Clock& clock,
                   uint64_t started, uint64_t total, std::string_view label)
    : out_(out),
      terminal_(terminal),
      clock_(clock),
      started_(started),
      total_(total),
      label_(label),
      started_at_(clock.BootMilliseconds()),
      drawn_at_(started_at_) {}

void Progress::Draw(uint64_t done, uint64_t now, std::string_view words) {
  std::string line =
      ProgressLine(done, total_, started_, now - started_at_, words);
  drawn_at_ = now;
  if (!terminal_ && !label_.empty()) {
    out_ << label_ << ": " << Grouped(done) << " of " << Grouped(total_) << "\n"
         << std::flush;
    return;
  }
  if (!label_.empty()) line = Cut(label_ + " " + line, kColumns - 1);
  if (!terminal_) {
    out_ << line << "\n" << std::flush;
    return;
  }
  size_t columns = line.size();
  if (columns < drawn_columns_) line.append(drawn_columns_ - columns, ' ');
  drawn_columns_ = columns;
  out_ << "\r" << line << std::flush;
}

void Progress::Update(uint64_t done, std::string_view words) {
  if (!terminal_ && !label_.empty()) return;
  uint64_t now = clock_.BootMilliseconds();
  uint64_t wait = terminal_ ? kTerminalMilliseconds : kPlainMilliseconds;
  if (now - drawn_at_ >= wait) Draw(done, now, words);
}

void Progress::Finish(uint64_t done, std::string_view words) {
  Draw(done, clock_.BootMilliseconds(), words);
  if (terminal_) out_ << "\n" << std::flush;
  drawn_columns_ = 0;
}

void Progress::Clear() {
  if (!terminal_ || drawn_columns_ == 0) return;
  out_ << "\r" << std::string(drawn_columns_, ' ') << "\r" << std::flush;
  drawn_columns_ = 0;
}

}  // namespace coffer::cli
