// The floors' journal: appends a turn's leaves and syncs them in a second
// thread, so that the next turn is worked on meanwhile (docs/design.md). Space
// is reserved before, and the file is written round and round.
#pragma once

#include <string>
#include <string_view>
#include <thread>

namespace coffer::bench {

class FloorJournal {
 public:
  // Ends the process with a message when the file cannot be made.
  explicit FloorJournal(const std::string& path);
  ~FloorJournal();
  FloorJournal(const FloorJournal&) = delete;
  FloorJournal& operator=(const FloorJournal&) = delete;

  // Starts writing and syncing `bytes`, which stay until Finish. One at a time.
  void Start(std::string_view bytes);
  // Readable when the started turn is durable.
  int done_fd() const { return done_fd_; }
  // Waits for it.
  void Finish();
  // Both at once, in the calling thread.
  void WriteAndSync(std::string_view bytes);

 private:
  void Loop();

  int file_ = -1;
  int start_fd_ = -1;
  int done_fd_ = -1;
  size_t offset_ = 0;
  bool stopping_ = false;  // set before the last start
  std::string_view bytes_;
  std::thread thread_;
};

}  // namespace coffer::bench
