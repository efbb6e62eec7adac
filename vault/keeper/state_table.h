// A fixed table of items found by a 16-byte key: a dense array and an
// open-addressed index over it, allocated once. Of both, only as much is ever
// touched as the items need, so that a large table that stays small takes no
// memory. Runs in the keeper. Refuses items above its capacity. The hash is
// seeded per process, so that places cannot be foreseen.
#pragma once

#include <memory>
#include <type_traits>

#include "crypto/base/bytes.h"
#include "crypto/random.h"

namespace coffer::keeper {

// Item is trivial and has a member `base::ByteArray<16> key`.
template <typename Item, size_t kCapacity>
class StateTable {
 public:
  StateTable() : items_(new Item[kCapacity]), index_(new uint32_t[kIndexSize]) {
    static_assert(std::is_trivially_default_constructible_v<Item>);
    crypto::Random({reinterpret_cast<uint8_t*>(seed_), sizeof seed_});
    Empty();
  }

  const Item* Find(const base::ByteArray<16>& key) const {
    uint32_t place = index_[Locate(key)];
    return place == 0 ? nullptr : &items_[place - 1];
  }
  Item* Find(const base::ByteArray<16>& key) {
    return const_cast<Item*>(std::as_const(*this).Find(key));
  }
  // Requires that the key is not in the table; false when it is full.
  bool Insert(const Item& item) {
    if (size_ == kCapacity) return false;
    if (2 * (size_ + 1) > index_size_) {
      index_size_ *= 2;
      Rebuild(size_);
    }
    items_[size_] = item;
    index_[Locate(item.key)] = static_cast<uint32_t>(++size_);
    return true;
  }
  // Drops every item for which `drop` is true.
  template <typename Drop>
  void RemoveIf(Drop drop) {
    size_t kept = 0;
    for (size_t i = 0; i < size_; ++i) {
      if (!drop(items_[i])) items_[kept++] = items_[i];
    }
    if (kept != size_) Rebuild(kept);
  }
  void Clear() {
    if (size_ != 0) Empty();
  }

  size_t size() const { return size_; }
  const Item* begin() const { return items_.get(); }
  const Item* end() const { return items_.get() + size_; }
  Item* begin() { return items_.get(); }
  Item* end() { return items_.get() + size_; }

 private:
  static constexpr size_t IndexSize() {
    size_t size = 1;
    while (size < 2 * kCapacity) size *= 2;
    return size;
  }
  static constexpr size_t kIndexSize = IndexSize();
  static constexpr size_t kFirstIndexSize =
      kIndexSize < 1024 ? kIndexSize : 1024;

  void Empty() {
    index_size_ = kFirstIndexSize;
    Rebuild(0);
  }
  // The index over the first `size` items, at its present size.
  void Rebuild(size_t size) {
    std::memset(index_.get(), 0, index_size_ * sizeof index_[0]);
    for (size_ = 0; size_ < size; ++size_) {
      index_[Locate(items_[size_].key)] = static_cast<uint32_t>(size_ + 1);
    }
  }

  // The index place of the key, or the free place where it belongs.
  size_t Locate(const base::ByteArray<16>& key) const {
    uint64_t words[2];
    std::memcpy(words, key.data(), sizeof words);
    uint64_t hash = (words[0] ^ seed_[0]) * 0x9e3779b97f4a7c15;
    hash = (hash ^ (hash >> 32) ^ words[1] ^ seed_[1]) * 0xd6e8feb86659fd93;
    hash ^= hash >> 32;
    for (size_t i = hash & (index_size_ - 1);;
         i = (i + 1) & (index_size_ - 1)) {
      if (index_[i] == 0 || items_[index_[i] - 1].key == key) return i;
    }
  }

  std::unique_ptr<Item[]> items_;
  std::unique_ptr<uint32_t[]> index_;  // place in items_ + 1; 0: free
  size_t index_size_ = 0;              // in use, a power of two
  size_t size_ = 0;
  uint64_t seed_[2]{};
};

}  // namespace coffer::keeper
