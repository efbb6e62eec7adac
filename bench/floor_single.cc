// The single-process floor: one process that does only what no answer can do
// without (bench/floor_work.h), with the same sockets, the same append and the
// same sync before the answers leave, and neither HTTP nor JSON nor a store.
//   usage: floor_single SOCKET JOURNAL            serve
//          floor_single --crypto SECONDS          the work alone, without sync
//          floor_single --batch N SECONDS JOURNAL the work in turns of N
//          tokens,
//                                                 synced, without sockets
// The last two print one line of JSON.
#include <time.h>

#include <cstdio>
#include <cstring>

#include "bench/floor_journal.h"
#include "bench/floor_server.h"
#include "bench/floor_work.h"
#include "bench/load_options.h"

namespace coffer::bench {
namespace {

constexpr size_t kLinks = 1024;

double Seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) / 1e9;
}

// The answers and leaves of one turn.
class FloorTurn {
 public:
  explicit FloorTurn(FloorWork& work) : work_(work) {
    constexpr std::string_view kBefore = "{\"access_token\":\"";
    constexpr std::string_view kAfter =
        "\",\"issued_token_type\":\"urn:coffer:token-type:paseto\","
        "\"token_type\":\"N_A\",\"expires_in\":60,"
        "\"scope\":\"ACCOUNT_DETAILED\"}";
    size_t body = kBefore.size() + FloorWork::kTokenBytes + kAfter.size();
    before_ =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        "Cache-Control: no-store\r\nContent-Length: " +
        std::to_string(body) + "\r\n\r\n";
    before_ += kBefore;
    after_ = kAfter;
  }

  void Add(FloorServer& server, const FloorServer::Connection& c,
           size_t count) {
    size_t start = answers_.size();
    for (size_t i = 0; i < count; ++i) {
      answers_ += before_;
      size_t token = answers_.size();
      answers_.resize(token + FloorWork::kTokenBytes);
      size_t leaf = leaves_.size();
      leaves_.resize(leaf + FloorWork::kLeafBytes);
      work_.MakeToken(reinterpret_cast<uint8_t*>(&answers_[token]),
                      reinterpret_cast<uint8_t*>(&leaves_[leaf]));
      answers_ += after_;
    }
    parts_.push_back({server.PlaceOf(c), c.number, start, answers_.size()});
  }
  void SendAll(FloorServer& server) {
    for (const Part& part : parts_) {
      server.Send(
          part.place, part.number,
          std::string_view(answers_).substr(part.start, part.end - part.start));
    }
    parts_.clear();
    answers_.clear();
    leaves_.clear();
  }
  bool empty() const { return parts_.empty(); }
  std::string_view leaves() const { return leaves_; }

 private:
  struct Part {
    size_t place;
    uint64_t number;
    size_t start;
    size_t end;
  };
  FloorWork& work_;
  std::string before_;
  std::string after_;
  std::string answers_;
  std::string leaves_;
  std::vector<Part> parts_;
};

[[noreturn]] void Serve(const char* socket, const char* journal_path) {
  FloorWork work(kLinks);
  FloorJournal journal(journal_path);
  FloorServer server(socket);
  server.Watch(journal.done_fd());
  FloorTurn turns[2] = {FloorTurn(work), FloorTurn(work)};
  FloorTurn* filling = &turns[0];
  FloorTurn* syncing = &turns[1];  // in the journal's hands unless empty
  for (;;) {
    bool durable = server.Turn([&](FloorServer::Connection& c, size_t count) {
      filling->Add(server, c, count);
    });
    if (durable) {
      journal.Finish();
      syncing->SendAll(server);
    }
    if (syncing->empty() && !filling->empty()) {
      std::swap(filling, syncing);
      journal.Start(syncing->leaves());
    }
  }
}

int PrintCrypto(double seconds) {
  FloorWork work(kLinks);
  uint8_t token[FloorWork::kTokenBytes];
  uint8_t leaf[FloorWork::kLeafBytes];
  for (int i = 0; i < 1000; ++i) work.MakeToken(token, leaf);
  double start = Seconds(CLOCK_THREAD_CPUTIME_ID);
  double end = start;
  uint64_t tokens = 0;
  while (end - start < seconds) {
    for (int i = 0; i < 256; ++i) work.MakeToken(token, leaf);
    tokens += 256;
    end = Seconds(CLOCK_THREAD_CPUTIME_ID);
  }
  std::printf("{\"tokens\":%llu,\"cpu_microseconds_a_token\":%.4f}\n",
              static_cast<unsigned long long>(tokens),
              (end - start) * 1e6 / static_cast<double>(tokens));
  return 0;
}

int PrintBatch(size_t batch, double seconds, const char* journal_path) {
  FloorWork work(kLinks);
  FloorJournal journal(journal_path);
  uint8_t token[FloorWork::kTokenBytes];
  std::string leaves[2];
  for (std::string& l : leaves) l.resize(batch * FloorWork::kLeafBytes);
  double start = Seconds(CLOCK_MONOTONIC);
  double end = start;
  uint64_t turns = 0;
  for (; end - start < seconds; ++turns) {
    std::string& mine = leaves[turns % 2];
    for (size_t i = 0; i < batch; ++i) {
      work.MakeToken(
          token, reinterpret_cast<uint8_t*>(&mine[i * FloorWork::kLeafBytes]));
    }
    if (turns > 0) journal.Finish();
    journal.Start(mine);
    end = Seconds(CLOCK_MONOTONIC);
  }
  journal.Finish();
  end = Seconds(CLOCK_MONOTONIC);
  std::printf("{\"batch\":%zu,\"turns\":%llu,\"tokens_a_second\":%.1f}\n",
              batch, static_cast<unsigned long long>(turns),
              static_cast<double>(turns * batch) / (end - start));
  return 0;
}

}  // namespace
}  // namespace coffer::bench

int main(int argc, char** argv) {
  using namespace coffer::bench;
  double batch = 0;
  double seconds = 0;
  if (argc == 3 && std::strcmp(argv[1], "--crypto") == 0 &&
      ParseNumber(argv[2], seconds)) {
    return PrintCrypto(seconds);
  }
  if (argc == 5 && std::strcmp(argv[1], "--batch") == 0 &&
      ParseNumber(argv[2], batch) && batch >= 1 &&
      ParseNumber(argv[3], seconds)) {
    return PrintBatch(static_cast<size_t>(batch), seconds, argv[4]);
  }
  if (argc == 3 && argv[1][0] != '-') Serve(argv[1], argv[2]);
  std::fprintf(stderr,
               "usage: floor_single SOCKET JOURNAL\n"
               "       floor_single --crypto SECONDS\n"
               "       floor_single --batch N SECONDS JOURNAL\n");
  return 2;
}
