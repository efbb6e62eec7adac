#include "store_test_support.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

namespace coffer::store {
namespace {

constexpr unsigned kChildSeconds = 60;

template <typename T>
Buffer Encoded(const T& item) {
  Buffer out(base::kRecordHeadBytesMax + 256);
  auto size = base::EncodeWhole(out, item);
  COFFER_CHECK(size.ok());
  out.resize(*size);
  return out;
}

void PutNumber(wire::ByteArray<16>& out, uint32_t number) {
  for (size_t i = 0; i < 4; ++i) {
    out[2 + i] = static_cast<uint8_t>(number >> (24 - 8 * i));
  }
}

}  // namespace

Buffer Pattern(size_t size, uint64_t seed) {
  std::mt19937_64 engine(seed);
  Buffer bytes(size);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(engine());
  return bytes;
}

LinkId MakeLink(uint32_t number) {
  LinkId link{};
  PutNumber(link, number);
  link[15] = 0x4c;
  return link;
}

SubjectHash MakeSubject(uint32_t number) {
  SubjectHash subject{};
  PutNumber(subject, number);
  subject[15] = 0x53;
  return subject;
}

Sample MakeSample(uint32_t number, uint32_t subject) {
  Sample sample;
  sample.link = MakeLink(number);
  sample.subject = MakeSubject(subject);
  sample.leaf = number + 1;
  return sample;
}

Buffer Sample::Head() const {
  const Buffer box = Pattern(box_bytes, leaf * 3 + 1);
  wire::RecordHead head;
  head.link = link;
  head.revision = revision;
  head.leaf = leaf;
  head.expires_at = expires_at;
  head.institution = institution;
  head.linker = linker;
  head.subject = subject;
  head.metadata_box = box;
  return Encoded(head);
}

Buffer Sample::Wrap() const {
  wire::Wrap wrap;
  wrap.kek = kek;
  wrap.leaf = leaf;
  wrap.revision = revision;
  wrap.linker = linker;
  wrap.subject = subject;
  const Buffer box = Pattern(wrap.box.size(), leaf * 3 + 2);
  std::copy(box.begin(), box.end(), wrap.box.begin());
  return Encoded(wrap);
}

Buffer WrapUnder(Sample sample, const wire::KeyId& kek) {
  sample.kek = kek;
  return sample.Wrap();
}

Buffer Sample::TokenBox() const {
  return Pattern(token_box_bytes, leaf * 3 + 3);
}

Status Sample::PutInto(WriteBatch& batch) const {
  return batch.PutLink(link, Head(), Wrap(), TokenBox());
}

Status Put(Store& store, const Sample& sample) {
  return store.Commit([&](WriteBatch& batch) { return sample.PutInto(batch); });
}

void ExpectHas(Store& store, const Sample& sample) {
  auto found = store.GetLink(sample.link, true);
  ASSERT_TRUE(found.ok()) << MessageOf(found);
  EXPECT_TRUE(found->found());
  EXPECT_EQ(found->head, sample.Head());
  EXPECT_EQ(found->wrap, sample.Wrap());
  EXPECT_EQ(found->token_box, sample.TokenBox());
}

TempDirectory::TempDirectory() {
  // In memory where there is such a place: these tests sync often, and none of
  // them asks the disk.
  const bool shared = access("/dev/shm", W_OK | X_OK) == 0;
  std::string name =
      shared ? "/dev/shm" : std::filesystem::temp_directory_path().string();
  name += "/coffer-store-XXXXXX";
  COFFER_CHECK(mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> TempDirectory::Names() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Buffer ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
  return {text.begin(), text.end()};
}

void WriteFile(const std::string& path, const Buffer& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  COFFER_CHECK(file.good());
}

void CopyFile(const std::string& from, const std::string& to) {
  std::filesystem::copy_file(from, to,
                             std::filesystem::copy_options::overwrite_existing);
}

int RunInChild(const std::function<int()>& body) {
  const pid_t child = fork();
  COFFER_CHECK(child >= 0);
  if (child == 0) {
    alarm(kChildSeconds);
    _exit(body());
  }
  int status = 0;
  COFFER_CHECK(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace coffer::store
