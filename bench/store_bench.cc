// The store on disk: random reads among many links, one durable commit, and a
// turn's commit of 64. The directory is made below TMPDIR; on a tmpfs a commit
// costs no sync and its figures say nothing.
// links: coffer_store coffer_wire

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "vault/store/lmdb_store.h"

namespace coffer::store {
namespace {

constexpr size_t kMapBytes = size_t{4} << 30;
constexpr uint32_t kLinksAtOnce = 1000;
// Sizes of an ordinary link: a head of about 360 bytes.
constexpr size_t kMetadataBoxBytes = 270;
constexpr size_t kTokenBoxBytes = 104;

// Resource: a store of its own, removed at its end.
class BenchStore {
 public:
  explicit BenchStore(uint32_t links) {
    path_ = std::filesystem::temp_directory_path().string() +
            "/coffer-store-bench-XXXXXX";
    COFFER_CHECK(mkdtemp(path_.data()) != nullptr);
    auto opened = LmdbStore::Open(path_, kMapBytes);
    COFFER_CHECK(opened.ok());
    store_ = std::move(*opened);
    for (uint32_t first = 0; first < links; first += kLinksAtOnce) {
      COFFER_CHECK(store_
                       ->Commit([&](WriteBatch& batch) -> Status {
                         for (uint32_t i = 0; i < kLinksAtOnce; ++i) {
                           COFFER_TRY(PutLink(batch, first + i));
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

  // Random looking, as links are, and the same for the same number.
  static LinkId Link(uint32_t number) {
    std::mt19937_64 engine(number);
    LinkId link{};
    for (size_t i = 2; i < link.size(); ++i) {
      link[i] = static_cast<uint8_t>(engine());
    }
    return link;
  }

  Status PutLink(WriteBatch& batch, uint32_t number) {
    wire::RecordHead head;
    head.link = Link(number);
    head.revision = 1;
    head.leaf = number;
    head.expires_at = 1'800'000'000 + number;
    head.institution = number % 2 == 0 ? "citi" : "wellsfargo";
    head.linker = "linker";
    head.subject = Link(number / 2);
    head.metadata_box = box_;
    wire::Wrap wrap;
    wrap.leaf = head.leaf;
    wrap.revision = head.revision;
    wrap.linker = head.linker;
    wrap.subject = head.subject;
    uint8_t head_bytes[base::kRecordHeadBytesMax];
    uint8_t wrap_bytes[base::kWrapBytesMax];
    auto head_size = base::EncodeWhole(head_bytes, head);
    auto wrap_size = base::EncodeWhole(wrap_bytes, wrap);
    COFFER_CHECK(head_size.ok() && wrap_size.ok());
    return batch.PutLink(head.link, Bytes(head_bytes, *head_size),
                         Bytes(wrap_bytes, *wrap_size), token_box_);
  }

 private:
  std::string path_;
  std::unique_ptr<LmdbStore> store_;
  const std::vector<uint8_t> box_ = std::vector<uint8_t>(kMetadataBoxBytes, 7);
  const std::vector<uint8_t> token_box_ =
      std::vector<uint8_t>(kTokenBoxBytes, 9);
};

void BM_GetLink(benchmark::State& state) {
  const auto links = static_cast<uint32_t>(state.range(0));
  BenchStore bench(links);
  std::vector<LinkId> ids;
  for (uint32_t i = 0; i < links; ++i) ids.push_back(BenchStore::Link(i));
  std::mt19937 engine(1);
  for (auto _ : state) {
    auto found =
        bench.store().GetLink(ids[engine() % links], state.range(1) != 0);
    COFFER_CHECK(found.ok() && found->found());
    benchmark::DoNotOptimize(found->head.data());
  }
}
BENCHMARK(BM_GetLink)
    ->ArgNames({"links", "token_box"})
    ->Args({1000, 0})
    ->Args({100'000, 0})
    ->Args({100'000, 1});

void BM_GetUnknownLink(benchmark::State& state) {
  BenchStore bench(100'000);
  const LinkId unknown = BenchStore::Link(200'001);
  for (auto _ : state) {
    auto found = bench.store().GetLink(unknown, false);
    COFFER_CHECK(found.ok() && !found->found());
  }
}
BENCHMARK(BM_GetUnknownLink);

// One turn of the gate: `batch` links created, one sync.
void BM_Commit(benchmark::State& state) {
  const auto links = static_cast<uint32_t>(state.range(0));
  BenchStore bench(10'000);
  uint32_t next = 10'000;
  for (auto _ : state) {
    COFFER_CHECK(bench.store()
                     .Commit([&](WriteBatch& batch) -> Status {
                       for (uint32_t i = 0; i < links; ++i) {
                         COFFER_TRY(bench.PutLink(batch, next++));
                       }
                       return {};
                     })
                     .ok());
  }
  state.counters["links/s"] = benchmark::Counter(
      static_cast<double>(next - 10'000), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_Commit)->ArgName("batch")->Arg(1)->Arg(64)->UseRealTime();

}  // namespace
}  // namespace coffer::store
