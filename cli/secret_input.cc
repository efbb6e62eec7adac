#include "cli/secret_input.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "cli/text.h"
#include "crypto/kdf.h"
#include "crypto/passphrase.h"
#include "vault/os/descriptor.h"

namespace coffer::cli {
namespace {

using base::SecretBuffer;

Failure FileFailure(std::string_view verb, std::string_view what,
                    const std::string& path) {
  return {Exit::kRefused,
          "cannot " + std::string(verb) + " " + std::string(what) + " " +
              Printable(path) + ": " + std::strerror(errno),
          ""};
}

// Everything that comes, up to `bytes_max`; false with errno set on a fault,
// EFBIG when there is more.
bool ReadAll(int fd, SecretBuffer& out, size_t bytes_max) {
  out = SecretBuffer(bytes_max + 1);
  base::MutableBytes room = out.whole();
  size_t used = 0;
  while (used < room.size()) {
    ssize_t got = read(fd, room.data() + used, room.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    used += static_cast<size_t>(got);
  }
  out.Resize(used);
  if (used > bytes_max) {
    errno = EFBIG;
    return false;
  }
  return true;
}

Outcome<SecretBuffer> KeyOf(int fd, const std::string& path) {
  SecretBuffer key;
  bool read_all = ReadAll(fd, key, kKeyFileBytes);
  if (!read_all && errno != EFBIG) {
    return FileFailure("read", "key file", path);
  }
  if (key.size() != kKeyFileBytes) {
    return Failure{Exit::kRefused,
                   "key file " + Printable(path) + " is not 32 raw bytes",
                   "name the right file; a text form is not taken"};
  }
  return key;
}

// An open file that may be a key file.
Outcome<os::FileDescriptor> OpenKeyFile(const std::string& path) {
  os::FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return FileFailure("read", "key file", path);
  struct stat about {};
  if (fstat(file.get(), &about) != 0) {
    return FileFailure("read", "key file", path);
  }
  if (S_ISREG(about.st_mode) && (about.st_mode & 077) != 0) {
    return Failure{Exit::kRefused,
                   "key file " + Printable(path) + " is open to other users",
                   "chmod 600 it, and think who may have read it"};
  }
  return file;
}

Outcome<KeyFile> MakeKeyFile(const std::string& path) {
  os::FileDescriptor file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) return FileFailure("make", "key file", path);
  KeyFile made;
  made.made = true;
  made.key = SecretBuffer(kKeyFileBytes);
  made.key.Resize(kKeyFileBytes);
  crypto::Random(made.key.mutable_view());
  std::string parent = std::filesystem::path(path).parent_path().string();
  os::FileDescriptor directory(open(parent.empty() ? "." : parent.c_str(),
                                    O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  bool durable = fchmod(file.get(), 0600) == 0 &&
                 os::WriteFull(file.get(), made.key.view()).ok() &&
                 fsync(file.get()) == 0 && directory.valid() &&
                 fsync(directory.get()) == 0;
  if (!durable) {
    Failure failure = FileFailure("write", "key file", path);
    unlink(path.c_str());
    return failure;
  }
  return made;
}

}  // namespace

Outcome<SecretBuffer> ReadSecret(const Invocation& invocation,
                                 const std::string& path, std::string_view what,
                                 size_t bytes_max) {
  Context& context = invocation.context;
  SecretBuffer secret;
  if (path == "-" && context.terminal.InputIsTerminal()) {
    secret = SecretBuffer(bytes_max);
    Done read = context.terminal.ReadSecret(std::string(what) + ": ", secret);
    if (!read.ok()) return read.failure();
  } else {
    os::FileDescriptor file;
    if (path != "-") {
      file.Reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!file.valid()) return FileFailure("read", what, path);
    }
    int fd = path == "-" ? context.input : file.get();
    bool read_all = ReadAll(fd, secret, bytes_max + 1);
    if (!read_all && errno != EFBIG) return FileFailure("read", what, path);
    base::Bytes bytes = secret.view();
    if (!bytes.empty() && bytes.back() == '\n') {
      secret.Resize(bytes.size() - 1);
    }
  }
  if (secret.size() > bytes_max) {
    return Failure{Exit::kRefused,
                   "the " + std::string(what) + " is above " +
                       std::to_string(bytes_max) + " bytes",
                   ""};
  }
  if (secret.size() == 0) {
    return Failure{Exit::kRefused, "the " + std::string(what) + " is empty",
                   ""};
  }
  return secret;
}

Outcome<SecretBuffer> ReadPassphrase(const Invocation& invocation,
                                     const std::string& path, bool twice) {
  Context& context = invocation.context;
  auto bounded = [twice](SecretBuffer secret) -> Outcome<SecretBuffer> {
    if (secret.size() < crypto::kPassphraseBytesMin && !twice) {
      return Failure{Exit::kRefused,
                     "the passphrase does not open it: it has fewer than 8 "
                     "bytes",
                     ""};
    }
    if (secret.size() < crypto::kPassphraseBytesMin) {
      return Failure{Exit::kRefused, "the passphrase is below 8 bytes",
                     "use a longer one, such as six random words"};
    }
    return secret;
  };
  if (!path.empty()) {
    auto secret =
        ReadSecret(invocation, path, "passphrase", crypto::kPassphraseBytesMax);
    if (!secret.ok()) return secret.failure();
    return bounded(std::move(*secret));
  }
  if (!context.terminal.InputIsTerminal()) {
    return Failure{Exit::kUsage, "nobody is there to type a passphrase",
                   "give --passphrase-file F, or \"-\" for standard input"};
  }
  SecretBuffer first(crypto::kPassphraseBytesMax);
  Done read = context.terminal.ReadSecret("Passphrase: ", first);
  if (!read.ok()) return read.failure();
  if (twice) {
    SecretBuffer second(crypto::kPassphraseBytesMax);
    read = context.terminal.ReadSecret("The same again: ", second);
    if (!read.ok()) return read.failure();
    if (!crypto::EqualConstantTime(first.view(), second.view())) {
      return Failure{Exit::kRefused, "the two passphrases differ",
                     "try again; nothing was changed"};
    }
  }
  return bounded(std::move(first));
}

Outcome<SecretBuffer> ReadKeyFile(const Invocation& invocation,
                                  const std::string& path) {
  if (path == "-") return KeyOf(invocation.context.input, "-");
  auto file = OpenKeyFile(path);
  if (!file.ok()) return file.failure();
  return KeyOf(file->get(), path);
}

Outcome<KeyFile> ReadOrMakeKeyFile(const Invocation& invocation,
                                   const std::string& path) {
  if (path != "-" && access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    return MakeKeyFile(path);
  }
  auto key = ReadKeyFile(invocation, path);
  if (!key.ok()) return key.failure();
  return KeyFile{std::move(*key), false};
}

}  // namespace coffer::cli
