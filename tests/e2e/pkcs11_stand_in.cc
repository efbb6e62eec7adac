// A PKCS#11 module that stands before the real one and does on command what a
// device in trouble does. For end-to-end tests only.
//
//   COFFER_TEST_PKCS11      the real module
//   COFFER_TEST_COMMANDS    a folder; a file of one of these names commands:
//     hold         start does not end while the file is there
//     locked       no PIN is taken any more
//     last-try     the token says that one more wrong PIN locks it
//     extractable  the token says that every key may leave it
//     gone         no token is there
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace {

// The one place where a module's functions find what lies behind them: its
// interface has no room for a context.
CK_FUNCTION_LIST& Real() {
  static CK_FUNCTION_LIST real;
  return real;
}

bool Commanded(const char* name) {
  const char* folder = std::getenv("COFFER_TEST_COMMANDS");
  if (folder == nullptr) return false;
  return access((std::string(folder) + "/" + name).c_str(), F_OK) == 0;
}

CK_RV Initialize(void* arguments) {
  while (Commanded("hold")) usleep(10'000);
  return Real().C_Initialize(arguments);
}

CK_RV GetSlotList(CK_BBOOL present, CK_SLOT_ID* slots, CK_ULONG* count) {
  if (Commanded("gone")) {
    *count = 0;
    return CKR_OK;
  }
  return Real().C_GetSlotList(present, slots, count);
}

CK_RV GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  const CK_RV code = Real().C_GetTokenInfo(slot, info);
  if (Commanded("last-try")) info->flags |= CKF_USER_PIN_FINAL_TRY;
  return code;
}

CK_RV Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR* pin,
            CK_ULONG size) {
  if (Commanded("locked")) return CKR_PIN_LOCKED;
  return Real().C_Login(session, user, pin, size);
}

CK_RV GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                        CK_ATTRIBUTE* attributes, CK_ULONG count) {
  const CK_RV code =
      Real().C_GetAttributeValue(session, object, attributes, count);
  for (CK_ULONG i = 0; Commanded("extractable") && i < count; ++i) {
    if (attributes[i].type == CKA_EXTRACTABLE) {
      *static_cast<CK_BBOOL*>(attributes[i].pValue) = CK_TRUE;
    }
  }
  return code;
}

}  // namespace

extern "C" CK_RV C_GetFunctionList(CK_FUNCTION_LIST** out) {
  const char* path = std::getenv("COFFER_TEST_PKCS11");
  void* module = path == nullptr ? nullptr : dlopen(path, RTLD_NOW);
  if (module == nullptr) return CKR_GENERAL_ERROR;
  auto get = reinterpret_cast<CK_C_GetFunctionList>(
      dlsym(module, "C_GetFunctionList"));
  CK_FUNCTION_LIST* list = nullptr;
  if (get == nullptr || get(&list) != CKR_OK) return CKR_GENERAL_ERROR;
  Real() = *list;
  static CK_FUNCTION_LIST ours;
  ours = *list;
  ours.C_Initialize = Initialize;
  ours.C_GetSlotList = GetSlotList;
  ours.C_GetTokenInfo = GetTokenInfo;
  ours.C_Login = Login;
  ours.C_GetAttributeValue = GetAttributeValue;
  *out = &ours;
  return CKR_OK;
}
