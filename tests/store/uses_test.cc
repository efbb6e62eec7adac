// The uses of links, held against both implementations of the store.
#include "store_test_support.h"
#include "vault/store/memory_store.h"
#include "vault/store/rows.h"

namespace coffer::store {
namespace {

using base::Code;

struct LmdbUnderTest {
  TempDirectory directory;
  std::unique_ptr<LmdbStore> store =
      LmdbStore::Open(directory.path(), kTestMapBytes).value();
  Store& get() { return *store; }
};
struct MemoryUnderTest {
  MemoryStore store;
  Store& get() { return store; }
};

UseKey Key(uint32_t day, uint32_t tag, uint64_t index) {
  return {day, MakeSubject(tag), index};
}

template <typename UnderTest>
class UsesOf : public testing::Test {
 protected:
  Store& store() { return under_test_.get(); }
  Status Put(const std::vector<UseKey>& keys) {
    return store().Commit([&](WriteBatch& batch) -> Status {
      for (const UseKey& key : keys) {
        COFFER_TRY(batch.PutUse(key, Pattern(200, key.index)));
      }
      return {};
    });
  }
  std::vector<uint64_t> Found(const UseKey& from, size_t most = 100) {
    auto uses = store().Uses(from, most);
    EXPECT_TRUE(uses.ok());
    std::vector<uint64_t> found;
    for (const Use& use : *uses) {
      EXPECT_EQ(use.leaf, Pattern(200, use.index));
      found.push_back(use.index);
    }
    return found;
  }
  void Sweep(uint32_t day, size_t most) {
    ASSERT_TRUE(store()
                    .Commit([&](WriteBatch& batch) {
                      return batch.SweepUses(day, most);
                    })
                    .ok());
  }

 private:
  UnderTest under_test_;
};
using Implementations = testing::Types<LmdbUnderTest, MemoryUnderTest>;
TYPED_TEST_SUITE(UsesOf, Implementations);

TYPED_TEST(UsesOf, ATagsDayComesInOrderAndNoOther) {
  EXPECT_TRUE(this->Found(Key(5, 1, 0)).empty());
  // Indexes on both sides of a byte's end, in no order.
  ASSERT_TRUE(this->Put({Key(5, 1, 70'000), Key(5, 1, 3), Key(5, 1, 256),
                         Key(5, 1, 255), Key(5, 2, 4), Key(6, 1, 5),
                         Key(4, 1, 1), Key(5, 0, 9)})
                  .ok());
  EXPECT_EQ(this->Found(Key(5, 1, 0)),
            (std::vector<uint64_t>{3, 255, 256, 70'000}));
  EXPECT_EQ(this->Found(Key(5, 1, 0), 2), (std::vector<uint64_t>{3, 255}));
  EXPECT_EQ(this->Found(Key(5, 1, 256)), (std::vector<uint64_t>{256, 70'000}));
  EXPECT_EQ(this->Found(Key(5, 1, 70'001)), std::vector<uint64_t>{});
  EXPECT_EQ(this->Found(Key(6, 1, 0)), std::vector<uint64_t>{5});
  EXPECT_EQ(this->Found(Key(7, 1, 0)), std::vector<uint64_t>{});
  EXPECT_TRUE(this->Found(Key(5, 1, 0), 0).empty());
}

TYPED_TEST(UsesOf, PuttingOneAgainIsTheSame) {
  ASSERT_TRUE(this->Put({Key(5, 1, 3)}).ok());
  ASSERT_TRUE(this->Put({Key(5, 1, 3)}).ok());
  EXPECT_EQ(this->Found(Key(5, 1, 0)), std::vector<uint64_t>{3});
}

TYPED_TEST(UsesOf, SweepTakesTheOldestDaysAndNoMoreThanAsked) {
  std::vector<UseKey> keys;
  for (uint32_t day = 254; day < 258; ++day) {
    for (uint64_t i = 0; i < 5; ++i) keys.push_back(Key(day, 1, day * 10 + i));
  }
  ASSERT_TRUE(this->Put(keys).ok());
  this->Sweep(254, 100);
  EXPECT_EQ(this->Found(Key(254, 1, 0)).size(), 5u);
  this->Sweep(256, 3);
  EXPECT_EQ(this->Found(Key(254, 1, 0)).size(), 2u);
  this->Sweep(256, 100);
  EXPECT_TRUE(this->Found(Key(254, 1, 0)).empty());
  EXPECT_TRUE(this->Found(Key(255, 1, 0)).empty());
  EXPECT_EQ(this->Found(Key(256, 1, 0)).size(), 5u);
  EXPECT_EQ(this->Found(Key(257, 1, 0)).size(), 5u);
}

TYPED_TEST(UsesOf, ClearTakesThemAllAndNothingElse) {
  const Sample link = MakeSample(1);
  ASSERT_TRUE(store::Put(this->store(), link).ok());
  ASSERT_TRUE(this->Put({Key(5, 1, 3), Key(9, 2, 4)}).ok());
  ASSERT_TRUE(this->store()
                  .Commit([](WriteBatch& batch) -> Status {
                    COFFER_TRY(batch.ClearUses());
                    return batch.PutUse(Key(7, 7, 7), Pattern(200, 7));
                  })
                  .ok());
  EXPECT_TRUE(this->Found(Key(5, 1, 0)).empty());
  EXPECT_TRUE(this->Found(Key(9, 2, 0)).empty());
  EXPECT_EQ(this->Found(Key(7, 7, 0)), std::vector<uint64_t>{7});
  ExpectHas(this->store(), link);
}

TYPED_TEST(UsesOf, WhatIsNoLeafIsRefusedAndSpoilsNothing) {
  ASSERT_TRUE(
      this->store()
          .Commit([](WriteBatch& batch) -> Status {
            EXPECT_EQ(batch.PutUse(Key(1, 1, 1), {}).error().code,
                      Code::kInvalid);
            EXPECT_EQ(
                batch.PutUse(Key(1, 1, 1), Pattern(base::kLeafBytesMax + 1, 1))
                    .error()
                    .code,
                Code::kInvalid);
            return batch.PutUse(Key(1, 1, 2), Pattern(200, 2));
          })
          .ok());
  EXPECT_EQ(this->Found(Key(1, 1, 0)), std::vector<uint64_t>{2});
}

TEST(LmdbUses, LeaveTheLastTenthOfTheStoreToLinks) {
  TempDirectory directory;
  auto store = LmdbStore::Open(directory.path(), size_t{2} << 20).value();
  Status put;
  uint64_t index = 0;
  while (put.ok()) {
    put = store->Commit([&](WriteBatch& batch) -> Status {
      for (int i = 0; i < 50; ++i) {
        ++index;
        COFFER_TRY(batch.PutUse(Key(1, 1, index), Pattern(1000, index)));
      }
      return {};
    });
  }
  EXPECT_EQ(put.error().code, Code::kFull);
  EXPECT_TRUE(store::Put(*store, MakeSample(1)).ok());
  ExpectHas(*store, MakeSample(1));
}

TEST(Rows, AUsesKeyComesBackAndNoOtherSizeIsOne) {
  const UseKey key = Key(0x01020304, 1, 0x1122334455667788);
  const RowKey row = UseRowKey(key);
  auto decoded = DecodeUseKey(row.view());
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->day, key.day);
  EXPECT_EQ(decoded->tag, key.tag);
  EXPECT_EQ(decoded->index, key.index);
  for (size_t size = 0; size < kUseKeyBytes; ++size) {
    EXPECT_EQ(CodeOf(DecodeUseKey(row.view().first(size))), Code::kDamaged);
  }
  Buffer longer(row.view().begin(), row.view().end());
  longer.push_back(0);
  EXPECT_EQ(CodeOf(DecodeUseKey(longer)), Code::kDamaged);
}

}  // namespace
}  // namespace coffer::store
