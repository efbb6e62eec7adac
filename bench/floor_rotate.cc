// The floor of rotating a key: on one core, each wrap of a dense table opened,
// sealed anew and written in its place, with a durable commit for as many links
// as asked; no second process, no checks, no counts.
//   usage: floor_rotate LINKS COMMIT DIRECTORY
// Prints one line of JSON; `rewrite` is the same without the cryptography.
#include <errno.h>
#include <lmdb.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bench/load_options.h"
#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "crypto/random.h"
#include "vault/wire/record.h"

namespace coffer::bench {
namespace {

// As of a link of caller `dev` at institution `citi`; see wire/record.h and
// keeper/sealed_link.h.
constexpr size_t kKeyBytes = 1 + 4 + 16;
constexpr size_t kBeforeBoxBytes = 1 + 16 + 8 + 4 + 2 + 3 + 16;
constexpr size_t kWrapBytes = kBeforeBoxBytes + wire::kWrapBoxBytes;
constexpr size_t kAssociatedDataBytes = 85;
constexpr size_t kMapBytes = size_t{16} << 30;
constexpr size_t kWalks = 3;  // the median counts
constexpr size_t kLinksAFill = 200000;

void Check(int rc, const char* what) {
  if (rc == 0) return;
  std::fprintf(stderr, "floor_rotate: %s: %s\n", what, mdb_strerror(rc));
  std::exit(1);
}

double Now(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) / 1e9;
}

void StayOnOneCore() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(sched_getcpu(), &cores);
  Check(sched_setaffinity(0, sizeof cores, &cores), "one core");
}

// Opens and seals; each box is a real one.
class Rewrapper {
 public:
  Rewrapper() {
    COFFER_CHECK(crypto::Initialise().ok());
    auto arena = base::SecretArena::Create(4);
    COFFER_CHECK(arena.ok());
    arena_ = std::move(*arena);
    kek_ = crypto::Kek(*arena_);
    dek_ = crypto::Dek(*arena_);
    crypto::RandomKey(kek_);
    crypto::RandomKey(dek_);
  }
  void Seal(uint8_t* box) {
    auto size =
        crypto::WrapKey({box, wire::kWrapBoxBytes}, kek_, dek_, Context());
    COFFER_CHECK(size.ok());
  }
  void Rewrap(uint8_t* box) {
    COFFER_CHECK(
        crypto::UnwrapKey(dek_, kek_, {box, wire::kWrapBoxBytes}, Context())
            .ok());
    Seal(box);
  }

 private:
  base::Bytes Context() const { return base::AsBytes(associated_data_); }

  const std::string associated_data_ = std::string(kAssociatedDataBytes, 'a');
  std::unique_ptr<base::SecretArena> arena_;
  crypto::Kek kek_;
  crypto::Dek dek_;
};

class FloorWraps {
 public:
  explicit FloorWraps(const std::string& directory) {
    Check(mdb_env_create(&env_), "mdb_env_create");
    Check(mdb_env_set_mapsize(env_, kMapBytes), "mapsize");
    Check(mdb_env_open(env_, directory.c_str(), MDB_NOTLS, 0600), "open");
    Begin();
    Check(mdb_dbi_open(txn_, nullptr, 0, &table_), "table");
    Commit();
  }
  ~FloorWraps() { mdb_env_close(env_); }
  FloorWraps(const FloorWraps&) = delete;
  FloorWraps& operator=(const FloorWraps&) = delete;

  // Random keys in random order, so that pages are as full as a store's.
  void Fill(size_t links, Rewrapper& rewrapper) {
    uint8_t key[kKeyBytes] = {4, 'c', 'i', 't', 'i'};
    uint8_t wrap[kWrapBytes] = {};
    for (size_t done = 0; done < links;) {
      Begin();
      const size_t end = std::min(links, done + kLinksAFill);
      for (; done < end; ++done) {
        if (getrandom(key + 7, 14, 0) != 14) std::exit(1);
        rewrapper.Seal(wrap + kBeforeBoxBytes);
        MDB_val k{sizeof key, key};
        MDB_val v{sizeof wrap, wrap};
        Check(mdb_put(txn_, table_, &k, &v, 0), "put");
      }
      Commit();
    }
  }

  // Seconds for one walk over all; `rewrapper` null: only written anew.
  double Walk(size_t commit, Rewrapper* rewrapper) {
    const double start = Now(CLOCK_MONOTONIC);
    uint8_t last[kKeyBytes];
    bool more = Step(nullptr, last, commit, rewrapper);
    while (more) more = Step(last, last, commit, rewrapper);
    return Now(CLOCK_MONOTONIC) - start;
  }

 private:
  void Begin() { Check(mdb_txn_begin(env_, nullptr, 0, &txn_), "begin"); }
  void Commit() { Check(mdb_txn_commit(txn_), "commit"); }

  // One commit's links after `after`; false at the end.
  bool Step(const uint8_t* after, uint8_t* last, size_t commit,
            Rewrapper* rewrapper) {
    Begin();
    MDB_cursor* cursor = nullptr;
    Check(mdb_cursor_open(txn_, table_, &cursor), "cursor");
    MDB_val key{kKeyBytes, const_cast<uint8_t*>(after)};
    MDB_val value{};
    int rc = mdb_cursor_get(cursor, &key, &value,
                            after == nullptr ? MDB_FIRST : MDB_SET_RANGE);
    if (rc == 0 && after != nullptr) {
      rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    for (size_t i = 0; rc == 0; ++i) {
      uint8_t wrap[kWrapBytes];
      std::memcpy(wrap, value.mv_data, sizeof wrap);
      if (rewrapper != nullptr) rewrapper->Rewrap(wrap + kBeforeBoxBytes);
      std::memcpy(last, key.mv_data, kKeyBytes);
      value.mv_data = wrap;
      Check(mdb_cursor_put(cursor, &key, &value, MDB_CURRENT), "rewrite");
      if (i + 1 == commit) break;
      rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    if (rc != MDB_NOTFOUND) Check(rc, "walk");
    mdb_cursor_close(cursor);
    Commit();
    return rc == 0;
  }

  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  MDB_dbi table_ = 0;
};

double Middle(double (&values)[kWalks]) {
  std::sort(values, values + kWalks);
  return values[kWalks / 2];
}

int Main(size_t links, size_t commit, const std::string& directory) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    std::perror("floor_rotate: mkdir");
    return 1;
  }
  StayOnOneCore();
  Rewrapper rewrapper;
  FloorWraps wraps(directory);
  wraps.Fill(links, rewrapper);
  const double count = static_cast<double>(links);
  double rewrite[kWalks];
  double both[kWalks];
  double cpu = 0;
  for (size_t i = 0; i < kWalks; ++i) {
    rewrite[i] = count / wraps.Walk(commit, nullptr);
    const double before = Now(CLOCK_PROCESS_CPUTIME_ID);
    both[i] = count / wraps.Walk(commit, &rewrapper);
    cpu += Now(CLOCK_PROCESS_CPUTIME_ID) - before;
  }
  std::printf(
      "{\"links\":%zu,\"commit\":%zu,\"links_a_second\":%.1f,"
      "\"rewrite_links_a_second\":%.1f,\"cpu_us\":%.3f}\n",
      links, commit, Middle(both), Middle(rewrite),
      cpu * 1e6 / (count * kWalks));
  return 0;
}

}  // namespace
}  // namespace coffer::bench

int main(int argc, char** argv) {
  double links = 0;
  double commit = 0;
  if (argc != 4 || !coffer::bench::ParseNumber(argv[1], links) || links < 1 ||
      !coffer::bench::ParseNumber(argv[2], commit) || commit < 1) {
    std::fprintf(stderr, "usage: floor_rotate LINKS COMMIT DIRECTORY\n");
    return 2;
  }
  return coffer::bench::Main(static_cast<size_t>(links),
                             static_cast<size_t>(commit), argv[3]);
}
