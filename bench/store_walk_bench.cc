// A rotation's share of the store: walking the wraps of one institution, and
// walking and rewriting them in commits of 4,096, with no key in sight. The
// directory is made below TMPDIR; on a tmpfs a commit costs no sync.
// links: coffer_store coffer_wire

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>

#include "vault/store/lmdb_store.h"

namespace coffer::store {
namespace {

constexpr size_t kMapBytes = size_t{4} << 30;
constexpr uint32_t kLinksAtOnce = 4096;
constexpr size_t kMetadataBoxBytes = 270;  // of an ordinary link
constexpr size_t kTokenBoxBytes = 104;
constexpr std::string_view kInstitution = "citi";

struct Parts {
  std::vector<uint8_t> head;
  std::vector<uint8_t> wrap;
  std::vector<uint8_t> token_box;
};

// Ascending ids: what a walk meets; made in order, so that filling is quick.
LinkId LinkOf(uint32_t number) {
  LinkId link{};
  for (size_t i = 0; i < 4; ++i) {
    link[2 + i] = static_cast<uint8_t>(number >> (24 - 8 * i));
  }
  return link;
}

Parts PartsOf(uint32_t number) {
  Parts parts;
  std::vector<uint8_t> box(kMetadataBoxBytes, 1);
  wire::RecordHead head;
  head.link = LinkOf(number);
  head.institution = kInstitution;
  head.linker = "linker";
  head.subject[0] = static_cast<uint8_t>(number);
  head.metadata_box = box;
  parts.head.resize(base::kRecordHeadBytesMax);
  parts.head.resize(base::EncodeWhole(parts.head, head).value());
  wire::Wrap wrap;
  wrap.kek = {1};
  wrap.linker = head.linker;
  wrap.subject = head.subject;
  parts.wrap.resize(base::kWrapBytesMax);
  parts.wrap.resize(base::EncodeWhole(parts.wrap, wrap).value());
  parts.token_box.assign(kTokenBoxBytes, 2);
  return parts;
}

// Resource: a store of its own, removed at its end.
class BenchStore {
 public:
  explicit BenchStore(uint32_t links) {
    path_ = std::filesystem::temp_directory_path().string() +
            "/coffer-walk-bench-XXXXXX";
    COFFER_CHECK(mkdtemp(path_.data()) != nullptr);
    auto opened = LmdbStore::Open(path_, kMapBytes);
    COFFER_CHECK(opened.ok());
    store_ = std::move(*opened);
    for (uint32_t first = 0; first < links; first += kLinksAtOnce) {
      COFFER_CHECK(store_
                       ->Commit([&](WriteBatch& batch) -> Status {
                         uint32_t end = std::min(links, first + kLinksAtOnce);
                         for (uint32_t i = first; i < end; ++i) {
                           const Parts parts = PartsOf(i);
                           COFFER_TRY(batch.PutLink(LinkOf(i), parts.head,
                                                    parts.wrap,
                                                    parts.token_box));
                         }
                         return {};
                       })
                       .ok());
    }
  }
  ~BenchStore() {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  BenchStore(const BenchStore&) = delete;
  BenchStore& operator=(const BenchStore&) = delete;
  LmdbStore& store() { return *store_; }

 private:
  std::string path_;
  std::unique_ptr<LmdbStore> store_;
};

void BM_Walk(benchmark::State& state) {
  BenchStore links(static_cast<uint32_t>(state.range(0)));
  WrapPage page;
  for (auto _ : state) {
    LinkId after{};
    size_t met = 0;
    do {
      COFFER_CHECK(
          links.store().WalkWraps(kInstitution, after, 1024, page).ok());
      for (size_t i = 0; i < page.count; ++i) {
        met += wire::DecodeWrap(page.wrap(i)).ok() ? 1 : 0;
      }
      if (page.count > 0) after = page.rows[page.count - 1].link;
    } while (!page.last);
    COFFER_CHECK(static_cast<int64_t>(met) + 1 >= state.range(0));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Walk)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

// As a rotation does: read, put another KEK and box in, replace, commit.
void BM_WalkAndRewrite(benchmark::State& state) {
  BenchStore links(static_cast<uint32_t>(state.range(0)));
  WrapPage page;
  wire::KeyId kek{1};
  const std::array<uint8_t, wire::kWrapBoxBytes> box{7};
  for (auto _ : state) {
    ++kek[0];
    LinkId after{};
    do {
      COFFER_CHECK(
          links.store().WalkWraps(kInstitution, after, 4096, page).ok());
      COFFER_CHECK(links.store()
                       .Commit([&](WriteBatch& batch) -> Status {
                         for (size_t i = 0; i < page.count; ++i) {
                           std::array<uint8_t, base::kWrapBytesMax> room;
                           const Bytes wrap = page.wrap(i);
                           std::memcpy(room.data(), wrap.data(), wrap.size());
                           base::MutableBytes fresh(room.data(), wrap.size());
                           wire::ReplaceKek(fresh, kek, box);
                           auto done = batch.ReplaceWrap(
                               kInstitution, page.rows[i].link, wrap, fresh);
                           COFFER_CHECK(done.ok() && *done);
                         }
                         return {};
                       })
                       .ok());
      if (page.count > 0) after = page.rows[page.count - 1].link;
    } while (!page.last);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_WalkAndRewrite)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void BM_CountWraps(benchmark::State& state) {
  BenchStore links(1000);
  for (auto _ : state) {
    benchmark::DoNotOptimize(links.store().CountWraps().ok());
  }
}
BENCHMARK(BM_CountWraps);

}  // namespace
}  // namespace coffer::store
