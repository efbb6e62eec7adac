// libsodium starts once, as in the programs.
#include <gtest/gtest.h>

#include "crypto/random.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (!coffer::crypto::Initialise().ok()) return 1;
  return RUN_ALL_TESTS();
}
