// The places on disk that the launcher makes and hands over: data_dir with
// store/, audit/ (the gate's) and keeper/ (the keeper's), each 0700. Run by the
// launcher. Refuses places that belong to somebody else, files that are no
// plain files, and a data_dir that another cofferd is using.
#pragma once

#include <string>

#include "vault/gate/users.h"
#include "vault/os/descriptor.h"

namespace coffer::gate {

struct DataDirectory {
  std::string store;
  std::string audit;
  // Open for the keeper; the first is locked for as long as either process
  // holds it.
  os::FileDescriptor state;
  os::FileDescriptor journals[2];
};

// Says what is wrong.
bool OpenDataDirectory(const std::string& path, const Users& users,
                       DataDirectory& out);

}  // namespace coffer::gate
