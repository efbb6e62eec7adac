// What the tests of the store share: sample links, a directory that goes away,
// children whose end is told. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "vault/store/lmdb_store.h"
#include "vault/store/store.h"

namespace coffer::store {

using Buffer = std::vector<uint8_t>;

inline constexpr size_t kTestMapBytes = size_t{64} << 20;

// A link as the keeper would make it, but with bytes for boxes.
struct Sample {
  LinkId link{};
  SubjectHash subject{};
  std::string institution = "citi";
  std::string linker = "linker";
  uint32_t revision = 1;
  uint64_t leaf = 1;
  wire::KeyId kek = {7};
  uint64_t expires_at = 1'800'000'000;
  size_t box_bytes = 200;
  size_t token_box_bytes = 120;

  Buffer Head() const;
  Buffer Wrap() const;
  Buffer TokenBox() const;
  Status PutInto(WriteBatch& batch) const;
};

// The sample's wrap under another KEK.
Buffer WrapUnder(Sample sample, const wire::KeyId& kek);

// `number` makes the link; `subject` makes its subject.
Sample MakeSample(uint32_t number, uint32_t subject = 1);
LinkId MakeLink(uint32_t number);
SubjectHash MakeSubject(uint32_t number);
Buffer Pattern(size_t size, uint64_t seed);

Status Put(Store& store, const Sample& sample);
// Fails the test when the store has not exactly the sample's bytes.
void ExpectHas(Store& store, const Sample& sample);

template <typename T>
base::Code CodeOf(const base::Result<T>& result) {
  return result.ok() ? base::Code{} : result.error().code;
}
template <typename T>
std::string MessageOf(const base::Result<T>& result) {
  return result.ok() ? "ok" : result.error().message;
}

// Resource: an empty directory, removed at its end.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::string& path() const { return path_; }
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  std::vector<std::string> Names() const;  // sorted

 private:
  std::string path_;
};

Buffer ReadFile(const std::string& path);
void WriteFile(const std::string& path, const Buffer& bytes);
void CopyFile(const std::string& from, const std::string& to);

// Runs `body` in a child with a deadline; its exit code, or 128 and the signal.
int RunInChild(const std::function<int()>& body);

}  // namespace coffer::store
