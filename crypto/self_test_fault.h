// The negative control of crypto/self_test.h, for its tests only: the same run,
// in which the answers of one row come out wrong.
#pragma once

#include "crypto/self_test.h"

namespace coffer::crypto {

SelfTestReport RunSelfTestsWithFault(base::SecretArena& arena,
                                     size_t faulty_row);

}  // namespace coffer::crypto
