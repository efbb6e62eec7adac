#include "tests/cli/harness.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "crypto/random.h"

namespace coffer::cli {

TemporaryDirectory::TemporaryDirectory() {
  char name[] = "/tmp/coffer-cli-XXXXXX";
  path_ = mkdtemp(name);
}
TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void WriteFile(const std::string& path, std::string_view text, unsigned mode) {
  std::ofstream(path, std::ios::binary) << text;
  chmod(path.c_str(), mode);
}
std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
unsigned ModeOf(const std::string& path) {
  struct stat about {};
  return stat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
}

Done FakeTerminal::ReadSecret(std::string_view, base::SecretBuffer& line) {
  if (typed.empty()) return Failure{Exit::kRefused, "nothing typed", ""};
  std::string text = typed.front();
  typed.erase(typed.begin());
  line.Clear();
  if (!line.Append(base::AsBytes(text))) {
    return Failure{Exit::kRefused, "too long", ""};
  }
  return base::Nothing{};
}

FakeServer::FakeServer(std::string path, Serve serve)
    : path_(std::move(path)), serve_(std::move(serve)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  listener_.Reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address),
                 sizeof address),
            0);
  EXPECT_EQ(listen(listener_.get(), 64), 0);
  accepting_ = std::thread([this] { Accept(); });
}

FakeServer::~FakeServer() {
  ends_ = true;
  shutdown(listener_.get(), SHUT_RDWR);
  accepting_.join();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (int socket : sockets_) shutdown(socket, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  for (int socket : sockets_) close(socket);
}

void FakeServer::Accept() {
  while (!ends_) {
    int socket = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    ++connections_;
    std::lock_guard<std::mutex> lock(mutex_);
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket] {
      serve_(socket);
      shutdown(socket, SHUT_RDWR);
    });
  }
}

FakeKeeper::FakeKeeper(const std::string& path, Handler handler)
    : handler_(std::move(handler)),
      server_(path, [this](int socket) { Serve(socket); }) {}

int FakeKeeper::asked(wire::OperatorOp op) {
  std::lock_guard<std::mutex> lock(mutex_);
  return asked_[op];
}

void FakeKeeper::Serve(int socket) {
  for (;;) {
    base::ByteArray<4> head{};
    if (!os::ReadFull(socket, head).ok()) return;
    uint32_t size = 0;
    base::Decoder(head).Number(size);
    std::vector<uint8_t> frame(size);
    if (!os::ReadFull(socket, frame).ok()) return;
    base::Decoder decoder{base::Bytes(frame)};
    wire::OperatorQuestionHeader header;
    decoder.Struct(header);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ++asked_[header.op];
    }
    KeeperAnswer answer = handler_(header.op, decoder.rest());
    if (answer.silent) return;
    std::vector<uint8_t> out(base::kOperatorFrameBytesMax + 4);
    base::Encoder encoder{base::MutableBytes(out)};
    encoder.Number(uint32_t{0});
    encoder.Struct(wire::OperatorAnswerHeader{wire::kOperatorFormat, header.op,
                                              answer.code, answer.message});
    if (answer.code == wire::OperatorCode::kDone ||
        answer.code == wire::OperatorCode::kAwaitsApproval) {
      encoder.Append(answer.fields);
    }
    base::Encoder(base::MutableBytes(out).first(4))
        .Number(static_cast<uint32_t>(encoder.used() - 4));
    if (!os::WriteFull(socket, encoder.written()).ok()) return;
  }
}

FakeVault::FakeVault(const std::string& path, Handler handler)
    : handler_(std::move(handler)),
      server_(path, [this](int socket) { Serve(socket); }) {}

std::vector<HttpQuestion> FakeVault::questions() {
  std::lock_guard<std::mutex> lock(mutex_);
  return questions_;
}

void FakeVault::Serve(int socket) {
  std::string input;
  for (;;) {
    size_t head = 0;
    char chunk[4096];
    while ((head = input.find("\r\n\r\n")) == std::string::npos) {
      ssize_t got = recv(socket, chunk, sizeof chunk, 0);
      if (got <= 0) return;
      input.append(chunk, static_cast<size_t>(got));
    }
    HttpQuestion question;
    std::istringstream lines(input.substr(0, head));
    std::string line;
    std::getline(lines, line);
    std::istringstream(line) >> question.method >> question.target;
    while (std::getline(lines, line)) {
      size_t colon = line.find(": ");
      std::string name = line.substr(0, colon);
      std::transform(name.begin(), name.end(), name.begin(), ::tolower);
      std::string value = line.substr(colon + 2);
      if (!value.empty() && value.back() == '\r') value.pop_back();
      question.headers[name] = value;
    }
    size_t length = 0;
    if (question.headers.count("content-length") != 0) {
      length = std::stoul(question.headers["content-length"]);
    }
    while (input.size() < head + 4 + length) {
      ssize_t got = recv(socket, chunk, sizeof chunk, 0);
      if (got <= 0) return;
      input.append(chunk, static_cast<size_t>(got));
    }
    question.body = input.substr(head + 4, length);
    input.erase(0, head + 4 + length);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      questions_.push_back(question);
    }
    std::string answer = handler_(question);
    if (answer.empty()) return;
    if (!os::WriteFull(socket, base::AsBytes(answer)).ok()) return;
    if (answer.find("Connection: close") != std::string::npos) return;
  }
}

std::string HttpText(int status, const std::string& body,
                     const std::string& headers) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Type: application/json\r\n" + headers +
         (status == 204
              ? ""
              : "Content-Length: " + std::to_string(body.size()) + "\r\n") +
         "\r\n" + body;
}

Coffer::Coffer() { EXPECT_TRUE(crypto::Initialise().ok()); }

Exit Coffer::Run(std::vector<std::string> words) {
  out_.str("");
  err_.str("");
  Context context{out_,
                  err_,
                  terminal,
                  clock,
                  [this](const char* name) -> const char* {
                    auto found = environment.find(name);
                    return found == environment.end() ? nullptr
                                                      : found->second.c_str();
                  },
                  input,
                  default_config,
                  "",
                  program_folder};
  return cli::Run(words, context);
}

Exit Coffer::RunHere(std::vector<std::string> words) {
  words.insert(words.begin(),
               {"--caller-socket", caller_socket(), "--operator-socket",
                operator_socket(), "--monitor-socket", monitor_socket()});
  return Run(std::move(words));
}

::testing::AssertionResult Fits80(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.size() > 80) {
      return ::testing::AssertionFailure() << "too wide: " << line;
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace coffer::cli
