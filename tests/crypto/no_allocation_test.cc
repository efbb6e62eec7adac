// What the keeper calls after its sandbox is on takes no memory from the heap.
#include <cstdlib>

#include "crypto/aead.h"
#include "crypto/ed25519.h"
#include "crypto/kdf.h"
#include "crypto/paseto.h"
#include "crypto/self_test.h"
#include "tests/crypto/test_support.h"

#ifndef COFFER_SANITIZED
namespace {
thread_local size_t allocations = 0;
}  // namespace

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void* malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  ++allocations;
  return __libc_realloc(old, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  ++allocations;
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? 12 : 0;
}
}

namespace coffer::crypto {
namespace {

TEST(NoAllocation, TheCounterSeesAnAllocation) {
  const size_t before = allocations;
  void* memory = malloc(10);  // NOLINT: the control of the test below
  asm volatile("" : "+r"(memory) : : "memory");
  free(memory);
  EXPECT_GT(allocations, before);
}

TEST(NoAllocation, BoxesHashesTokensSealsAndSelfTestsTakeNothing) {
  auto arena = MakeArena();
  LocalTokenKey local(*arena);
  Dek dek(*arena);
  Dek other(*arena);
  SigningKey signing(*arena);
  Buffer payload = Pattern(20000), token(40000), box(30000), out(30000);
  SealedKey sealed;
  ByteArray<32> hash;
  char text[kPaserkIdTextBytes];
  const Bytes footer = base::AsBytes("footer");
  const size_t before = allocations;

  RandomKey(local);
  RandomKey(dek);
  GenerateSigningKey(signing);
  DeriveKey(other, dek, "label", {footer});
  KeyedHash(hash, dek, "label", {footer});
  FormatLocalId(text, LocalId(dek));
  FormatPublicId(text, PublicId(PublicKeyOf(signing)));
  bool good = true;
  auto size = SealBox(box, dek, payload, footer);
  good &= OpenBox(out, dek, Bytes(box).first(*size), footer).ok();
  good &= WrapKey(box, dek, other, {}).ok();
  good &= UnwrapKey(other, dek, Bytes(box).first(72), {}).ok();
  good &= SealKey(sealed, dek, PublicKeyOf(signing)).ok();
  good &= UnsealKey(other, sealed, signing).ok();
  size = EncodeLocal(token, local, payload, footer, footer);
  std::string_view view = base::AsText(Bytes(token).first(*size));
  good &= DecodeLocal(out, local, view, footer, footer).ok();
  good &= !DecodeLocal(out, local, view, footer, {}).ok();
  good &= PeekFooter(out, view).ok();
  size = SignPublic(token, signing, payload, footer, footer);
  view = base::AsText(Bytes(token).first(*size));
  good &= VerifyPublic(out, PublicKeyOf(signing), view, footer, footer).ok();
  good &= RunSelfTests(*arena).passed();

  const size_t after = allocations;
  EXPECT_TRUE(good);
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace coffer::crypto
#else
TEST(NoAllocation, IsNotMeasuredUnderASanitizer) {
  GTEST_SKIP() << "skipped: the sanitizer owns malloc";
}
#endif
