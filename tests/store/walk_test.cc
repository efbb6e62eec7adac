// Walks over wraps, their replacement and the counts by KEK, held against both
// implementations.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>

#include "store_test_support.h"
#include "vault/store/memory_store.h"

namespace coffer::store {
namespace {

using base::Code;
using Counts = std::map<wire::KeyId, uint64_t>;

constexpr wire::KeyId kOld{1};
constexpr wire::KeyId kNew{2};
constexpr wire::KeyId kOther{3};

struct LmdbUnderTest {
  TempDirectory directory;
  std::unique_ptr<LmdbStore> store;
  LmdbUnderTest() { Reopen(); }
  void Reopen() {
    store.reset();
    auto opened = LmdbStore::Open(directory.path(), kTestMapBytes);
    COFFER_CHECK(opened.ok());
    store = std::move(*opened);
  }
  Store& get() { return *store; }
};
struct MemoryUnderTest {
  MemoryStore store;
  void Reopen() {}
  Store& get() { return store; }
};

Sample SampleUnder(uint32_t number, const wire::KeyId& kek,
                   const std::string& institution = "citi") {
  Sample sample = MakeSample(number, number % 5);
  sample.kek = kek;
  sample.institution = institution;
  return sample;
}

Counts CountsOf(Store& store) {
  auto counts = store.CountWraps();
  EXPECT_TRUE(counts.ok()) << MessageOf(counts);
  Counts out;
  for (const auto& count : *counts) out[count.kek] = count.links;
  EXPECT_EQ(out.size(), counts->size());
  return out;
}

template <typename UnderTest>
class Walks : public testing::Test {
 protected:
  Store& store() { return under_test_.get(); }
  void Reopen() { under_test_.Reopen(); }

  // All rows of the institution, by pages of `most`.
  std::vector<std::pair<LinkId, Buffer>> Walk(const std::string& institution,
                                              size_t most) {
    std::vector<std::pair<LinkId, Buffer>> rows;
    LinkId after{};
    do {
      EXPECT_TRUE(store().WalkWraps(institution, after, most, page_).ok());
      EXPECT_LE(page_.count, most);
      for (size_t i = 0; i < page_.count; ++i) {
        const Bytes wrap = page_.wrap(i);
        rows.emplace_back(page_.rows[i].link, Buffer(wrap.begin(), wrap.end()));
        after = page_.rows[i].link;
      }
    } while (!page_.last);
    return rows;
  }
  bool Replace(const Sample& sample, const Buffer& expected,
               const Buffer& fresh) {
    bool replaced = false;
    EXPECT_TRUE(store()
                    .Commit([&](WriteBatch& batch) -> Status {
                      auto done = batch.ReplaceWrap(
                          sample.institution, sample.link, expected, fresh);
                      if (!done.ok()) return done.error();
                      replaced = *done;
                      return {};
                    })
                    .ok());
    return replaced;
  }
  bool EraseDead(const Sample& sample, const Buffer& expected) {
    bool erased = false;
    EXPECT_TRUE(store()
                    .Commit([&](WriteBatch& batch) -> Status {
                      auto done = batch.EraseDead(sample.institution,
                                                  sample.link, expected);
                      if (!done.ok()) return done.error();
                      erased = *done;
                      return {};
                    })
                    .ok());
    return erased;
  }

  WrapPage page_;

 private:
  UnderTest under_test_;
};
using Implementations = testing::Types<LmdbUnderTest, MemoryUnderTest>;
TYPED_TEST_SUITE(Walks, Implementations);

TYPED_TEST(Walks, MeetEachWrapOfOneInstitutionInOrder) {
  std::vector<std::pair<LinkId, Buffer>> expected;
  for (uint32_t i : {5u, 1u, 9u, 3u, 7u}) {
    const Sample sample = SampleUnder(i, kOld);
    ASSERT_TRUE(Put(this->store(), sample).ok());
    expected.emplace_back(sample.link, sample.Wrap());
  }
  std::sort(expected.begin(), expected.end());
  // Names around it in order, and one that is longer.
  for (const char* name : {"a", "citj", "citi2", "zz", "cit"}) {
    ASSERT_TRUE(
        Put(this->store(), SampleUnder(100 + name[0], kOld, name)).ok());
  }
  for (size_t most : {1u, 2u, 4u, 5u, 6u, 100u}) {
    EXPECT_EQ(this->Walk("citi", most), expected) << most;
  }
  EXPECT_TRUE(this->Walk("none", 3).empty());
  EXPECT_EQ(this->Walk("zz", 3).size(), 1u);
}

TYPED_TEST(Walks, GoOnAfterALinkThatWasErasedMeanwhile) {
  for (uint32_t i = 1; i <= 4; ++i) {
    ASSERT_TRUE(Put(this->store(), SampleUnder(i, kOld)).ok());
  }
  ASSERT_TRUE(
      this->EraseDead(SampleUnder(2, kOld), SampleUnder(2, kOld).Wrap()));
  ASSERT_TRUE(
      this->store().WalkWraps("citi", MakeLink(2), 9, this->page_).ok());
  EXPECT_EQ(this->page_.count, 2u);
  EXPECT_EQ(this->page_.rows[0].link, MakeLink(3));
  EXPECT_TRUE(this->page_.last);
}

TYPED_TEST(Walks, ReplaceWrapPutsTheNewOneAndNothingElse) {
  const Sample sample = SampleUnder(1, kOld);
  ASSERT_TRUE(Put(this->store(), sample).ok());
  const Buffer fresh = WrapUnder(sample, kNew);
  EXPECT_TRUE(this->Replace(sample, sample.Wrap(), fresh));
  auto found = this->store().GetLink(sample.link, true);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->wrap, fresh);
  EXPECT_EQ(found->head, sample.Head());
  EXPECT_EQ(found->token_box, sample.TokenBox());
  EXPECT_EQ(CountsOf(this->store()), (Counts{{kNew, 1}}));
}

TYPED_TEST(Walks, ReplaceWrapLosesAgainstAWriteInBetween) {
  Sample sample = SampleUnder(1, kOld);
  const Buffer seen = sample.Wrap();
  ASSERT_TRUE(Put(this->store(), sample).ok());
  sample.revision = 2;
  ASSERT_TRUE(Put(this->store(), sample).ok());
  Sample stale = sample;
  stale.revision = 1;
  EXPECT_FALSE(this->Replace(sample, seen, WrapUnder(stale, kNew)));
  EXPECT_FALSE(this->EraseDead(sample, seen));
  ExpectHas(this->store(), sample);
  // Neither where there is none, nor in another institution.
  const Sample gone = SampleUnder(2, kOld);
  EXPECT_FALSE(this->Replace(gone, gone.Wrap(), WrapUnder(gone, kNew)));
  EXPECT_FALSE(this->EraseDead(gone, gone.Wrap()));
  Sample elsewhere = sample;
  elsewhere.institution = "chase";
  EXPECT_FALSE(
      this->Replace(elsewhere, sample.Wrap(), WrapUnder(sample, kNew)));
  EXPECT_EQ(CountsOf(this->store()), (Counts{{kOld, 1}}));
}

TYPED_TEST(Walks, ReplaceWrapInTheBatchOfAnotherWriteSeesIt) {
  Sample first = SampleUnder(1, kOld);
  Sample second = first;
  second.revision = 2;
  second.kek = kOther;
  ASSERT_TRUE(Put(this->store(), first).ok());
  bool replaced = true;
  ASSERT_TRUE(this->store()
                  .Commit([&](WriteBatch& batch) -> Status {
                    COFFER_TRY(second.PutInto(batch));
                    replaced =
                        *batch.ReplaceWrap("citi", first.link, first.Wrap(),
                                           WrapUnder(first, kNew));
                    return {};
                  })
                  .ok());
  EXPECT_FALSE(replaced);
  ExpectHas(this->store(), second);
  EXPECT_EQ(CountsOf(this->store()), (Counts{{kOther, 1}}));
}

TYPED_TEST(Walks, ReplaceWrapRefusesAnotherWrapAndSpoilsNoOtherWrite) {
  const Sample sample = SampleUnder(1, kOld);
  ASSERT_TRUE(Put(this->store(), sample).ok());
  Sample changed[4] = {sample, sample, sample, sample};
  changed[0].leaf = 77;
  changed[1].revision = 9;
  changed[2].linker = "other";
  changed[3].subject = MakeSubject(9);
  const Sample added = SampleUnder(2, kOther);
  ASSERT_TRUE(this->store()
                  .Commit([&](WriteBatch& batch) -> Status {
                    for (const Sample& other : changed) {
                      EXPECT_EQ(CodeOf(batch.ReplaceWrap(
                                    "citi", sample.link, sample.Wrap(),
                                    WrapUnder(other, kNew))),
                                Code::kInvalid);
                    }
                    EXPECT_EQ(CodeOf(batch.ReplaceWrap("citi", sample.link,
                                                       sample.Wrap(), {})),
                              Code::kInvalid);
                    return added.PutInto(batch);
                  })
                  .ok());
  ExpectHas(this->store(), sample);
  ExpectHas(this->store(), added);
}

TYPED_TEST(Walks, EraseDeadLeavesNoTrace) {
  const Sample dead = SampleUnder(1, kOld);
  const Sample kept = SampleUnder(2, kOld);
  ASSERT_TRUE(Put(this->store(), dead).ok());
  ASSERT_TRUE(Put(this->store(), kept).ok());
  EXPECT_TRUE(this->EraseDead(dead, dead.Wrap()));
  EXPECT_FALSE(this->store().GetLink(dead.link, true)->found());
  EXPECT_TRUE(this->store().SubjectLinks(dead.subject, {}, 9)->empty());
  EXPECT_EQ(*this->store().CountLinks(), 1u);
  EXPECT_EQ(this->Walk("citi", 9).size(), 1u);
  EXPECT_EQ(CountsOf(this->store()), (Counts{{kOld, 1}}));
  ExpectHas(this->store(), kept);
}

TYPED_TEST(Walks, CountsAreExactAfterAnyWrites) {
  std::mt19937 engine(5);
  std::map<uint32_t, Sample> model;
  const wire::KeyId keks[] = {kOld, kNew, kOther};
  for (int commit = 0; commit < 150; ++commit) {
    const bool aborted = engine() % 5 == 0;
    std::map<uint32_t, Sample> after = model;
    Status status = this->store().Commit([&](WriteBatch& batch) -> Status {
      for (int i = 0; i < 6; ++i) {
        const auto number = static_cast<uint32_t>(engine() % 12);
        const wire::KeyId& kek = keks[engine() % 3];
        const auto at = after.find(number);
        switch (engine() % 4) {
          case 0: {
            Sample sample = SampleUnder(number, kek);
            sample.revision = static_cast<uint32_t>(1 + engine() % 1000);
            if (engine() % 4 == 0) sample.institution = "chase";
            COFFER_TRY(sample.PutInto(batch));
            after[number] = sample;
            break;
          }
          case 1:
            COFFER_TRY(batch.EraseLink(MakeLink(number)));
            after.erase(number);
            break;
          case 2:
            if (at == after.end()) break;
            EXPECT_TRUE(*batch.ReplaceWrap(at->second.institution,
                                           at->second.link, at->second.Wrap(),
                                           WrapUnder(at->second, kek)));
            at->second.kek = kek;
            break;
          default:
            if (at == after.end()) break;
            EXPECT_TRUE(*batch.EraseDead(at->second.institution,
                                         at->second.link, at->second.Wrap()));
            after.erase(at);
        }
      }
      if (aborted) return base::Fail(Code::kConflict, "aborted");
      return {};
    });
    EXPECT_EQ(status.ok(), !aborted);
    if (!aborted) model = after;
    Counts expected;
    for (const auto& [number, sample] : model) ++expected[sample.kek];
    ASSERT_EQ(CountsOf(this->store()), expected) << commit;
    if (commit % 40 == 0) this->Reopen();
  }
  size_t walked = this->Walk("citi", 3).size() + this->Walk("chase", 3).size();
  EXPECT_EQ(walked, model.size());
}

// --- LMDB alone --------------------------------------------------------------

// What the rows say, apart from the counts.
Counts Recount(Store& store) {
  Counts counts;
  WrapPage page;
  LinkId after{};
  do {
    EXPECT_TRUE(store.WalkWraps("citi", after, 100, page).ok());
    for (size_t i = 0; i < page.count; ++i) {
      ++counts[wire::DecodeWrap(page.wrap(i))->kek];
      after = page.rows[i].link;
    }
  } while (!page.last);
  return counts;
}

TEST(LmdbWalks, CountsAreExactAfterAKillAtAnyPoint) {
  TempDirectory directory;
  for (unsigned round = 0; round < 20; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      auto store = LmdbStore::Open(directory.path(), kTestMapBytes).value();
      std::mt19937 engine(round);
      while (true) {
        const bool ok =
            store
                ->Commit([&](WriteBatch& batch) -> Status {
                  for (int i = 0; i < 20; ++i) {
                    const auto number = static_cast<uint32_t>(engine() % 200);
                    if (engine() % 3 == 0) {
                      COFFER_TRY(batch.EraseLink(MakeLink(number)));
                      continue;
                    }
                    const wire::KeyId kek{
                        static_cast<uint8_t>(1 + engine() % 3)};
                    COFFER_TRY(SampleUnder(number, kek).PutInto(batch));
                  }
                  return {};
                })
                .ok();
        if (!ok) _exit(1);
      }
    }
    usleep(4000 + round * 500);
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    auto store = LmdbStore::Open(directory.path(), kTestMapBytes);
    ASSERT_TRUE(store.ok());
    EXPECT_EQ(CountsOf(**store), Recount(**store)) << round;
  }
}

class DamagedWalks : public testing::Test {
 protected:
  // Links 0 to 9, then the first wrap's bytes changed on the disk.
  void Damage(const std::function<void(uint8_t* wrap)>& change) {
    {
      auto store = LmdbStore::Open(directory_.path(), kTestMapBytes).value();
      for (uint32_t i = 0; i < 10; ++i) {
        ASSERT_TRUE(Put(*store, SampleUnder(i, kOld)).ok());
      }
    }
    const std::string path = directory_.Path("data.mdb");
    Buffer bytes = ReadFile(path);
    const Buffer wrap = SampleUnder(0, kOld).Wrap();
    // LMDB keeps pages that it freed: every copy is changed.
    size_t found = 0;
    for (auto at = bytes.begin();; ++found) {
      at = std::search(at, bytes.end(), wrap.begin(), wrap.end());
      if (at == bytes.end()) break;
      change(&*at++);
    }
    ASSERT_GT(found, 0u);
    WriteFile(path, bytes);
    store_ = LmdbStore::Open(directory_.path(), kTestMapBytes).value();
  }

  TempDirectory directory_;
  std::unique_ptr<LmdbStore> store_;
};

TEST_F(DamagedWalks, AWrapUnderAKekThatWasNeverCountedIsDamageOfItsOwn) {
  Damage([](uint8_t* wrap) { wrap[1] = 99; });
  Status erased;
  Status put;
  ASSERT_TRUE(store_
                  ->Commit([&](WriteBatch& batch) -> Status {
                    erased = batch.EraseLink(MakeLink(0));
                    put = SampleUnder(0, kNew).PutInto(batch);
                    const Sample other = SampleUnder(1, kOld);
                    return batch.EraseLink(other.link);
                  })
                  .ok());
  EXPECT_EQ(CodeOf(erased), Code::kDamaged);
  EXPECT_EQ(CodeOf(put), Code::kDamaged);
  EXPECT_EQ(CountsOf(*store_), (Counts{{kOld, 9}}));
}

TEST_F(DamagedWalks, AWrapThatDoesNotDecodeIsWalkedAndMayGo) {
  Damage([](uint8_t* wrap) { wrap[0] = 0; });
  WrapPage page;
  ASSERT_TRUE(store_->WalkWraps("citi", {}, 99, page).ok());
  ASSERT_EQ(page.count, 10u);
  EXPECT_FALSE(wire::DecodeWrap(page.wrap(0)).ok());
  const Buffer seen(page.wrap(0).begin(), page.wrap(0).end());
  ASSERT_TRUE(store_
                  ->Commit([&](WriteBatch& batch) -> Status {
                    EXPECT_TRUE(*batch.EraseDead("citi", MakeLink(0), seen));
                    return {};
                  })
                  .ok());
  EXPECT_FALSE(store_->GetLink(MakeLink(0), true)->found());
}

}  // namespace
}  // namespace coffer::store
