#include "cli/pkcs11.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "cli/pkcs11/exit_codes.h"
#include "cli/secret_input.h"
#include "cli/text.h"
#include "vault/os/spawn.h"

namespace coffer::cli {
namespace {

constexpr size_t kPinBytesMax = 256;
constexpr const char* kProgram = "coffer-pkcs11";

// Beside this program, or where it is installed; empty when it is nowhere.
std::string FindHelper(const Context& context) {
  std::string folder = context.program_folder;
  if (folder.empty()) {
    std::error_code error;
    folder = std::filesystem::read_symlink("/proc/self/exe", error)
                 .parent_path()
                 .string();
  }
  for (const char* place : {"/", "/../libexec/coffer/"}) {
    std::string path = folder + place + kProgram;
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

Outcome<base::SecretBuffer> ReadPin(const Invocation& invocation,
                                    const std::string& file) {
  if (!file.empty()) {
    return ReadSecret(invocation, file, "PIN", kPinBytesMax);
  }
  if (!invocation.context.terminal.InputIsTerminal()) {
    return Failure{Exit::kUsage, "nobody is there to type the PIN",
                   "set [unseal] pkcs11_pin_file"};
  }
  return ReadSecret(invocation, "-", "PIN", kPinBytesMax);
}

// The helper has said what; this says what to do.
Failure FailureOf(const os::ExitStatus& ended) {
  if (ended.signaled) {
    return {Exit::kRefused, "the PKCS#11 module crashed",
            "the other slots still work; see the vendor's log"};
  }
  switch (static_cast<Pkcs11Exit>(ended.code)) {
    case Pkcs11Exit::kModule:
      return {Exit::kRefused, "the PKCS#11 module cannot be used",
              "check [unseal] pkcs11_module; the other slots still work"};
    case Pkcs11Exit::kNoToken:
      return {Exit::kRefused, "the PKCS#11 device is not there",
              "plug it in, or use another slot"};
    case Pkcs11Exit::kWrongPin:
      return {Exit::kRefused, "the PIN is wrong",
              "mind the device's count of tries; the other slots still work"};
    case Pkcs11Exit::kPinLocked:
      return {Exit::kRefused, "the token is locked: it takes no PIN any more",
              "unlock it with its security officer, or use another slot"};
    case Pkcs11Exit::kNoKey:
      return {Exit::kRefused, "the token has no key of this label",
              "check [unseal] pkcs11_key; the other slots still work"};
    case Pkcs11Exit::kExtractable:
      return {Exit::kRefused, "the token's key could leave it",
              "make a key that is sensitive and not extractable"};
    case Pkcs11Exit::kTimeout:
      return {Exit::kRefused, "the PKCS#11 device does not answer",
              "plug it in anew, or use another slot"};
    default:
      return {Exit::kRefused, "the PKCS#11 device gave no secret",
              "the other slots still work"};
  }
}

// Runs the helper: PIN in, 32 bytes out.
Done Ask(const std::string& program, const Settings& settings, bool make,
         base::Bytes pin, base::MutableBytes secret) {
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0) {
    return Failure{Exit::kRefused, "no pipe is to be had", ""};
  }
  os::FileDescriptor pin_read(in[0]);
  os::FileDescriptor pin_write(in[1]);
  if (pipe2(out, O_CLOEXEC) != 0) {
    return Failure{Exit::kRefused, "no pipe is to be had", ""};
  }
  os::FileDescriptor secret_read(out[0]);
  os::FileDescriptor secret_write(out[1]);
  const auto& unseal = settings.config.unseal;
  std::vector<const char*> arguments = {kProgram};
  if (make) arguments.push_back("--make");
  arguments.insert(arguments.end(),
                   {unseal.pkcs11_module.c_str(), unseal.pkcs11_token.c_str(),
                    unseal.pkcs11_key.c_str()});
  // Modules find their own configuration by variables of theirs.
  std::vector<const char*> environment;
  for (char** each = environ; *each != nullptr; ++each) {
    environment.push_back(*each);
  }
  os::SpawnOptions options;
  options.path = program.c_str();
  options.arguments = arguments;
  options.environment = environment;
  options.standard_input = pin_read.get();
  options.standard_output = secret_write.get();
  // A PIN fits a pipe: written before anybody reads, and with the reading end
  // still ours, so that a helper that ends early ends nothing here.
  base::Status given = os::WriteFull(pin_write.get(), pin);
  pin_write.Reset();
  auto child = os::Spawn(options);
  pin_read.Reset();
  secret_write.Reset();
  if (!given.ok() || !child.ok()) {
    return Failure{Exit::kRefused, program + " cannot be started", ""};
  }
  base::Status got = os::ReadFull(secret_read.get(), secret);
  auto ended = child->Wait();
  if (!ended.ok()) return Failure{Exit::kRefused, "the helper is lost", ""};
  if (ended->signaled || ended->code != 0) return FailureOf(*ended);
  if (got.ok()) return base::Nothing{};
  return Failure{Exit::kRefused, "the helper gave no whole secret", ""};
}

}  // namespace

Done SecretFromDevice(const Invocation& invocation, const Settings& settings,
                      bool make, SlotSecret& secret) {
  const auto& unseal = settings.config.unseal;
  if (unseal.pkcs11_module.empty()) {
    return Failure{Exit::kUsage, "no PKCS#11 device is configured",
                   "set [unseal] pkcs11_module, pkcs11_token and pkcs11_key"};
  }
  wire::Name label;
  label.Assign(unseal.pkcs11_key);
  if (!make && !(secret.slot.key_label == label.view())) {
    return Failure{Exit::kRefused,
                   "slot " + std::to_string(secret.slot.id) + " is of key " +
                       Printable(secret.slot.key_label.view()) +
                       ", [unseal] names " + Printable(unseal.pkcs11_key),
                   "name the slot's own key, or use another slot"};
  }
  secret.slot.key_label = label;
  std::string program = FindHelper(invocation.context);
  if (program.empty()) {
    return Failure{Exit::kRefused, "coffer-pkcs11 is not installed",
                   "it belongs beside coffer, or in ../libexec/coffer"};
  }
  auto pin = ReadPin(invocation, unseal.pkcs11_pin_file);
  if (!pin.ok()) return pin.failure();
  return Ask(program, settings, make, pin->view(), secret.secret);
}

}  // namespace coffer::cli
