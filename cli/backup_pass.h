// One pass over a backup file from beginning to end, with its progress shown.
// Runs in the CLI only. Refuses a file that is damaged in any way; what was
// handed out before the damage was met must not be acted on.
#pragma once

#include <functional>

#include "cli/backup_file.h"
#include "cli/context.h"
#include "cli/link_judge.h"

namespace coffer::cli {

Outcome<BackupReader> OpenBackup(const std::string& path);
Outcome<BackupHeader> ReadBackupHeader(const std::string& path);

// Hands every part of links to `take`; a failure of it ends the pass. `label`
// stands before the progress. Ends with the file's digest where `digest` is
// given; past consents go to `history`, if there is one.
Done PassOver(const Invocation& invocation, const std::string& path,
              std::string_view label,
              const std::function<Done(const wire::JudgeQuestion&)>& take,
              BackupDigest* digest = nullptr,
              const BackupReader::TakeHistory& history = nullptr);

}  // namespace coffer::cli
