#include "crypto/base/secret_bytes.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace coffer::base {

void Wipe(MutableBytes bytes) {
  if (!bytes.empty()) explicit_bzero(bytes.data(), bytes.size());
}

Result<std::unique_ptr<SecretArena>> SecretArena::Create(size_t slots) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t inner = (slots * kSlotBytes + page - 1) / page * page;
  const size_t total = inner + 2 * page;
  void* guard = mmap(nullptr, total, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (guard == MAP_FAILED) return Fail(Code::kIo, "no memory for secrets");
  std::unique_ptr<SecretArena> arena(new SecretArena);
  arena->mapping_ = static_cast<uint8_t*>(guard);
  arena->mapping_bytes_ = total;
  arena->slots_ = arena->mapping_ + page;

  int secret = static_cast<int>(syscall(SYS_memfd_secret, O_CLOEXEC));
  if (secret >= 0) {
    if (ftruncate(secret, static_cast<off_t>(inner)) == 0 &&
        mmap(arena->slots_, inner, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED, secret, 0) != MAP_FAILED) {
      arena->memfd_secret_ = true;
    }
    close(secret);
  }
  if (!arena->memfd_secret_) {
    if (mmap(arena->slots_, inner, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
      return Fail(Code::kIo, "no memory for secrets");
    }
    if (mlock(arena->slots_, inner) != 0) {
      return Fail(Code::kIo,
                  "memory for secrets cannot be locked: raise RLIMIT_MEMLOCK");
    }
    madvise(arena->slots_, inner, MADV_DONTDUMP);
  }
  // A process that is copied by fork must not carry the keys along.
  madvise(arena->slots_, inner, MADV_DONTFORK);
  // Fault every page in now: nothing is mapped after the sandbox is on.
  memset(arena->slots_, 0, inner);
  arena->slot_count_ = slots;
  arena->free_.reset(new uint32_t[slots]);
  for (size_t i = 0; i < slots; ++i) {
    arena->free_[i] = static_cast<uint32_t>(slots - 1 - i);
  }
  arena->free_count_ = slots;
  return arena;
}

SecretArena::~SecretArena() {
  if (mapping_ == nullptr) return;
  if (slot_count_ != 0) WipeAll();
  munmap(mapping_, mapping_bytes_);
}

uint8_t* SecretArena::Acquire() {
  if (free_count_ == 0) return nullptr;
  uint8_t* slot = slots_ + free_[--free_count_] * kSlotBytes;
  Wipe({slot, kSlotBytes});
  return slot;
}

void SecretArena::Release(uint8_t* slot) {
  const size_t offset = static_cast<size_t>(slot - slots_);
  COFFER_CHECK(offset % kSlotBytes == 0 && offset / kSlotBytes < slot_count_);
  COFFER_CHECK(free_count_ < slot_count_);
  Wipe({slot, kSlotBytes});
  free_[free_count_++] = static_cast<uint32_t>(offset / kSlotBytes);
}

void SecretArena::WipeAll() { Wipe({slots_, slot_count_ * kSlotBytes}); }

SecretBuffer::SecretBuffer(size_t capacity)
    : data_(new uint8_t[capacity]()), capacity_(capacity) {}

SecretBuffer::~SecretBuffer() { Clear(); }

SecretBuffer::SecretBuffer(SecretBuffer&& other) noexcept
    : data_(std::move(other.data_)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

SecretBuffer& SecretBuffer::operator=(SecretBuffer&& other) noexcept {
  if (this != &other) {
    Clear();
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

bool SecretBuffer::Append(Bytes bytes) {
  if (bytes.size() > capacity_ - size_) return false;
  if (!bytes.empty()) memcpy(data_.get() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
  return true;
}

void SecretBuffer::Resize(size_t size) {
  COFFER_CHECK(size <= capacity_);
  if (size < size_) Wipe({data_.get() + size, size_ - size});
  size_ = size;
}

void SecretBuffer::Clear() {
  if (data_) Wipe({data_.get(), capacity_});
  size_ = 0;
}

}  // namespace coffer::base
