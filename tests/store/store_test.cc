// What the interface promises, held against both implementations.

#include "store_test_support.h"
#include "vault/store/memory_store.h"

namespace coffer::store {
namespace {

using base::Code;
using base::Fail;

struct LmdbUnderTest {
  TempDirectory directory;
  std::unique_ptr<LmdbStore> store;
  LmdbUnderTest() {
    auto opened = LmdbStore::Open(directory.path(), kTestMapBytes);
    COFFER_CHECK(opened.ok());
    store = std::move(*opened);
  }
  Store& get() { return *store; }
};
struct MemoryUnderTest {
  MemoryStore store;
  Store& get() { return store; }
};

template <typename UnderTest>
class AnyStore : public testing::Test {
 protected:
  Store& store() { return under_test_.get(); }

 private:
  UnderTest under_test_;
};
using Implementations = testing::Types<LmdbUnderTest, MemoryUnderTest>;
TYPED_TEST_SUITE(AnyStore, Implementations);

TYPED_TEST(AnyStore, UnknownLinkIsAnEmptyResult) {
  auto found = this->store().GetLink(MakeLink(1), true);
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->found());
  EXPECT_TRUE(found->wrap.empty());
  EXPECT_TRUE(found->token_box.empty());
  EXPECT_EQ(*this->store().CountLinks(), 0u);
}

TYPED_TEST(AnyStore, PutLinkComesBackWhole) {
  const Sample sample = MakeSample(1);
  ASSERT_TRUE(Put(this->store(), sample).ok());
  ExpectHas(this->store(), sample);
  EXPECT_EQ(*this->store().CountLinks(), 1u);
}

TYPED_TEST(AnyStore, LargestAndSmallestLinksComeBackWhole) {
  Sample largest = MakeSample(1);
  largest.institution = std::string(base::kNameBytesMax, 'i');
  largest.linker = std::string(base::kNameBytesMax, 'l');
  largest.box_bytes = base::kRecordHeadBytesMax -
                      (1 + 16 + 4 + 8 + 8 + 2 + 32 + 2 + 32 + 16 + 2);
  largest.token_box_bytes = base::kTokenBoxBytesMax;
  EXPECT_EQ(largest.Head().size(), base::kRecordHeadBytesMax);
  Sample smallest = MakeSample(2);
  smallest.institution = "i";
  smallest.linker = "";
  smallest.box_bytes = 0;
  smallest.token_box_bytes = 0;
  ASSERT_TRUE(Put(this->store(), largest).ok());
  ASSERT_TRUE(Put(this->store(), smallest).ok());
  ExpectHas(this->store(), largest);
  ExpectHas(this->store(), smallest);
}

TYPED_TEST(AnyStore, TokenBoxComesOnlyWhenAskedFor) {
  const Sample sample = MakeSample(1);
  ASSERT_TRUE(Put(this->store(), sample).ok());
  auto found = this->store().GetLink(sample.link, false);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->head, sample.Head());
  EXPECT_EQ(found->wrap, sample.Wrap());
  EXPECT_TRUE(found->token_box.empty());
}

TYPED_TEST(AnyStore, PutLinkReplacesEveryPart) {
  Sample sample = MakeSample(1, 1);
  ASSERT_TRUE(Put(this->store(), sample).ok());
  sample.subject = MakeSubject(2);
  sample.institution = "wellsfargo";
  sample.revision = 2;
  sample.leaf = 99;
  sample.expires_at += 86400;
  sample.token_box_bytes = 0;
  ASSERT_TRUE(Put(this->store(), sample).ok());
  ExpectHas(this->store(), sample);
  EXPECT_EQ(*this->store().CountLinks(), 1u);
  EXPECT_TRUE(this->store().SubjectLinks(MakeSubject(1), {}, 9)->empty());
  EXPECT_EQ(this->store().SubjectLinks(MakeSubject(2), {}, 9)->size(), 1u);
}

TYPED_TEST(AnyStore, EraseLinkLeavesNothing) {
  const Sample erased = MakeSample(1);
  const Sample kept = MakeSample(2);
  ASSERT_TRUE(Put(this->store(), erased).ok());
  ASSERT_TRUE(Put(this->store(), kept).ok());
  for (int twice = 0; twice < 2; ++twice) {
    ASSERT_TRUE(this->store()
                    .Commit([&](WriteBatch& batch) {
                      return batch.EraseLink(erased.link);
                    })
                    .ok());
    EXPECT_FALSE(this->store().GetLink(erased.link, true)->found());
    EXPECT_EQ(*this->store().CountLinks(), 1u);
    EXPECT_EQ(*this->store().SubjectLinks(MakeSubject(1), {}, 9),
              std::vector<LinkId>{kept.link});
    ExpectHas(this->store(), kept);
  }
}

TYPED_TEST(AnyStore, WritesOfOneBatchApplyInOrder) {
  Sample first = MakeSample(1);
  Sample second = first;
  second.revision = 2;
  second.expires_at += 1;
  ASSERT_TRUE(this->store()
                  .Commit([&](WriteBatch& batch) -> Status {
                    COFFER_TRY(first.PutInto(batch));
                    COFFER_TRY(batch.EraseLink(first.link));
                    return second.PutInto(batch);
                  })
                  .ok());
  ExpectHas(this->store(), second);
}

TYPED_TEST(AnyStore, MalformedOrForeignPartsAreInvalid) {
  const Sample sample = MakeSample(1);
  const Buffer head = sample.Head();
  const Buffer wrap = sample.Wrap();
  Sample other = sample;
  other.revision = 9;
  Buffer newer = head;
  newer[0] = wire::kRecordFormat + 1;
  const Buffer long_box(base::kTokenBoxBytesMax + 1);
  const Buffer cut(head.begin(), head.end() - 1);
  Sample nameless = sample;
  nameless.institution = "";
  auto status = this->store().Commit([&](WriteBatch& batch) -> Status {
    EXPECT_EQ(CodeOf(batch.PutLink(MakeLink(2), head, wrap, {})),
              Code::kInvalid);
    EXPECT_EQ(CodeOf(batch.PutLink(sample.link, cut, wrap, {})),
              Code::kInvalid);
    EXPECT_EQ(CodeOf(batch.PutLink(sample.link, newer, wrap, {})),
              Code::kInvalid);
    EXPECT_EQ(CodeOf(batch.PutLink(sample.link, {}, wrap, {})), Code::kInvalid);
    EXPECT_EQ(CodeOf(batch.PutLink(sample.link, head, {}, {})), Code::kInvalid);
    EXPECT_EQ(CodeOf(batch.PutLink(sample.link, head, other.Wrap(), {})),
              Code::kInvalid);
    EXPECT_EQ(CodeOf(batch.PutLink(sample.link, head, wrap, long_box)),
              Code::kInvalid);
    EXPECT_EQ(CodeOf(batch.PutLink(sample.link, nameless.Head(), wrap, {})),
              Code::kInvalid);
    EXPECT_EQ(CodeOf(batch.PutState("format", head)), Code::kInvalid);
    EXPECT_EQ(CodeOf(batch.PutState("", head)), Code::kInvalid);
    EXPECT_EQ(CodeOf(batch.PutState(std::string(65, 'n'), head)),
              Code::kInvalid);
    return {};
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(*this->store().CountLinks(), 0u);
}

TYPED_TEST(AnyStore, AFillThatFailsWritesNothing) {
  ASSERT_TRUE(Put(this->store(), MakeSample(1)).ok());
  auto status = this->store().Commit([&](WriteBatch& batch) -> Status {
    COFFER_TRY(MakeSample(2).PutInto(batch));
    COFFER_TRY(batch.EraseLink(MakeLink(1)));
    COFFER_TRY(batch.PutState("n", Buffer{1}));
    return Fail(Code::kConflict, "enough");
  });
  EXPECT_EQ(CodeOf(status), Code::kConflict);
  ExpectHas(this->store(), MakeSample(1));
  EXPECT_FALSE(this->store().GetLink(MakeLink(2), false)->found());
  EXPECT_TRUE(this->store().GetState("n")->empty());
}

TYPED_TEST(AnyStore, AnEmptyCommitIsOk) {
  EXPECT_TRUE(this->store().Commit([](WriteBatch&) { return Status(); }).ok());
}

TYPED_TEST(AnyStore, SubjectLinksComeInOrderAndInPages) {
  std::vector<LinkId> expected;
  for (uint32_t number : {5u, 3u, 1u, 4u, 2u}) {
    ASSERT_TRUE(Put(this->store(), MakeSample(number, 2)).ok());
    ASSERT_TRUE(Put(this->store(), MakeSample(10 + number, 1)).ok());
    ASSERT_TRUE(Put(this->store(), MakeSample(20 + number, 3)).ok());
  }
  for (uint32_t number = 1; number <= 5; ++number) {
    expected.push_back(MakeLink(number));
  }
  EXPECT_EQ(*this->store().SubjectLinks(MakeSubject(2), {}, 100), expected);
  EXPECT_TRUE(this->store().SubjectLinks(MakeSubject(9), {}, 100)->empty());
  EXPECT_TRUE(this->store().SubjectLinks(MakeSubject(2), {}, 0)->empty());
  std::vector<LinkId> paged;
  LinkId after{};
  for (;;) {
    auto page = this->store().SubjectLinks(MakeSubject(2), after, 2);
    ASSERT_TRUE(page.ok());
    if (page->empty()) break;
    EXPECT_LE(page->size(), 2u);
    paged.insert(paged.end(), page->begin(), page->end());
    after = page->back();
  }
  EXPECT_EQ(paged, expected);
  // After a link that is none, and in the last subject of the table.
  EXPECT_EQ(this->store().SubjectLinks(MakeSubject(3), MakeLink(23), 9)->size(),
            2u);
  EXPECT_TRUE(
      this->store().SubjectLinks(MakeSubject(3), MakeLink(99), 9)->empty());
}

TYPED_TEST(AnyStore, IdempotencyEntriesLastUntilTheirEnd) {
  IdempotencyEntry entry;
  entry.body = MakeSubject(4);
  entry.expires_at = 1000;
  entry.link = MakeLink(3);
  entry.revision = 7;
  const IdempotencyHash key = MakeSubject(5);
  ASSERT_TRUE(this->store()
                  .Commit([&](WriteBatch& batch) {
                    return batch.PutIdempotency(key, entry);
                  })
                  .ok());
  auto found = this->store().GetIdempotency(key, 1000);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->body, entry.body);
  EXPECT_EQ(found->expires_at, entry.expires_at);
  EXPECT_EQ(found->link, entry.link);
  EXPECT_EQ(found->revision, entry.revision);
  EXPECT_EQ(CodeOf(this->store().GetIdempotency(key, 1001)), Code::kNotFound);
  EXPECT_EQ(CodeOf(this->store().GetIdempotency(MakeSubject(6), 0)),
            Code::kNotFound);
}

TYPED_TEST(AnyStore, SweepTakesWhatEndedAndNoMoreThanAsked) {
  const auto sweep = [&](uint64_t now, size_t most) {
    ASSERT_TRUE(this->store()
                    .Commit([&](WriteBatch& batch) {
                      return batch.SweepIdempotency(now, most);
                    })
                    .ok());
  };
  const auto count = [&] {
    int left = 0;
    for (uint32_t i = 0; i < 20; ++i) {
      if (this->store().GetIdempotency(MakeSubject(i), 0).ok()) ++left;
    }
    return left;
  };
  ASSERT_TRUE(this->store()
                  .Commit([&](WriteBatch& batch) -> Status {
                    for (uint32_t i = 0; i < 20; ++i) {
                      IdempotencyEntry entry;
                      entry.expires_at = 300 + i;  // crosses a byte's end
                      COFFER_TRY(batch.PutIdempotency(MakeSubject(i), entry));
                    }
                    // Replaced: its earlier end is forgotten.
                    IdempotencyEntry longer;
                    longer.expires_at = 5000;
                    return batch.PutIdempotency(MakeSubject(0), longer);
                  })
                  .ok());
  sweep(300, 100);
  EXPECT_EQ(count(), 20);
  sweep(310, 4);
  EXPECT_EQ(count(), 16);
  sweep(310, 100);
  EXPECT_EQ(count(), 11);
  EXPECT_TRUE(this->store().GetIdempotency(MakeSubject(0), 0).ok());
  EXPECT_TRUE(this->store().GetIdempotency(MakeSubject(10), 0).ok());
  sweep(6000, 100);
  EXPECT_EQ(count(), 0);
  sweep(6000, 100);
}

// --- Past consents and what has ended ----------------------------------------

Buffer HistoryOf(uint32_t subject, uint32_t link, uint64_t leaf,
                 uint64_t keep_until) {
  wire::HistoryRow row;
  row.subject = MakeSubject(subject);
  row.link = MakeLink(link);
  row.leaf = leaf;
  row.keep_until = keep_until;
  const Buffer box = Pattern(60, link);
  row.box = box;
  Buffer bytes(base::kHistoryBytesMax);
  bytes.resize(*base::EncodeWhole(base::MutableBytes(bytes), row));
  return bytes;
}

TYPED_TEST(AnyStore, HistoryComesInOrderAndInPagesAndOutlivesItsLink) {
  const std::vector<Buffer> rows = {
      HistoryOf(1, 1, 5, 900), HistoryOf(1, 1, 300, 900),
      HistoryOf(1, 2, 7, 900), HistoryOf(2, 3, 1, 900)};
  const Sample link = MakeSample(1, 1);
  ASSERT_TRUE(Put(this->store(), link).ok());
  ASSERT_TRUE(this->store()
                  .Commit([&](WriteBatch& batch) -> Status {
                    for (const Buffer& row : rows) {
                      COFFER_TRY(batch.PutHistory(row));
                    }
                    return batch.EraseLink(link.link);
                  })
                  .ok());
  for (size_t most : {size_t{1}, size_t{2}, size_t{9}}) {
    std::vector<Buffer> found;
    HistoryKey after;
    while (true) {
      auto page = this->store().History(MakeSubject(1), after, most);
      ASSERT_TRUE(page.ok());
      for (const HistoryBytes& one : *page) found.push_back(one.row);
      if (page->size() < most) break;
      after = page->back().key;
    }
    EXPECT_EQ(found, std::vector<Buffer>(rows.begin(), rows.begin() + 3));
  }
  EXPECT_TRUE(this->store().History(MakeSubject(9), {}, 5)->empty());
  EXPECT_EQ(CodeOf(this->store().Commit([&](WriteBatch& batch) -> Status {
              EXPECT_FALSE(batch.PutHistory({}).ok());
              Buffer longer = rows[0];
              longer.push_back(0);
              return batch.PutHistory(longer);
            })),
            Code::kInvalid);
}

TYPED_TEST(AnyStore, HistorySweepTakesWhatEndedAndNoMoreThanAsked) {
  const auto put = [&](const Buffer& row) {
    return this->store().Commit(
        [&](WriteBatch& batch) { return batch.PutHistory(row); });
  };
  const auto left = [&](size_t most) {
    EXPECT_TRUE(this->store()
                    .Commit([&](WriteBatch& batch) {
                      return batch.SweepHistory(100, most);
                    })
                    .ok());
    return this->store().History(MakeSubject(1), {}, 99)->size();
  };
  for (uint32_t i = 0; i < 6; ++i) {
    ASSERT_TRUE(put(HistoryOf(1, i, 1, 97 + i)).ok());
  }
  // Put once more with a later end, only that one counts.
  ASSERT_TRUE(put(HistoryOf(1, 0, 1, 500)).ok());
  EXPECT_EQ(left(0), 6u);
  EXPECT_EQ(left(1), 5u);
  EXPECT_EQ(left(9), 4u);
  EXPECT_EQ(left(9), 4u);
}

TYPED_TEST(AnyStore, ExpiredLinksComeByTheirDateInPages) {
  for (uint32_t i = 1; i <= 6; ++i) {
    Sample sample = MakeSample(i);
    sample.expires_at = 1000 - 100 * (i / 2);
    ASSERT_TRUE(Put(this->store(), sample).ok());
  }
  for (size_t most : {size_t{1}, size_t{2}, size_t{9}}) {
    std::vector<LinkId> found;
    ExpiredLink after;
    while (true) {
      auto page = this->store().ExpiredLinks(900, after, most);
      ASSERT_TRUE(page.ok());
      for (const ExpiredLink& one : *page) found.push_back(one.link);
      if (page->size() < most) break;
      after = page->back();
    }
    EXPECT_EQ(found, (std::vector<LinkId>{MakeLink(6), MakeLink(4), MakeLink(5),
                                          MakeLink(2), MakeLink(3)}));
  }
  EXPECT_TRUE(this->store().ExpiredLinks(699, {}, 9)->empty());
}

TYPED_TEST(AnyStore, StateRowsAreKeptByName) {
  EXPECT_TRUE(this->store().GetState("tiles")->empty());
  EXPECT_EQ(CodeOf(this->store().GetState("format")), Code::kInvalid);
  ASSERT_TRUE(this->store()
                  .Commit([&](WriteBatch& batch) -> Status {
                    COFFER_TRY(batch.PutState("tiles", Pattern(3000, 1)));
                    return batch.PutState("t", Buffer{7});
                  })
                  .ok());
  EXPECT_EQ(*this->store().GetState("tiles"), Pattern(3000, 1));
  EXPECT_EQ(*this->store().GetState("t"), Buffer{7});
  ASSERT_TRUE(this->store()
                  .Commit([&](WriteBatch& batch) {
                    return batch.PutState("tiles", Buffer{});
                  })
                  .ok());
  EXPECT_TRUE(this->store().GetState("tiles")->empty());
}

// The same random writes on both leave the same store.
TEST(Stores, AgreeAfterRandomWrites) {
  LmdbUnderTest lmdb;
  MemoryUnderTest memory;
  uint64_t state = 12345;
  const auto next = [&state](uint64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % below;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::function<Status(WriteBatch&)>> writes;
    for (uint64_t i = 0; i <= next(8); ++i) {
      Sample sample = MakeSample(static_cast<uint32_t>(next(40)),
                                 static_cast<uint32_t>(next(5)));
      sample.institution = next(2) == 0 ? "citi" : "paypal";
      sample.revision = static_cast<uint32_t>(next(1000));
      sample.expires_at = 1'000'000 + next(1000);
      sample.token_box_bytes = next(6000);
      if (next(4) == 0) {
        writes.push_back([sample](WriteBatch& batch) {
          return batch.EraseLink(sample.link);
        });
      } else {
        writes.push_back(
            [sample](WriteBatch& batch) { return sample.PutInto(batch); });
      }
    }
    const bool fail = next(10) == 0;
    for (Store* store : {&lmdb.get(), &memory.get()}) {
      auto status = store->Commit([&](WriteBatch& batch) -> Status {
        for (const auto& write : writes) COFFER_TRY(write(batch));
        if (fail) return Fail(Code::kConflict, "enough");
        return {};
      });
      EXPECT_EQ(status.ok(), !fail);
    }
  }
  EXPECT_EQ(*lmdb.get().CountLinks(), *memory.get().CountLinks());
  for (uint32_t subject = 0; subject < 5; ++subject) {
    EXPECT_EQ(*lmdb.get().SubjectLinks(MakeSubject(subject), {}, 100),
              *memory.get().SubjectLinks(MakeSubject(subject), {}, 100));
  }
  for (uint32_t number = 0; number < 40; ++number) {
    auto left = lmdb.get().GetLink(MakeLink(number), true);
    auto right = memory.get().GetLink(MakeLink(number), true);
    ASSERT_TRUE(left.ok() && right.ok());
    EXPECT_EQ(left->head, right->head);
    EXPECT_EQ(left->wrap, right->wrap);
    EXPECT_EQ(left->token_box, right->token_box);
  }
}

TEST(MemoryStore, FailsTheNextCommitAsTold) {
  MemoryStore store;
  store.FailNextCommit(Fail(Code::kFull, "full"), false);
  EXPECT_EQ(CodeOf(Put(store, MakeSample(1))), Code::kFull);
  EXPECT_EQ(*store.CountLinks(), 0u);
  store.FailNextCommit(Fail(Code::kIo, "unknown"), true);
  EXPECT_EQ(CodeOf(Put(store, MakeSample(1))), Code::kIo);
  EXPECT_EQ(*store.CountLinks(), 1u);
  EXPECT_TRUE(Put(store, MakeSample(2)).ok());
}

}  // namespace
}  // namespace coffer::store
