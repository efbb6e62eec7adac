// usage: bulk_load --data-dir D --links N [--institution I] [--save FILE]
//                  [--save-count N]
// Asks the keeper for records in full batches, two in flight, and puts them
// into the store in large commits. `cofferd --dev --data-dir D` takes it over.
#include "bench/bulk_load.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>

#include "bench/bulk_keeper.h"
#include "bench/bulk_spill.h"
#include "bench/load_options.h"
#include "vault/api/config_file.h"
#include "vault/gate/keeper_client.h"
#include "vault/store/lmdb_store.h"

namespace coffer::bench {

namespace {

constexpr int kPatienceMilliseconds = 30000;
// Subjects are in no order: fewer commits, fewer writes of the same pages.
constexpr size_t kPartsACommit = 16;

double Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) / 1e9;
}

bool Complain(const char* what, const char* why) {
  std::fprintf(stderr, "bulk_load: %s: %s\n", what, why);
  return false;
}

// A line that is overwritten on a terminal, and one now and then elsewhere.
class Progress {
 public:
  Progress(const char* what, uint64_t total)
      : what_(what), total_(total), terminal_(isatty(STDERR_FILENO) != 0) {}
  ~Progress() {
    if (terminal_ && shown_at_ > 0) std::fputc('\n', stderr);
  }
  void Show(uint64_t done) {
    const double now = Now();
    const double pause = terminal_ ? 0.2 : 10;
    if (now - shown_at_ < pause && done < total_) return;
    if (!terminal_ && shown_at_ == 0 && done < total_) {
      shown_at_ = now;
      return;
    }
    shown_at_ = now;
    std::fprintf(stderr, "%s%s %llu of %llu, %.0f/s%s", terminal_ ? "\r" : "",
                 what_, static_cast<unsigned long long>(done),
                 static_cast<unsigned long long>(total_),
                 static_cast<double>(done) / (now - start_),
                 terminal_ ? "   " : "\n");
  }
  double seconds() const { return Now() - start_; }

 private:
  const char* what_;
  const uint64_t total_;
  const bool terminal_;
  const double start_ = Now();
  double shown_at_ = 0;
};

// Asks for all records and spills them.
class Maker {
 public:
  Maker(const BulkOptions& options, const BulkKeeper& keeper, BulkSpill& spill)
      : options_(options),
        keeper_(keeper),
        spill_(spill),
        client_(keeper.channel()) {
    if (!options.save.empty()) sample_.open(options.save);
    const uint64_t wanted = options.save_count > 0 ? options.save_count : 1;
    stride_ = options.links > wanted ? options.links / wanted : 1;
  }

  bool Run() {
    Progress progress("records", options_.links);
    client_.Ask(wire::Op::kStatus, wire::StatusItem{}, {});
    while (answered_ < options_.links) {
      Ask();
      base::Status status = client_.Send();
      if (!status.ok()) return Complain("asking", status.error().message);
      pollfd ready{keeper_.channel(), POLLIN, 0};
      if (client_.wants_write()) ready.events |= POLLOUT;
      if (poll(&ready, 1, kPatienceMilliseconds) <= 0) {
        return Complain("the keeper", "no answer");
      }
      status = client_.Receive();
      if (!status.ok()) {
        return Complain("reading", status.error().message);
      }
      if (!TakeAnswers()) return false;
      progress.Show(answered_);
    }
    return true;
  }

  const wire::ByteArray<16>& vault_id() const { return status_.vault_id; }

 private:
  // Keeps a full batch waiting behind those in flight.
  void Ask() {
    while (asked_ < options_.links && client_.backlog() == 0) {
      for (size_t i = 0; i < base::kBatchItemsMax && asked_ < options_.links;
           ++i) {
        AskOne();
      }
      if (!client_.Send().ok()) return;
    }
  }

  void AskOne() {
    char number[32];
    std::snprintf(number, sizeof number, "%012llu",
                  static_cast<unsigned long long>(asked_++));
    const std::string subject = options_.institution + "-cust-" + number;
    const std::string bank_token =
        std::string("bt-0123456789abcdef0123456789-") + number;
    const std::string consent_id = std::string("c-") + number;
    wire::CreateItem item;
    item.connection = keeper_.caller();
    item.institution = options_.institution;
    item.subject = subject;
    item.bank_token = base::AsBytes(bank_token);
    item.consent.consent_id = consent_id;
    item.consent.purposes.push_back("balance_display");
    item.consent.clusters.push_back("ACCOUNT_DETAILED");
    item.consent.duration_period_days = 90;
    item.consent.lookback_period_days = 60;
    client_.Ask(wire::Op::kCreate, item, {});
  }

  bool TakeAnswers() {
    gate::KeeperAnswer answer;
    while (true) {
      auto next = client_.NextAnswer(answer);
      if (!next.ok()) return Complain("answers", next.error().message);
      if (!*next) break;
      if (answer.header.rule != wire::Rule::kAllowed) {
        return Complain(
            "the keeper refused a link",
            std::string(wire::RuleText(answer.header.rule)).c_str());
      }
      if (answer.header.op == wire::Op::kStatus) {
        answer.fields->Struct(status_);
        continue;
      }
      wire::CreateAnswer record;
      answer.fields->Struct(record);
      if (answer.fields->failed()) return Complain("answers", "malformed");
      spill_.Add(record);
      if (sample_.is_open() && answered_ % stride_ == 0) {
        sample_ << wire::LinkText(record.link) << '\n';
      }
      ++answered_;
    }
    client_.ReleaseAnswers();
    return true;
  }

  const BulkOptions& options_;
  const BulkKeeper& keeper_;
  BulkSpill& spill_;
  gate::KeeperClient client_;
  wire::StatusAnswer status_;
  std::ofstream sample_;
  uint64_t stride_ = 1;
  uint64_t asked_ = 0;
  uint64_t answered_ = 0;
};

base::Status PutPart(store::WriteBatch& batch, base::Bytes bytes,
                     uint64_t& links) {
  base::Decoder decoder(bytes);
  while (!decoder.finished()) {
    wire::NewRecord record;
    decoder.Struct(record);
    if (decoder.failed()) {
      return base::Fail(base::Code::kInvalid, "a malformed file of records");
    }
    COFFER_TRY(batch.PutLink(record.link, record.stored.head,
                             record.stored.wrap, record.stored.token_box));
    ++links;
  }
  return {};
}

bool FillStore(store::Store& store, BulkSpill& spill, uint64_t links,
               const wire::ByteArray<16>& vault_id) {
  Progress progress("stored", links);
  uint64_t put = 0;
  for (size_t part = 0; part < spill.parts(); part += kPartsACommit) {
    auto committed =
        store.Commit([&](store::WriteBatch& batch) -> base::Status {
          COFFER_TRY(batch.PutState(store::kVaultIdRow, vault_id));
          for (size_t i = part; i < part + kPartsACommit && i < spill.parts();
               ++i) {
            COFFER_TRY(PutPart(batch, spill.Take(i), put));
          }
          return {};
        });
    if (!committed.ok()) {
      return Complain("the store", committed.error().message);
    }
    progress.Show(put);
  }
  if (put != links) return Complain("the store", "links went missing");
  return true;
}

}  // namespace

bool ParseBulkOptions(int argc, char** argv, BulkOptions& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    double number = 0;
    if (std::strcmp(argv[i], "--data-dir") == 0) {
      options.data_dir = argv[i + 1];
    } else if (std::strcmp(argv[i], "--institution") == 0) {
      options.institution = argv[i + 1];
    } else if (std::strcmp(argv[i], "--save") == 0) {
      options.save = argv[i + 1];
    } else if (std::strcmp(argv[i], "--links") == 0 &&
               ParseNumber(argv[i + 1], number)) {
      options.links = static_cast<uint64_t>(number);
    } else if (std::strcmp(argv[i], "--save-count") == 0 &&
               ParseNumber(argv[i + 1], number)) {
      options.save_count = static_cast<uint64_t>(number);
    } else {
      return Complain("what is this", argv[i]);
    }
  }
  if (argc % 2 == 1 && options.links > 0 && options.data_dir[0] == '/') {
    return true;
  }
  return Complain("usage",
                  "--data-dir /D --links N [--institution I] [--save FILE] "
                  "[--save-count N]");
}

bool BulkLoad(const BulkOptions& options) {
  const double start = Now();
  BulkKeeper keeper;
  if (!keeper.Start(options.data_dir)) return false;
  auto store = store::LmdbStore::Open(
      keeper.store(),
      static_cast<size_t>(api::Config().limits.store_bytes_max));
  if (!store.ok()) return Complain("store", store.error().message);
  BulkSpill spill(options.data_dir, options.links);
  const double made_from = Now();
  Maker maker(options, keeper, spill);
  if (!maker.Run()) return false;
  if (!keeper.Stop()) return false;
  const double stored_from = Now();
  if (!FillStore(**store, spill, options.links, maker.vault_id())) return false;
  const double end = Now();
  std::printf(
      "{\"links\":%llu,\"seconds\":%.3f,\"records_seconds\":%.3f,"
      "\"store_seconds\":%.3f,\"links_a_second\":%.0f}\n",
      static_cast<unsigned long long>(options.links), end - start,
      stored_from - made_from, end - stored_from,
      static_cast<double>(options.links) / (end - start));
  return true;
}

}  // namespace coffer::bench

int main(int argc, char** argv) {
  coffer::bench::BulkOptions options;
  if (!coffer::bench::ParseBulkOptions(argc, argv, options)) return 2;
  return coffer::bench::BulkLoad(options) ? 0 : 1;
}
