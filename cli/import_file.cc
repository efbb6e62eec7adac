#include "cli/import_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "cli/settings.h"
#include "cli/text.h"
#include "crypto/kdf.h"

namespace coffer::cli {
namespace {

constexpr size_t kReadBytes = 1 << 20;
constexpr std::string_view kFirstLine = "coffer import 1";

Failure CannotRead(const std::string& path) {
  return {Exit::kRefused,
          "cannot read " + Printable(path) + ": " + std::strerror(errno), ""};
}

Failure CannotWrite(const std::string& path) {
  return {Exit::kRefused,
          "cannot write " + Printable(path) + ": " + std::strerror(errno),
          "it is needed to go on after a stop"};
}

// Takes "name value\n" from the front of `text`.
bool TakeField(std::string_view& text, std::string_view name,
               std::string_view& value) {
  size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  if (line.substr(0, name.size()) != name || line.size() <= name.size() ||
      line[name.size()] != ' ') {
    return false;
  }
  value = line.substr(name.size() + 1);
  return true;
}

bool TakeNumber(std::string_view& text, std::string_view name,
                uint64_t& number) {
  std::string_view value;
  if (!TakeField(text, name, value)) return false;
  auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), number);
  return error == std::errc() && end == value.data() + value.size();
}

}  // namespace

LineReader::LineReader(os::FileDescriptor file)
    : file_(std::move(file)), buffer_(kReadBytes) {}

Outcome<LineReader> LineReader::Open(const std::string& path) {
  os::FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return CannotRead(path);
  return LineReader(std::move(file));
}

bool LineReader::Fill() {
  for (;;) {
    base::MutableBytes room = buffer_.whole();
    ssize_t got = read(file_.get(), room.data(), room.size());
    if (got < 0 && errno == EINTR) continue;
    fault_ = got < 0;
    if (got <= 0) return false;
    buffer_.Resize(static_cast<size_t>(got));
    at_ = 0;
    return true;
  }
}

LineReader::Got LineReader::Next(base::SecretBuffer& line) {
  line.Clear();
  bool any = false;
  bool fits = true;
  for (;;) {
    if (at_ == buffer_.size() && !Fill()) {
      if (fault_) return Got::kFault;
      if (!any) return Got::kEnd;
      break;  // the last line has no newline
    }
    any = true;
    base::Bytes rest = buffer_.view().subspan(at_);
    const void* found = std::memchr(rest.data(), '\n', rest.size());
    size_t size = found == nullptr
                      ? rest.size()
                      : static_cast<size_t>(static_cast<const uint8_t*>(found) -
                                            rest.data());
    fits = fits && line.Append(rest.first(size));
    at_ += size;
    if (found != nullptr) {
      ++at_;
      break;
    }
  }
  ++number_;
  if (!fits) return Got::kTooLong;
  if (line.size() > 0 && line.view().back() == '\r') {
    line.Resize(line.size() - 1);
  }
  return Got::kLine;
}

Outcome<uint64_t> CountLines(const std::string& path) {
  auto reader = LineReader::Open(path);
  if (!reader.ok()) return reader.failure();
  base::SecretBuffer line(base::kHttpBodyBytesMax);
  for (;;) {
    LineReader::Got got = reader->Next(line);
    if (got == LineReader::Got::kFault) return CannotRead(path);
    if (got == LineReader::Got::kEnd) return reader->number();
  }
}

std::string ImportKey(uint64_t number, base::Bytes line) {
  uint8_t raw[8];
  base::Encoder encoder(raw);
  encoder.Number(number);
  base::ByteArray<16> hash{};
  crypto::Hash(hash, "coffer import line", {base::Bytes(raw), line});
  return base::EncodeHex(hash);
}

Outcome<ResumePoint> LoadResumePoint(const std::string& path) {
  ResumePoint point;
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) return point;
  auto text = ReadTextFile(path, 4096, "resume file");
  if (!text.ok()) return text.failure();
  std::string_view rest = *text;
  std::string_view key;
  bool good =
      rest.substr(0, kFirstLine.size() + 1) == std::string(kFirstLine) + "\n";
  if (good) rest.remove_prefix(kFirstLine.size() + 1);
  good = good && TakeNumber(rest, "line", point.line) &&
         TakeNumber(rest, "rejected", point.rejected) &&
         TakeField(rest, "key", key) && rest.empty() && key.size() == 32 &&
         point.line > 0 && point.rejected <= point.line;
  if (!good) {
    return Failure{Exit::kRefused,
                   "resume file " + Printable(path) + " cannot be read",
                   "remove it to begin again; what is stored already is not "
                   "stored twice within 24 hours"};
  }
  point.key = std::string(key);
  return point;
}

Done SaveResumePoint(const std::string& path, const ResumePoint& point) {
  std::string text = std::string(kFirstLine) + "\nline " +
                     std::to_string(point.line) + "\nrejected " +
                     std::to_string(point.rejected) + "\nkey " + point.key +
                     "\n";
  std::string temporary = path + ".new";
  os::FileDescriptor file(
      open(temporary.c_str(),
           O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid() || !os::WriteFull(file.get(), base::AsBytes(text)).ok() ||
      fdatasync(file.get()) != 0 ||
      rename(temporary.c_str(), path.c_str()) != 0) {
    return CannotWrite(path);
  }
  std::string parent = std::filesystem::path(path).parent_path().string();
  os::FileDescriptor directory(open(parent.empty() ? "." : parent.c_str(),
                                    O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || fsync(directory.get()) != 0) {
    return CannotWrite(path);
  }
  return base::Nothing{};
}

}  // namespace coffer::cli
