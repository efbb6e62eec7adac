#include "vault/gate/unseal_source.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "vault/gate/launch.h"
#include "vault/gate/log.h"

namespace coffer::gate {
namespace {

// Its own limit is 10 seconds.
constexpr int kHelperMilliseconds = 12'000;

// Not valid after saying why.
os::FileDescriptor OpenSecret(const std::string& key, const std::string& path) {
  os::FileDescriptor fd(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat found = {};
  if (!fd.valid() || fstat(fd.get(), &found) != 0) {
    LogErrno("unseal." + key + " " + path + ": cannot open it");
    return {};
  }
  if (!S_ISREG(found.st_mode)) {
    Log("unseal." + key + " " + path + ": no plain file; not used");
    return {};
  }
  if ((found.st_mode & 077) != 0) {
    Log("unseal." + key + " " + path +
        ": open to other users; chmod 600 it, and think who may have read it");
  }
  return fd;
}

os::FileDescriptor OpenCredential(const std::string& name) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || directory[0] != '/') {
    Log("unseal.credential " + name +
        ": CREDENTIALS_DIRECTORY is not set; is there a LoadCredential= or "
        "LoadCredentialEncrypted= in the unit?");
    return {};
  }
  return OpenSecret("credential", std::string(directory) + "/" + name);
}

// True when it ended with exit code 0.
bool AwaitHelper(os::ChildProcess& helper) {
  pollfd ended{helper.pidfd(), POLLIN, 0};
  if (poll(&ended, 1, kHelperMilliseconds) != 1) {
    static_cast<void>(helper.Signal(SIGKILL));
  }
  auto status = helper.Wait();
  if (!status.ok()) return false;
  if (!status->signaled && status->code == 0) return true;
  Log("unseal.pkcs11_module: coffer-pkcs11 ended with " +
      os::ExitText(*status) + "; the vault stays sealed");
  return false;
}

// The helper's output, which waits in the pipe.
os::FileDescriptor AskDevice(const api::Config& config, const Users& users) {
  const auto& unseal = config.unseal;
  const std::string program = SiblingProgram("coffer-pkcs11");
  if (program.empty()) {
    Log("coffer-pkcs11 is neither beside cofferd nor in ../libexec/coffer; "
        "install it");
    return {};
  }
  os::FileDescriptor pin =
      OpenSecret("pkcs11_pin_file", unseal.pkcs11_pin_file);
  int ends[2];
  if (!pin.valid()) return {};
  if (pipe2(ends, O_CLOEXEC) != 0) {
    LogErrno("cannot make a pipe");
    return {};
  }
  os::FileDescriptor reader(ends[0]);
  os::FileDescriptor writer(ends[1]);
  // Modules find their own configuration by variables of theirs.
  std::vector<const char*> environment;
  for (char** each = environ; *each != nullptr; ++each) {
    environment.push_back(*each);
  }
  const char* const arguments[] = {
      "coffer-pkcs11", unseal.pkcs11_module.c_str(),
      unseal.pkcs11_token.c_str(), unseal.pkcs11_key.c_str()};
  os::SpawnOptions options;
  options.path = program.c_str();
  options.arguments = arguments;
  options.environment = environment;
  options.standard_input = pin.get();
  options.standard_output = writer.get();
  options.identity = users.keeper;
  options.signal_at_parents_end = SIGKILL;
  auto helper = os::Spawn(options);
  if (!helper.ok()) {
    LogError(program, helper.error());
    return {};
  }
  writer.Reset();
  if (!AwaitHelper(*helper)) return {};
  return reader;
}

}  // namespace

os::FileDescriptor OpenUnsealSource(const api::Config& config,
                                    const Users& users) {
  const auto& unseal = config.unseal;
  os::FileDescriptor fd;
  if (!unseal.credential.empty()) fd = OpenCredential(unseal.credential);
  if (!fd.valid() && !unseal.key_file.empty()) {
    fd = OpenSecret("key_file", unseal.key_file);
  }
  if (!fd.valid() && !unseal.pkcs11_pin_file.empty()) {
    fd = AskDevice(config, users);
  }
  if (!fd.valid()) fd.Reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
  return fd;
}

}  // namespace coffer::gate
