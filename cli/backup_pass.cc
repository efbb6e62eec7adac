#include "cli/backup_pass.h"

#include <errno.h>
#include <fcntl.h>

#include <cstring>

#include "cli/progress.h"
#include "cli/text.h"

namespace coffer::cli {
namespace {

Failure BadBackup(const std::string& path, const base::Error& error) {
  return {Exit::kRefused, "backup " + Printable(path) + ": " + error.message,
          error.code == base::Code::kNewerFormat ? "use a newer coffer"
                                                 : "use another backup"};
}

}  // namespace

Outcome<BackupReader> OpenBackup(const std::string& path) {
  os::FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return Failure{
        Exit::kRefused,
        "cannot read backup " + Printable(path) + ": " + std::strerror(errno),
        ""};
  }
  auto reader = BackupReader::Open(std::move(file));
  if (!reader.ok()) return BadBackup(path, reader.error());
  return std::move(*reader);
}

Outcome<BackupHeader> ReadBackupHeader(const std::string& path) {
  auto reader = OpenBackup(path);
  if (!reader.ok()) return reader.failure();
  return reader->header();
}

Done PassOver(const Invocation& invocation, const std::string& path,
              std::string_view label,
              const std::function<Done(const wire::JudgeQuestion&)>& take,
              BackupDigest* digest, const BackupReader::TakeHistory& history) {
  auto reader = OpenBackup(path);
  if (!reader.ok()) return reader.failure();
  reader->OnHistory(history);
  Context& context = invocation.context;
  Progress progress(context.err, context.terminal.ErrorIsTerminal(),
                    context.clock, 0, reader->header().links, label);
  auto links = std::make_unique<wire::JudgeQuestion>();
  for (;;) {
    auto more = reader->Next(*links);
    if (!more.ok()) {
      progress.Clear();
      return BadBackup(path, more.error());
    }
    if (!*more) break;
    Done taken = take(*links);
    if (!taken.ok()) {
      progress.Clear();
      return taken.failure();
    }
    progress.Update(reader->read());
  }
  progress.Finish(reader->read());
  if (digest != nullptr) *digest = reader->digest();
  return base::Nothing{};
}

}  // namespace coffer::cli
