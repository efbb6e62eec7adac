// The floor of creating links: for each batch one append and sync of a journal,
// then one durable LMDB commit of as many links (record, wrap, subject and
// expiry), and nothing else.
//   usage: floor_create BATCH SECONDS DIRECTORY
// Prints one line of JSON.
#include <errno.h>
#include <lmdb.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bench/floor_journal.h"
#include "bench/load_options.h"

namespace coffer::bench {
namespace {

constexpr size_t kRecordBytes = 540;  // head and sealed bank token
constexpr size_t kWrapBytes = 140;
constexpr size_t kLeafBytes = 200;
constexpr size_t kMapBytes = size_t{4} << 30;

void Check(int rc, const char* what) {
  if (rc == 0) return;
  std::fprintf(stderr, "floor_create: %s: %s\n", what, mdb_strerror(rc));
  std::exit(1);
}

class FloorStore {
 public:
  explicit FloorStore(const std::string& directory) {
    Check(mdb_env_create(&env_), "mdb_env_create");
    Check(mdb_env_set_mapsize(env_, kMapBytes), "mapsize");
    Check(mdb_env_set_maxdbs(env_, 4), "maxdbs");
    Check(mdb_env_open(env_, directory.c_str(), MDB_NOTLS, 0600), "open");
    MDB_txn* txn = nullptr;
    Check(mdb_txn_begin(env_, nullptr, 0, &txn), "begin");
    const char* names[] = {"links", "wraps", "subjects", "expiries"};
    for (int i = 0; i < 4; ++i) {
      Check(mdb_dbi_open(txn, names[i], MDB_CREATE, &tables_[i]), names[i]);
    }
    Check(mdb_txn_commit(txn), "commit");
  }
  ~FloorStore() { mdb_env_close(env_); }
  FloorStore(const FloorStore&) = delete;
  FloorStore& operator=(const FloorStore&) = delete;

  void Commit(size_t links) {
    MDB_txn* txn = nullptr;
    Check(mdb_txn_begin(env_, nullptr, 0, &txn), "begin");
    for (size_t i = 0; i < links; ++i) {
      uint8_t key[40];
      if (getrandom(key, sizeof key, 0) != sizeof key) std::exit(1);
      Put(txn, 0, key, 16, kRecordBytes);
      Put(txn, 1, key, 24, kWrapBytes);
      Put(txn, 2, key + 8, 32, 0);
      Put(txn, 3, key + 16, 24, 0);
    }
    Check(mdb_txn_commit(txn), "commit");
  }

 private:
  void Put(MDB_txn* txn, int table, uint8_t* key, size_t key_bytes,
           size_t value_bytes) {
    MDB_val k{key_bytes, key};
    MDB_val v{value_bytes, value_};
    Check(mdb_put(txn, tables_[table], &k, &v, 0), "put");
  }

  MDB_env* env_ = nullptr;
  MDB_dbi tables_[4]{};
  uint8_t value_[kRecordBytes]{};
};

double Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) / 1e9;
}

int Main(size_t batch, double seconds, const std::string& directory) {
  if (mkdir((directory + "/store").c_str(), 0700) != 0 && errno != EEXIST) {
    std::perror("floor_create: mkdir");
    return 1;
  }
  FloorStore store(directory + "/store");
  FloorJournal journal(directory + "/journal");
  std::string leaves(batch * kLeafBytes, 'l');
  double start = Now();
  double end = start;
  size_t batches = 0;
  for (; end - start < seconds; end = Now(), ++batches) {
    journal.WriteAndSync(leaves);
    store.Commit(batch);
  }
  std::printf("{\"batch\":%zu,\"links\":%zu,\"links_a_second\":%.1f}\n", batch,
              batches * batch,
              static_cast<double>(batches * batch) / (end - start));
  return 0;
}

}  // namespace
}  // namespace coffer::bench

int main(int argc, char** argv) {
  double batch = 0;
  double seconds = 0;
  if (argc != 4 || !coffer::bench::ParseNumber(argv[1], batch) || batch < 1 ||
      !coffer::bench::ParseNumber(argv[2], seconds)) {
    std::fprintf(stderr, "usage: floor_create BATCH SECONDS DIRECTORY\n");
    return 2;
  }
  return coffer::bench::Main(static_cast<size_t>(batch), seconds, argv[3]);
}
