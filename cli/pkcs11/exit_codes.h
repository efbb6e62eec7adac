// How coffer-pkcs11 ends, for those who start it; what went wrong it has said
// in one line on standard error.
//
//   coffer-pkcs11 [--make] MODULE TOKEN KEY < PIN > secret
//
// Standard input: the PIN, one line end after it is cut. Standard output: the
// slot's secret, exactly 32 bytes, and only with exit code 0; never a terminal.
#pragma once

namespace coffer::cli {

enum class Pkcs11Exit : int {
  kDone = 0,
  kFailed = 1,        // the device refused in another way
  kUsage = 2,         // arguments, or standard output is a terminal
  kModule = 10,       // cannot be loaded, or may not: path, owner, mode
  kNoToken = 11,      // no token of that label: the device is gone
  kWrongPin = 12,     // the PIN was not taken
  kPinLocked = 13,    // no PIN is taken any more
  kNoKey = 14,        // no key of that label
  kExtractable = 15,  // the key could leave the device
  kTimeout = 16,      // the device did not answer in time
};

}  // namespace coffer::cli
