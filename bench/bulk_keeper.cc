#include "bench/bulk_keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include "vault/api/policy_file.h"
#include "vault/gate/data_directory.h"
#include "vault/gate/launch.h"
#include "vault/os/fd_channel.h"
#include "vault/os/listen.h"
#include "vault/wire/frame.h"

namespace coffer::bench {

namespace {

constexpr int kArrivalMilliseconds = 10000;

bool Complain(const char* what) {
  std::fprintf(stderr, "bulk_load: %s: %s\n", what, std::strerror(errno));
  return false;
}

bool Listen(const std::string& path, os::FileDescriptor& out) {
  os::ListenOptions options;
  options.path = path.c_str();
  options.owner = geteuid();
  options.group = getegid();
  auto listener = os::ListenAt(options);
  if (!listener.ok()) return Complain(path.c_str());
  out = std::move(*listener);
  return true;
}

// An existing policy stays.
bool WritePolicy(const std::string& path) {
  os::FileDescriptor fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd.valid() && errno == EEXIST) return true;
  std::string text = api::DevPolicyText(getuid());
  if (!fd.valid() || !os::WriteFull(fd.get(), base::AsBytes(text)).ok()) {
    return Complain(path.c_str());
  }
  return true;
}

bool Run(const std::string& program, const std::vector<std::string>& words) {
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  os::SpawnOptions options;
  options.path = program.c_str();
  options.arguments = arguments;
  auto child = os::Spawn(options);
  if (!child.ok()) return Complain(program.c_str());
  auto status = child->Wait();
  return status.ok() && !status->signaled && status->code == 0;
}

}  // namespace

bool BulkKeeper::Start(const std::string& data_dir) {
  umask(077);
  signal(SIGPIPE, SIG_IGN);
  bool initialised = false;
  return Spawn(data_dir, initialised) &&
         WritePolicy(data_dir + "/policy.toml") &&
         RunCoffer(data_dir, initialised) && Connect(data_dir + "/coffer.sock");
}

bool BulkKeeper::Spawn(const std::string& data_dir, bool& initialised) {
  gate::DataDirectory data;
  os::FileDescriptor callers;
  os::FileDescriptor operators;
  os::FileDescriptor monitors;
  auto batches = os::MakeStreamPair();
  auto arrivals = os::MakeSeqpacketPair();
  std::string program = gate::SiblingProgram("coffer-keeper");
  if (program.empty() || !batches.ok() || !arrivals.ok()) {
    return Complain("coffer-keeper beside this program");
  }
  if (!gate::OpenDataDirectory(data_dir, {}, data) ||
      !Listen(data_dir + "/coffer.sock", callers) ||
      !Listen(data_dir + "/operator.sock", operators) ||
      !Listen(data_dir + "/monitor.sock", monitors)) {
    return false;
  }
  for (int fd : {batches->here.get(), batches->there.get(),
                 arrivals->here.get(), arrivals->there.get()}) {
    if (!os::SetNonBlocking(fd, true).ok()) return Complain("a channel");
  }
  struct stat state = {};
  initialised = fstat(data.state.get(), &state) == 0 && state.st_size > 0;
  os::FileDescriptor nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int fds[] = {
      batches->there.get(),   arrivals->there.get(),  callers.get(),
      operators.get(),        monitors.get(),         data.state.get(),
      data.journals[0].get(), data.journals[1].get(), nothing.get()};
  const char* const arguments[] = {"coffer-keeper"};
  os::SpawnOptions options;
  options.path = program.c_str();
  options.arguments = arguments;
  options.descriptors = fds;
  options.signal_at_parents_end = SIGKILL;
  auto child = os::Spawn(options);
  if (!child.ok()) return Complain(program.c_str());
  child_.emplace(std::move(*child));
  store_ = data.store;
  channel_ = std::move(batches->here);
  descriptors_ = std::move(arrivals->here);
  return true;
}

bool BulkKeeper::RunCoffer(const std::string& data_dir, bool initialised) {
  std::string program = gate::SiblingProgram("coffer");
  std::string key = data_dir + "/dev.key";
  std::vector<std::string> words = {"coffer", "--operator-socket",
                                    data_dir + "/operator.sock"};
  if (initialised) {
    for (const char* word : {"unseal", "--key-file"}) words.push_back(word);
    words.push_back(key);
  } else {
    for (const char* word : {"init", "--seal", "keyfile", "--key-file"}) {
      words.push_back(word);
    }
    words.push_back(key);
    words.push_back("--policy");
    words.push_back(data_dir + "/policy.toml");
  }
  if (program.empty() || !Run(program, words)) {
    std::fprintf(stderr, "bulk_load: the vault could not be opened\n");
    return false;
  }
  return true;
}

bool BulkKeeper::Connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Complain("a long path");
  std::memcpy(address.sun_path, path.data(), path.size());
  client_.Reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!client_.valid() ||
      connect(client_.get(), reinterpret_cast<sockaddr*>(&address),
              sizeof address) != 0) {
    return Complain(path.c_str());
  }
  pollfd readable{descriptors_.get(), POLLIN, 0};
  uint8_t bytes[wire::kArrivalBytes];
  if (poll(&readable, 1, kArrivalMilliseconds) != 1) {
    return Complain("the keeper announced no connection");
  }
  auto received = os::ReceiveDescriptor(descriptors_.get(), bytes);
  if (!received.ok() || !received->fd.valid()) {
    return Complain("the keeper announced no connection");
  }
  auto arrival = base::DecodeWhole<wire::Arrival>(bytes);
  if (!arrival.ok()) return Complain("a malformed arrival");
  gate_side_ = std::move(received->fd);
  caller_ = arrival->connection;
  return true;
}

bool BulkKeeper::Stop() {
  channel_.Reset();
  auto status = child_->Wait();
  child_.reset();
  if (status.ok() && !status->signaled && status->code == 0) return true;
  std::fprintf(stderr, "bulk_load: the keeper ended with %s\n",
               status.ok() ? os::ExitText(*status).c_str() : "no status");
  return false;
}

}  // namespace coffer::bench
