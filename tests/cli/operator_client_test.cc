#include "cli/operator_client.h"

#include "tests/cli/harness.h"

namespace coffer::cli {
namespace {

using wire::OperatorCode;
using wire::OperatorOp;

std::vector<uint8_t> Frame(const std::vector<uint8_t>& content) {
  std::vector<uint8_t> frame(4 + content.size());
  base::Encoder(base::MutableBytes(frame).first(4))
      .Number(static_cast<uint32_t>(content.size()));
  std::copy(content.begin(), content.end(), frame.begin() + 4);
  return frame;
}

// What a client makes of one raw answer.
Outcome<OperatorAnswer> AnswerTo(const std::vector<uint8_t>& raw) {
  TemporaryDirectory directory;
  FakeServer server(directory / "s", [&](int socket) {
    base::ByteArray<6> question{};
    if (!os::ReadFull(socket, question).ok()) return;
    (void)os::WriteFull(socket, raw).ok();
  });
  auto client = OperatorClient::Connect(server.path());
  if (!client.ok()) return client.failure();
  return client->Ask(OperatorOp::kSeal, wire::EmptyQuestion{});
}

std::vector<uint8_t> Answer(uint8_t format, OperatorOp op, OperatorCode code,
                            std::string_view message) {
  std::vector<uint8_t> bytes(512);
  auto size =
      base::EncodeWhole(base::MutableBytes(bytes),
                        wire::OperatorAnswerHeader{format, op, code, message});
  bytes.resize(*size);
  return bytes;
}

TEST(OperatorClient, CodesBecomeExitCodes) {
  auto exit_of = [](OperatorCode code) {
    auto answer = AnswerTo(Frame(Answer(1, OperatorOp::kSeal, code, "why")));
    return answer.ok() ? Exit::kDone : answer.failure().exit;
  };
  EXPECT_EQ(exit_of(OperatorCode::kDone), Exit::kDone);
  EXPECT_EQ(exit_of(OperatorCode::kMalformed), Exit::kRefused);
  EXPECT_EQ(exit_of(OperatorCode::kRefused), Exit::kRefused);
  EXPECT_EQ(exit_of(OperatorCode::kSealed), Exit::kSealed);
  EXPECT_EQ(exit_of(OperatorCode::kNewerFormat), Exit::kRefused);
  EXPECT_EQ(exit_of(static_cast<OperatorCode>(99)), Exit::kRefused);
}

TEST(OperatorClient, MessagesAreShownWithoutControlCharacters) {
  auto answer = AnswerTo(
      Frame(Answer(1, OperatorOp::kSeal, OperatorCode::kRefused, "no\x1b[2J")));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.failure().what, "no?[2J");
}

TEST(OperatorClient, EveryTruncationIsAFailureAndNeverAHang) {
  std::vector<uint8_t> whole =
      Frame(Answer(1, OperatorOp::kSeal, OperatorCode::kDone, "abc"));
  ASSERT_TRUE(AnswerTo(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    auto cut = AnswerTo({whole.begin(), whole.begin() + size});
    ASSERT_FALSE(cut.ok()) << size;
    EXPECT_EQ(cut.failure().exit, Exit::kUnreachable) << size;
  }
}

TEST(OperatorClient, AnotherFormatAnotherOpAndLongFramesAreRefused) {
  auto newer =
      AnswerTo(Frame(Answer(2, OperatorOp::kSeal, OperatorCode::kDone, "")));
  ASSERT_FALSE(newer.ok());
  EXPECT_NE(newer.failure().what.find("newer"), std::string::npos);
  EXPECT_FALSE(
      AnswerTo(Frame(Answer(0, OperatorOp::kSeal, OperatorCode::kDone, "")))
          .ok());
  EXPECT_FALSE(
      AnswerTo(Frame(Answer(1, OperatorOp::kStatus, OperatorCode::kDone, "")))
          .ok());
  EXPECT_FALSE(AnswerTo({0xff, 0xff, 0xff, 0xff, 1}).ok());
  EXPECT_FALSE(AnswerTo(Frame({})).ok());
}

TEST(OperatorClient, FieldsWithATrailingByteAreRefused) {
  auto content = Answer(1, OperatorOp::kSeal, OperatorCode::kDone, "");
  content.push_back(7);
  auto answer = AnswerTo(Frame(content));
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(answer->As<wire::InitAnswer>().ok());
  EXPECT_FALSE(answer->As<wire::EmptyQuestion>().ok());
}

}  // namespace
}  // namespace coffer::cli
