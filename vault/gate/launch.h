// From the configuration to a caged gate with a running keeper: all that
// happens before the first byte is read from anyone. Runs in cofferd, first
// with the rights it was started with, at the end with the gate's alone.
// Refuses to start on a system without what the cages need (outside --dev), and
// says of everything else what is wrong and what to do.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "vault/api/config_file.h"
#include "vault/os/notify.h"
#include "vault/os/spawn.h"
#include "vault/store/store.h"

namespace coffer::gate {

struct Launched {
  os::FileDescriptor keeper_channel;  // batches
  os::FileDescriptor descriptors;     // connections
  os::FileDescriptor signals;         // SIGTERM, SIGINT, SIGHUP
  os::FileDescriptor loop;            // epoll, of the server
  os::FileDescriptor end_of_keeper;   // epoll, readable when it has ended
  std::optional<os::ChildProcess> keeper;
  os::Notifier notifier;
  std::unique_ptr<store::Store> store;
};

// False after saying why.
bool Launch(const api::Config& config, bool dev, Launched& out);

// Reads and checks coffer.toml; prints every finding.
bool ReadConfig(const std::string& path, api::Config& out);

// The path of a program installed with this one: beside it, or in
// <prefix>/libexec/coffer. Empty when there is none.
std::string SiblingProgram(const std::string& name);

// What the kernel lacks for the cages, in words; empty: nothing.
std::string MissingRequirements();

}  // namespace coffer::gate
