// Runs a fuzz target over its committed corpus, without libFuzzer: every file
// whole, and cut at every length of its first bytes. Fails when there is no
// corpus, so that a target cannot pass by having nothing to do.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int* argc,
                                                          char*** argv);

namespace {

constexpr size_t kCutsMax = 256;

void RunOne(const std::vector<uint8_t>& input, size_t size) {
  // An exact heap copy, so that a sanitizer sees a read past the end.
  std::vector<uint8_t> copy(input.begin(),
                            input.begin() + static_cast<ptrdiff_t>(size));
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (LLVMFuzzerInitialize != nullptr) LLVMFuzzerInitialize(&argc, &argv);
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator(argv[i], error)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    std::fprintf(stderr, "no corpus: usage: %s DIRECTORY...\n", argv[0]);
    return 1;
  }
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
    std::vector<uint8_t> input(text.begin(), text.end());
    std::printf("%s\n", path.filename().c_str());
    std::fflush(stdout);  // names the file if the next line crashes
    RunOne(input, input.size());
    for (size_t size = 0; size < std::min(input.size(), kCutsMax); ++size) {
      RunOne(input, size);
    }
  }
  std::printf("%zu inputs replayed\n", files.size());
  return 0;
}
