#include "bench/bulk_spill.h"

#include <unistd.h>

#include <cstdlib>

namespace coffer::bench {

namespace {

constexpr uint64_t kLinksAPart = 40000;
constexpr size_t kPartsMax = 256;
constexpr size_t kRecordBytesMax =
    base::kRecordHeadBytesMax + base::kWrapBytesMax + 2048;

void Require(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(1);
}

}  // namespace

BulkSpill::BulkSpill(std::string directory, uint64_t links)
    : directory_(std::move(directory)) {
  size_t parts = 1;
  while (parts < kPartsMax && parts * kLinksAPart < links) parts *= 2;
  for (size_t part = 0; part < parts; ++part) {
    files_.push_back(std::fopen(PathOf(part).c_str(), "w+be"));
    Require(files_.back() != nullptr, "bulk_load: a file of records");
  }
}

BulkSpill::~BulkSpill() {
  for (size_t part = 0; part < files_.size(); ++part) {
    if (files_[part] == nullptr) continue;
    std::fclose(files_[part]);
    unlink(PathOf(part).c_str());
  }
}

void BulkSpill::Add(const wire::NewRecord& record) {
  uint8_t bytes[kRecordBytesMax];
  auto size = base::EncodeWhole(base::MutableBytes(bytes), record);
  COFFER_CHECK(size.ok());
  // The first two bytes name the cell; the third is the first random one. Its
  // high bits, so that a part is one stretch of ids.
  const size_t part = record.link[2] * files_.size() / 256;
  Require(std::fwrite(bytes, 1, *size, files_[part]) == *size,
          "bulk_load: writing a record");
}

std::vector<uint8_t> BulkSpill::Take(size_t part) {
  std::FILE* file = files_[part];
  const long size = std::ftell(file);
  std::rewind(file);
  std::vector<uint8_t> bytes(static_cast<size_t>(size));
  Require(std::fread(bytes.data(), 1, bytes.size(), file) == bytes.size(),
          "bulk_load: reading records");
  std::fclose(file);
  unlink(PathOf(part).c_str());
  files_[part] = nullptr;
  return bytes;
}

std::string BulkSpill::PathOf(size_t part) const {
  return directory_ + "/records-" + std::to_string(part);
}

}  // namespace coffer::bench
