// The live store, read or written by a child process that has become the user
// the store belongs to before it opens LMDB: what the gate wrote reaches the
// operator's program as bytes over a socket alone, and is believed only as far
// as it decodes. The child has neither terminal nor another descriptor, and is
// in a cage (store_cage.h). Runs in the CLI only. Refuses to start as a user
// who may not become the store's owner.
//
//   stream := frame*                  either way
//   frame  := u32 size | JudgedLink, and past the links' end | past consent
//           | u32 0xfffffffe | u64    the end of the links, and once more of
//                                     all; how many rows were left out
//           | u32 0xffffffff | u16 | text
// The live store's begins with a frame of StoreFacts.
#pragma once

#include <functional>

#include "cli/backup_file.h"
#include "cli/outcome.h"
#include "vault/os/spawn.h"
#include "vault/os/store_cage.h"

namespace coffer::cli {

// Resource: the parent's end of one child; hangs up and waits for it at the
// end.
class StoreChild {
 public:
  // Gives how many rows were left out.
  using Work = std::function<base::Result<uint64_t>(int fd)>;

  // Forks; the child becomes the directory's owner, works in its cage, and
  // ends.
  static Outcome<StoreChild> Start(const std::string& directory,
                                   os::StoreUse use, const Work& work);
  ~StoreChild();
  StoreChild(StoreChild&& other) noexcept;
  StoreChild& operator=(StoreChild&&) = delete;

  int fd() const { return socket_.get(); }
  // The next frame's bytes; empty at the end, with `left_out` set.
  Outcome<base::Bytes> Receive(uint64_t& left_out);

 private:
  StoreChild(pid_t pid, os::FileDescriptor socket)
      : pid_(pid), socket_(std::move(socket)) {}

  pid_t pid_;
  os::FileDescriptor socket_;
  std::vector<uint8_t> frame_;
};

// What stands before the rows.
struct StoreFacts {
  uint64_t links = 0;
  bool restored = false;  // by a restore, from the backup with:
  BackupDigest digest{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.links);
    coder.Flag(self.restored);
    coder.Fixed(self.digest);
  }
};

// A snapshot of the live store, in the order of the links' ids.
class LiveStore {
 public:
  // `links`: false for past consents alone.
  static Outcome<LiveStore> Open(const std::string& directory,
                                 bool links = true);
  const StoreFacts& facts() const { return facts_; }
  // False at the end. Views are good until the next call.
  Outcome<bool> Next(wire::JudgedLink& link);
  // After the links.
  Outcome<bool> NextHistory(base::Bytes& row);
  // Rows left out; at the end of each.
  uint64_t damaged() const { return damaged_ + history_damaged_; }

 private:
  explicit LiveStore(StoreChild child) : child_(std::move(child)) {}

  StoreChild child_;
  StoreFacts facts_;
  wire::LinkId last_{};
  bool any_ = false;
  uint64_t damaged_ = 0;
  uint64_t history_damaged_ = 0;
};

// Builds what kRestore puts in force.
class IncomingStore {
 public:
  static Outcome<IncomingStore> Create(const std::string& directory,
                                       uint64_t map_bytes,
                                       const base::ByteArray<16>& vault_id,
                                       const BackupDigest& digest);
  Done Add(const wire::JudgedLink& link);
  Done AddHistory(base::Bytes row);  // after the links
  Done Finish();                     // it lies ready
  // Takes away what lies ready, when nothing is to come of it.
  static void Discard(const std::string& directory);

 private:
  explicit IncomingStore(StoreChild child) : child_(std::move(child)) {}
  Done Said();

  StoreChild child_;
  bool links_ended_ = false;
};

}  // namespace coffer::cli
