// Brings many links in: lines of a file become POST /v1/links, several at once
// over several connections, each with an Idempotency-Key of its own line. Runs
// in the CLI only. A line that is refused is reported by its number and passed
// over; what would refuse every line (sealed, no right, no vault) stops all.
// Where lines are sealed, one that was stored by an earlier run is another body
// under its key: it counts as stored, without its link.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "cli/http_client.h"
#include "cli/import_file.h"

namespace coffer::cli {

inline constexpr size_t kImportConnections = 16;

// What became of one line.
struct ImportedLine {
  std::string key;
  std::string link;  // empty: none was made
  bool stored_before = false;
  std::string error;  // empty: not refused
  std::string detail;
};

// Resource: owns the threads and their connections.
class Importer {
 public:
  // The body to send for a line under its key, made anew whenever the vault
  // wants a fresher one. Called from several threads.
  using Seal =
      std::function<Outcome<std::string>(base::Bytes line, std::string_view)>;
  // `reader` stands behind the last line that is done. Without `seal` a line is
  // sent as it is.
  Importer(std::string socket, LineReader reader, size_t connections,
           Seal seal);
  ~Importer();
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;

  using Take = std::function<void(uint64_t number, const ImportedLine& line)>;
  // Waits up to `milliseconds`, gives what is done to `take`, in the order of
  // the file and without a gap; false when nothing more will come.
  bool Advance(unsigned milliseconds, const Take& take);
  // Ends after what is in flight.
  void Stop(Failure why);
  // Why it ended before the end of the file.
  const std::optional<Failure>& stopped() const { return stopped_; }

 private:
  void Work();
  Outcome<HttpAnswer> Send(std::optional<HttpClient>& client,
                           const HttpRequest& request);
  // False when the importer stops.
  bool SendLine(std::optional<HttpClient>& client, base::Bytes body,
                ImportedLine& line);
  bool stopping();

  const std::string socket_;
  const Seal seal_;
  std::mutex mutex_;  // guards all below
  std::condition_variable done_;
  LineReader reader_;
  uint64_t next_;  // the first line that was not given to `take`
  std::map<uint64_t, ImportedLine> finished_;
  size_t working_ = 0;
  bool ended_ = false;  // the file's end was read
  std::optional<Failure> stopped_;
  std::vector<std::thread> threads_;
};

}  // namespace coffer::cli
