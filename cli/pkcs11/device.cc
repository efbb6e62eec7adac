#include "cli/pkcs11/device.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace coffer::cli {
namespace {

constexpr CK_ULONG kSlotsMax = 64;
constexpr CK_ULONG kSecretBytes = 32;
// What the key signs; the slot's own salt comes in where the slot's key is
// derived.
constexpr std::string_view kMessage = "coffer pkcs11 slot";

// How an answer that can come from any call ends the program.
Pkcs11Exit ExitOf(CK_RV code) {
  switch (code) {
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_SLOT_ID_INVALID:
      return Pkcs11Exit::kNoToken;
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
      return Pkcs11Exit::kWrongPin;
    case CKR_PIN_LOCKED:
      return Pkcs11Exit::kPinLocked;
    default:
      return Pkcs11Exit::kFailed;
  }
}

Pkcs11Exit SayCode(std::string_view doing, CK_RV code) {
  const Pkcs11Exit exit = ExitOf(code);
  switch (exit) {
    case Pkcs11Exit::kNoToken:
      return Say(exit, "the device is gone", code);
    case Pkcs11Exit::kWrongPin:
      return Say(exit, "wrong PIN; too many of them lock the token", code);
    case Pkcs11Exit::kPinLocked:
      return Say(exit,
                 "the PIN is locked; unlock it with the device's own tool",
                 code);
    default:
      return Say(exit, std::string("the device refuses to ").append(doing),
                 code);
  }
}

bool OursAlone(const struct stat& found) {
  if (found.st_uid != 0 && found.st_uid != geteuid()) return false;
  if ((found.st_mode & 022) == 0) return true;
  // As /tmp: nobody takes another's file away there.
  return S_ISDIR(found.st_mode) && (found.st_mode & S_ISVTX) != 0;
}

CK_ATTRIBUTE Attribute(CK_ATTRIBUTE_TYPE type, void* value, size_t size) {
  return {type, value, static_cast<CK_ULONG>(size)};
}

}  // namespace

Pkcs11Exit Say(Pkcs11Exit exit, std::string_view what, CK_RV code) {
  char number[32] = "";
  if (code != CKR_OK) {
    std::snprintf(number, sizeof number, " (CKR 0x%lx)", code);
  }
  std::fprintf(stderr, "coffer-pkcs11: %.*s%s\n", static_cast<int>(what.size()),
               what.data(), number);
  return exit;
}

std::string ModuleToLoad(const char* path) {
  if (path[0] != '/') return {};
  char resolved[PATH_MAX];
  if (realpath(path, resolved) == nullptr) return {};
  std::string step = resolved;
  struct stat found = {};
  if (stat(step.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return {};
  while (stat(step.c_str(), &found) == 0 && OursAlone(found)) {
    if (step == "/") return resolved;
    const size_t slash = step.rfind('/');
    step.resize(slash == 0 ? 1 : slash);
  }
  return {};
}

Device::~Device() {
  if (session_ != CK_INVALID_HANDLE) {
    calls_->C_Logout(session_);
    calls_->C_CloseSession(session_);
  }
  if (initialised_) calls_->C_Finalize(nullptr);
}

Pkcs11Exit Device::Load(const char* path) {
  const std::string looked_at = ModuleToLoad(path);
  if (looked_at.empty()) {
    return Say(Pkcs11Exit::kModule,
               "the module is not there, or not of root and this user alone, "
               "with all folders above it; no absolute path?");
  }
  // What was looked at, and not where a link leads by now.
  void* module = dlopen(looked_at.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    return Say(Pkcs11Exit::kModule,
               std::string("the module cannot be loaded: ").append(dlerror()));
  }
  auto get_list = reinterpret_cast<CK_C_GetFunctionList>(
      dlsym(module, "C_GetFunctionList"));
  if (get_list == nullptr || get_list(&calls_) != CKR_OK || calls_ == nullptr) {
    return Say(Pkcs11Exit::kModule, "the module is none of PKCS#11");
  }
  const CK_RV code = calls_->C_Initialize(nullptr);
  if (code != CKR_OK && code != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
    return Say(Pkcs11Exit::kModule, "the module does not start", code);
  }
  initialised_ = true;
  return Pkcs11Exit::kDone;
}

Pkcs11Exit Device::FindToken(std::string_view label) {
  CK_SLOT_ID slots[kSlotsMax];
  CK_ULONG count = kSlotsMax;
  const CK_RV code = calls_->C_GetSlotList(CK_TRUE, slots, &count);
  if (code != CKR_OK) return SayCode("list its tokens", code);
  CK_TOKEN_INFO info = {};
  char wanted[sizeof info.label];
  std::memset(wanted, ' ', sizeof wanted);
  if (label.empty() || label.size() > sizeof wanted) {
    return Say(Pkcs11Exit::kUsage, "a token's label has 1 to 32 bytes");
  }
  std::memcpy(wanted, label.data(), label.size());
  size_t found = 0;
  for (CK_ULONG i = 0; i < count; ++i) {
    if (calls_->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
        std::memcmp(info.label, wanted, sizeof wanted) != 0) {
      continue;
    }
    ++found;
    slot_ = slots[i];
    token_flags_ = info.flags;
  }
  if (found == 1) return Pkcs11Exit::kDone;
  return Say(Pkcs11Exit::kNoToken,
             found == 0 ? "no token of that label; is the device there?"
                        : "several tokens have that label; rename one");
}

Pkcs11Exit Device::Login(base::MutableBytes pin, bool to_write) {
  if ((token_flags_ & CKF_USER_PIN_LOCKED) != 0) {
    return SayCode("log in", CKR_PIN_LOCKED);
  }
  if ((token_flags_ & CKF_USER_PIN_FINAL_TRY) != 0) {
    return Say(Pkcs11Exit::kWrongPin,
               "one more wrong PIN locks the token, so none is tried; log in "
               "once with the device's own tool");
  }
  const bool keypad = (token_flags_ & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
  if (pin.empty() && !keypad) {
    return Say(Pkcs11Exit::kWrongPin, "no PIN was given");
  }
  CK_FLAGS flags = CKF_SERIAL_SESSION;
  if (to_write) flags |= CKF_RW_SESSION;
  CK_RV code = calls_->C_OpenSession(slot_, flags, nullptr, nullptr, &session_);
  if (code != CKR_OK) {
    session_ = CK_INVALID_HANDLE;
    return SayCode("open a session", code);
  }
  code = calls_->C_Login(session_, CKU_USER, pin.empty() ? nullptr : pin.data(),
                         static_cast<CK_ULONG>(pin.size()));
  if (code != CKR_OK && code != CKR_USER_ALREADY_LOGGED_IN) {
    return SayCode("log in", code);
  }
  return Pkcs11Exit::kDone;
}

Pkcs11Exit Device::FindKey(std::string_view label, bool make) {
  CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
  CK_BBOOL yes = CK_TRUE;
  std::string text(label);
  CK_ATTRIBUTE wanted[] = {
      Attribute(CKA_CLASS, &object_class, sizeof object_class),
      Attribute(CKA_TOKEN, &yes, sizeof yes),
      Attribute(CKA_LABEL, text.data(), text.size()),
  };
  CK_RV code = calls_->C_FindObjectsInit(session_, wanted, std::size(wanted));
  if (code != CKR_OK) return SayCode("search its keys", code);
  CK_OBJECT_HANDLE found[2] = {};
  CK_ULONG count = 0;
  code = calls_->C_FindObjects(session_, found, 2, &count);
  calls_->C_FindObjectsFinal(session_);
  if (code != CKR_OK) return SayCode("search its keys", code);
  if (count == 0 && make) return Generate(label);
  if (count != 1) {
    return Say(Pkcs11Exit::kNoKey,
               count == 0 ? "no secret key of that label on the token"
                          : "several secret keys have that label; rename one");
  }
  key_ = found[0];
  return CheckKey();
}

Pkcs11Exit Device::Generate(std::string_view label) {
  CK_MECHANISM mechanism = {CKM_GENERIC_SECRET_KEY_GEN, nullptr, 0};
  CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
  CK_KEY_TYPE type = CKK_GENERIC_SECRET;
  CK_ULONG size = kSecretBytes;
  CK_BBOOL yes = CK_TRUE;
  CK_BBOOL no = CK_FALSE;
  std::string text(label);
  CK_ATTRIBUTE wanted[] = {
      Attribute(CKA_CLASS, &object_class, sizeof object_class),
      Attribute(CKA_KEY_TYPE, &type, sizeof type),
      Attribute(CKA_VALUE_LEN, &size, sizeof size),
      Attribute(CKA_LABEL, text.data(), text.size()),
      Attribute(CKA_TOKEN, &yes, sizeof yes),
      Attribute(CKA_PRIVATE, &yes, sizeof yes),
      Attribute(CKA_SENSITIVE, &yes, sizeof yes),
      Attribute(CKA_EXTRACTABLE, &no, sizeof no),
      Attribute(CKA_SIGN, &yes, sizeof yes),
  };
  const CK_RV code = calls_->C_GenerateKey(session_, &mechanism, wanted,
                                           std::size(wanted), &key_);
  if (code != CKR_OK) return SayCode("make a key", code);
  return CheckKey();
}

// What the device says of the key, and not what it was asked for.
Pkcs11Exit Device::CheckKey() {
  CK_BBOOL sensitive = CK_FALSE;
  CK_BBOOL extractable = CK_TRUE;
  CK_ATTRIBUTE asked[] = {
      Attribute(CKA_SENSITIVE, &sensitive, sizeof sensitive),
      Attribute(CKA_EXTRACTABLE, &extractable, sizeof extractable),
  };
  const CK_RV code =
      calls_->C_GetAttributeValue(session_, key_, asked, std::size(asked));
  if (code != CKR_OK) return SayCode("tell of its key", code);
  if (sensitive == CK_TRUE && extractable == CK_FALSE) return Pkcs11Exit::kDone;
  return Say(Pkcs11Exit::kExtractable,
             "the key could leave the device; make one that cannot, under "
             "another label");
}

Pkcs11Exit Device::MakeSecret(base::MutableBytes secret) {
  CK_MECHANISM mechanism = {CKM_SHA256_HMAC, nullptr, 0};
  CK_RV code = calls_->C_SignInit(session_, &mechanism, key_);
  if (code != CKR_OK) return SayCode("use its key for HMAC-SHA256", code);
  std::string message(kMessage);
  CK_ULONG size = static_cast<CK_ULONG>(secret.size());
  code = calls_->C_Sign(session_, reinterpret_cast<CK_BYTE*>(message.data()),
                        static_cast<CK_ULONG>(message.size()), secret.data(),
                        &size);
  if (code != CKR_OK || size != kSecretBytes) {
    return SayCode("use its key for HMAC-SHA256", code);
  }
  return Pkcs11Exit::kDone;
}

}  // namespace coffer::cli
