// The real keeper with the bulk loader in the gate's place: started on the
// keeper's files of a data directory, opened by `coffer`, with one caller
// connected. For measuring only; lays things out as `cofferd --dev` does, so
// that it can take over afterwards.
#pragma once

#include <optional>
#include <string>

#include "vault/os/spawn.h"
#include "vault/wire/names.h"

namespace coffer::bench {

// Resource: the process and the descriptors to it.
class BulkKeeper {
 public:
  // False after a message on standard error. Makes data directory, policy, key
  // file and vault where there are none; holds the directory's lock.
  bool Start(const std::string& data_dir);
  // Ends the keeper after its last sync; false when it ended badly.
  bool Stop();

  int channel() const { return channel_.get(); }
  wire::ConnectionId caller() const { return caller_; }
  const std::string& store() const { return store_; }

 private:
  bool Spawn(const std::string& data_dir, bool& initialised);
  bool RunCoffer(const std::string& data_dir, bool initialised);
  bool Connect(const std::string& path);

  std::string store_;
  os::FileDescriptor channel_;
  os::FileDescriptor descriptors_;
  os::FileDescriptor client_;
  os::FileDescriptor gate_side_;
  std::optional<os::ChildProcess> child_;
  wire::ConnectionId caller_ = 0;
};

}  // namespace coffer::bench
