// What the tests of vault/os share: a folder that goes away, and a child
// process that runs one function.
#pragma once

#include <functional>
#include <string>

#include "vault/os/spawn.h"

namespace coffer::os {

// Resource: a new directory of mode 0755, removed with its content at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Forks, runs `body` in the child and exits with what it returns.
ExitStatus RunInChild(const std::function<int()>& body);

// Everything that can be read from `fd` until its end.
std::string ReadAll(int fd);

// How many descriptors this process has open.
size_t OpenDescriptors();

}  // namespace coffer::os
