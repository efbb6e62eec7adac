// A PKCS#11 device through its vendor's module: one token, one login, one key
// that makes a seal slot's secret. Runs in coffer-pkcs11 only, the one program
// that maps such a module. Refuses modules that others may write, keys that
// could leave the device, and a login when one more wrong PIN would lock it.
#pragma once

#include <p11-kit/pkcs11.h>

#include <string>
#include <string_view>

#include "cli/pkcs11/exit_codes.h"
#include "crypto/base/bytes.h"

namespace coffer::cli {

// Says what is wrong in one line on standard error; returns `exit`.
Pkcs11Exit Say(Pkcs11Exit exit, std::string_view what, CK_RV code = CKR_OK);

// An absolute path; the file and all folders above it belong to root or to the
// running user and are writable to nobody else.
// Gives the path without links that was looked at; empty: may not be loaded.
std::string ModuleToLoad(const char* path);

// Resource: ends session and module.
class Device {
 public:
  Device() = default;
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // In this order; each returns kDone, or has said why not.
  Pkcs11Exit Load(const char* path);
  Pkcs11Exit FindToken(std::string_view label);
  Pkcs11Exit Login(base::MutableBytes pin, bool to_write);
  // `make`: one that is not there is generated.
  Pkcs11Exit FindKey(std::string_view label, bool make);
  Pkcs11Exit MakeSecret(base::MutableBytes secret);  // 32 bytes

 private:
  Pkcs11Exit Generate(std::string_view label);
  Pkcs11Exit CheckKey();

  CK_FUNCTION_LIST* calls_ = nullptr;
  bool initialised_ = false;
  CK_SLOT_ID slot_ = 0;
  CK_FLAGS token_flags_ = 0;
  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE key_ = CK_INVALID_HANDLE;
};

}  // namespace coffer::cli
