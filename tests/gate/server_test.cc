// The loop: pipelining, limits, deadlines, states of the vault, ends.
#include "vault/gate/server.h"

#include <sys/socket.h>

#include "tests/gate/gate_fixture.h"

namespace coffer::gate {
namespace {

using wire::Op;

class ServerLoop : public GateTest {
 protected:
  std::string Issue(const std::string& purpose) {
    return Json("POST", "/v1/token",
                TokenBody("lnk_AAABAAAAAAAAAAAAAAAAAA", purpose));
  }
};

TEST_F(ServerLoop, PipelinedRequestsAreAnsweredInOrder) {
  Client client = Connect();
  client.Send(Issue("one") + Get("/nope") + Issue("two") + Get("/v1/health") +
              Issue("advertising"));
  Spin();
  std::vector<HttpReply> replies = client.Replies();
  ASSERT_EQ(replies.size(), 5u);
  EXPECT_NE(replies[0].body.find("v4.local.one"), std::string::npos);
  EXPECT_EQ(replies[1].status, 404);
  EXPECT_NE(replies[2].body.find("v4.local.two"), std::string::npos);
  EXPECT_EQ(replies[3].body, "{\"status\":\"ok\"}");
  EXPECT_EQ(replies[4].status, 403);
}

TEST_F(ServerLoop, RequestsThatMayOverlapShareOneBatch) {
  Spin();
  keeper_.batch_sizes.clear();
  Client client = Connect();
  client.Send(Issue("one") + Issue("two") + Issue("three"));
  Spin();
  EXPECT_EQ(client.Replies().size(), 3u);
  EXPECT_EQ(keeper_.batch_sizes, std::vector<size_t>{3});
}

TEST_F(ServerLoop, AWriteWaitsForTheRequestsBeforeItAndHoldsThoseBehind) {
  Client client = Connect();
  client.Send(Issue("one") + Json("POST", "/v1/links", CreateBody()) +
              Get("/v1/links?subject=cust-1"));
  Spin(30);
  std::vector<HttpReply> replies = client.Replies();
  ASSERT_EQ(replies.size(), 3u);
  EXPECT_EQ(replies[1].status, 201);
  EXPECT_NE(replies[2].body.find("lnk_"), std::string::npos);
  EXPECT_EQ(keeper_.asked,
            (std::vector<Op>{Op::kIssue, Op::kCreate, Op::kHash, Op::kRead}));
}

TEST_F(ServerLoop, MorePipelinedRequestsThanMayBeUnderWayAreAllAnswered) {
  Client client = Connect();
  std::string all;
  for (int i = 0; i < 200; ++i) all += Issue("p" + std::to_string(i));
  client.Send(all);
  Spin(120);
  std::vector<HttpReply> replies = client.Replies();
  ASSERT_EQ(replies.size(), 200u);
  for (int i = 0; i < 200; ++i) {
    std::string token = "v4.local.p" + std::to_string(i) + "\"";
    EXPECT_NE(replies[i].body.find(token), std::string::npos) << i;
  }
}

TEST_F(ServerLoop, AHalfClosedClientStillGetsItsAnswer) {
  Client client = Connect();
  client.Send(Issue("one") + Issue("two"));
  client.ShutWrite();
  Spin();
  EXPECT_EQ(client.Replies().size(), 2u);
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(ServerLoop, ConnectionCloseAndHttp10EndAfterTheAnswer) {
  for (const char* request :
       {"GET /v1/health HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET /v1/health HTTP/1.0\r\n\r\n"}) {
    Client client = Connect();
    client.Send(std::string(request) + Get("/v1/health"));
    Spin();
    EXPECT_EQ(client.Replies().size(), 1u) << request;
    EXPECT_TRUE(client.ended()) << request;
  }
}

TEST_F(ServerLoop, AClientThatLeavesDisturbsNobody) {
  Spin();
  keeper_.holding = true;
  Client leaver = Connect();
  Client stayer = Connect();
  leaver.Send(Json("POST", "/v1/links", CreateBody()));
  stayer.Send(Issue("one"));
  Spin();
  leaver.Close();
  Spin();
  keeper_.holding = false;
  for (int i = 0; i < 4; ++i) {
    keeper_.AnswerHeld();
    Spin();
  }
  EXPECT_EQ(stayer.Replies().size(), 1u);
  EXPECT_EQ(server_->connections(), 1u);
  // The keeper had decided: the record is kept all the same.
  EXPECT_EQ(*store_.CountLinks(), 1u);
}

TEST_F(ServerLoop, WhatIsNoRequestIsAnsweredThenTheConnectionEnds) {
  struct Case {
    std::string request;
    int status;
  };
  const Case cases[] = {
      {"nonsense\r\n\r\n", 400},
      {"POST /v1/token HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411},
      {"POST /v1/token HTTP/1.1\r\nContent-Length: 70000\r\n\r\n", 413},
      {"GET /" + std::string(9000, 'a'), 431},
  };
  for (const Case& item : cases) {
    Client client = Connect();
    client.Send(item.request);
    Spin();
    std::vector<HttpReply> replies = client.Replies();
    ASSERT_EQ(replies.size(), 1u) << item.status;
    EXPECT_EQ(replies[0].status, item.status);
    EXPECT_EQ(replies[0].Header("Connection"), "close");
    EXPECT_TRUE(client.ended());
    client.ShutWrite();
    Spin();
    EXPECT_EQ(server_->connections(), 0u);
  }
}

TEST_F(ServerLoop, TheRestOfARefusedBodyIsDrainedForAWhile) {
  Client client = Connect();
  client.Send("POST /v1/token HTTP/1.1\r\nContent-Length: 999999\r\n\r\n");
  Spin();
  client.Send(std::string(50000, 'x'));
  Spin();
  EXPECT_EQ(client.Replies().at(0).status, 413);
  EXPECT_EQ(server_->connections(), 1u);
  clock_.Advance(2);
  Spin();
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(ServerLoop, RoutesRefuseOtherTypesMethodsBodiesAndQueries) {
  struct Case {
    std::string request;
    int status;
  };
  const Case cases[] = {
      {"POST /v1/token HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 415},
      {"POST /v1/token HTTP/1.1\r\nContent-Type: text/plain\r\n"
       "Content-Length: 2\r\n\r\n{}",
       415},
      {"POST /v1/token HTTP/1.1\r\nContent-Type: application/jsonx\r\n"
       "Content-Length: 2\r\n\r\n{}",
       415},
      {"POST /v1/token HTTP/1.1\r\nContent-Type: Application/JSON ; "
       "charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
       400},
      {"PUT /v1/token HTTP/1.1\r\n\r\n", 405},
      {"BREW /v1/token HTTP/1.1\r\n\r\n", 405},
      {Get("/v1/status"), 404},
      {Get("/checkpoint"), 404},
      {Get("/v1/keys?x=1"), 400},
      {"GET /v1/keys HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400},
  };
  for (const Case& item : cases) {
    EXPECT_EQ(Ask(item.request).status, item.status) << item.request;
  }
  EXPECT_EQ(Ask("PUT /v1/token HTTP/1.1\r\n\r\n").Header("Allow"), "POST");
  EXPECT_TRUE(keeper_.asked.empty());
}

TEST_F(ServerLoop, AClientThatWaitsIsToldToContinue) {
  Client client = Connect();
  client.Send(
      "POST /v1/token HTTP/1.1\r\nContent-Type: application/json\r\n"
      "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  Spin();
  std::vector<HttpReply> replies = client.Replies();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].status, 100);
  client.Send("{}");
  Spin();
  EXPECT_EQ(client.Replies().at(0).status, 400);
}

TEST_F(ServerLoop, ContinueComesAfterTheAnswersBeforeIt) {
  Spin();
  keeper_.holding = true;
  Client client = Connect();
  client.Send(Issue("one") +
              "POST /v1/token HTTP/1.1\r\nContent-Type: application/json\r\n"
              "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  Spin();
  keeper_.AnswerHeld();
  Spin();
  EXPECT_TRUE(client.rest().empty());
  keeper_.holding = false;
  keeper_.AnswerHeld();
  Spin();
  std::vector<HttpReply> replies = client.Replies();
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].status, 200);
  EXPECT_EQ(replies[1].status, 100);
}

TEST_F(ServerLoop, SlowHeadersAndBodiesAre408) {
  Client header = Connect();
  Client body = Connect();
  header.Send("GET /v1/health HTT");
  body.Send("POST /v1/token HTTP/1.1\r\nContent-Length: 9\r\n\r\n{");
  Spin();
  clock_.Advance(base::kHeaderSecondsMax + 1);
  Spin();
  EXPECT_EQ(header.Replies().at(0).status, 408);
  EXPECT_TRUE(header.ended());
  EXPECT_TRUE(body.Replies().empty());
  clock_.Advance(base::kBodySecondsMax);
  Spin();
  EXPECT_EQ(body.Replies().at(0).status, 408);
}

TEST_F(ServerLoop, DrippingBytesDoesNotMoveTheDeadline) {
  Client client = Connect();
  client.Send("GET /v1/health HTT");
  Spin();
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(1);
    client.Send("P");
    Spin();
  }
  std::vector<HttpReply> replies = client.Replies();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_GE(replies[0].status, 400);
}

TEST_F(ServerLoop, IdleConnectionsEndSilentlyAfterAMinute) {
  Client client = Connect();
  client.Send(Get("/v1/health"));
  Spin();
  EXPECT_EQ(client.Replies().size(), 1u);
  clock_.Advance(base::kIdleSecondsMax - 1);
  Spin();
  EXPECT_FALSE(client.ended());
  clock_.Advance(2);
  Spin();
  EXPECT_TRUE(client.Replies().empty());
  EXPECT_TRUE(client.ended());
}

TEST_F(ServerLoop, AClientThatDoesNotReadIsClosed) {
  Client client = Connect();
  int small = 4096;
  setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  std::string all;
  for (int i = 0; i < 400; ++i) all += Get("/metrics-not-here");
  for (int round = 0; round < 40 && server_->connections() <= 1; ++round) {
    ssize_t put =
        send(client.fd(), all.data(), all.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0) break;
    Spin(40);
  }
  EXPECT_EQ(server_->connections(), 1u);
  clock_.Advance(11);
  Spin();
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(ServerLoop, SealedVaultsAnswer503ButHealthAndStatus) {
  keeper_.state = wire::VaultState::kSealed;
  HttpReply reply = Ask(Issue("one"));
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.body.find("\"error\":\"sealed\""), std::string::npos);
  EXPECT_TRUE(keeper_.asked.empty());
  HttpReply health = Ask(Get("/v1/health"));
  EXPECT_EQ(health.status, 503);
  EXPECT_EQ(health.body, "{\"status\":\"sealed\"}");
  EXPECT_EQ(AskMonitor(Get("/v1/status")).status, 200);
  // What is no route and no type stays that.
  EXPECT_EQ(Ask(Get("/nope")).status, 404);
}

TEST_F(ServerLoop, TheFirstRequestAfterAnUnsealIsServed) {
  keeper_.state = wire::VaultState::kSealed;
  Spin();
  keeper_.state = wire::VaultState::kOperational;
  EXPECT_EQ(Ask(Issue("one")).status, 200);
}

TEST_F(ServerLoop, EveryStateHasItsHealth) {
  const std::pair<wire::VaultState, const char*> states[] = {
      {wire::VaultState::kUninitialised, "uninitialised"},
      {wire::VaultState::kSealed, "sealed"},
      {wire::VaultState::kStarting, "starting"},
      {wire::VaultState::kError, "error"}};
  for (const auto& [state, text] : states) {
    keeper_.state = state;
    HttpReply health = AskMonitor(Get("/v1/health"));
    EXPECT_EQ(health.status, 503);
    EXPECT_EQ(health.body, "{\"status\":\"" + std::string(text) + "\"}");
    EXPECT_EQ(Ask(Issue("one")).status, 503) << text;
  }
}

TEST_F(ServerLoop, HeadOfAMonitorRouteHasNoBody) {
  Client client = Connect(wire::SocketKind::kMonitor);
  client.Send("HEAD /v1/health HTTP/1.1\r\nConnection: close\r\n\r\n");
  Spin();
  client.Replies();
  EXPECT_NE(client.rest().find("Content-Length: 15\r\n"), std::string::npos);
  EXPECT_EQ(client.rest().substr(client.rest().size() - 4), "\r\n\r\n");
}

TEST_F(ServerLoop, MetricsCountRequestsByRouteAndClass) {
  Ask(Issue("one"));
  Ask(Issue("advertising"));
  HttpReply reply = AskMonitor(Get("/metrics"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.body.find("coffer_requests_total{route=\"POST /v1/token\","
                            "status=\"2xx\"} 1\n"),
            std::string::npos);
  EXPECT_NE(reply.body.find("status=\"4xx\"} 1\n"), std::string::npos);
  EXPECT_NE(reply.body.find("coffer_state{state=\"operational\"} 1\n"),
            std::string::npos);
}

TEST_F(ServerLoop, TheStoreIsBoundToItsVault) {
  Spin();
  auto row = store_.GetState("vault_id");
  ASSERT_TRUE(row.ok());
  EXPECT_TRUE(base::Equal(*row, keeper_.vault_id));
}

TEST_F(ServerLoop, AStoreOfAnotherVaultEndsTheGate) {
  Spin();
  keeper_.vault_id = {9, 9};
  StartServer();
  EXPECT_EQ(Spin(), ServerEnd::kBroken);
  EXPECT_NE(std::string(server_->fault()).find("another vault"),
            std::string::npos);
}

TEST_F(ServerLoop, StopAnswersWhatIsUnderWayAndTakesNothingMore) {
  Spin();
  keeper_.holding = true;
  Client busy = Connect();
  Client idle = Connect();
  busy.Send(Issue("one"));
  Spin();
  server_->Stop();
  busy.Send(Issue("two"));
  EXPECT_EQ(Spin(), ServerEnd::kRunning);
  EXPECT_TRUE(idle.ended());
  keeper_.holding = false;
  keeper_.AnswerHeld();
  EXPECT_EQ(Spin(), ServerEnd::kStopped);
  EXPECT_EQ(busy.Replies().size(), 1u);
}

TEST_F(ServerLoop, AKeeperThatEndsEndsTheGateAndNothingIsAcknowledged) {
  Spin();
  keeper_.holding = true;
  Client client = Connect();
  client.Send(Json("POST", "/v1/links", CreateBody()));
  Spin();
  keeper_.HangUp();
  EXPECT_EQ(Spin(), ServerEnd::kKeeperEnded);
  EXPECT_TRUE(client.Replies().empty());
  EXPECT_EQ(*store_.CountLinks(), 0u);
}

// --- Answers that are none ---------------------------------------------------

class BadAnswers : public ServerLoop {
 protected:
  ServerEnd EndAfter(void (*spoil)(std::vector<uint8_t>&)) {
    Spin();
    keeper_.spoil = spoil;
    Client client = Connect();
    client.Send(Json("POST", "/v1/links", CreateBody()));
    ServerEnd end = Spin();
    EXPECT_TRUE(client.Replies().empty());
    EXPECT_EQ(*store_.CountLinks(), 0u);
    return end;
  }
};

TEST_F(BadAnswers, ATrailingByteEndsTheGate) {
  EXPECT_EQ(EndAfter([](std::vector<uint8_t>& bytes) {
              bytes.push_back(0);
              ++bytes[0];
            }),
            ServerEnd::kBroken);
}
TEST_F(BadAnswers, AnotherFormatEndsTheGate) {
  EXPECT_EQ(EndAfter([](std::vector<uint8_t>& bytes) { ++bytes[4]; }),
            ServerEnd::kBroken);
}
TEST_F(BadAnswers, AnotherSequenceEndsTheGate) {
  EXPECT_EQ(EndAfter([](std::vector<uint8_t>& bytes) { ++bytes[5]; }),
            ServerEnd::kBroken);
}
TEST_F(BadAnswers, AnotherCountEndsTheGate) {
  EXPECT_EQ(EndAfter([](std::vector<uint8_t>& bytes) { ++bytes[13]; }),
            ServerEnd::kBroken);
}
TEST_F(BadAnswers, AnUnknownStateEndsTheGate) {
  EXPECT_EQ(EndAfter([](std::vector<uint8_t>& bytes) { bytes[15] = 6; }),
            ServerEnd::kBroken);
}
TEST_F(BadAnswers, AnAnswerToAnotherQuestionEndsTheGate) {
  EXPECT_EQ(EndAfter([](std::vector<uint8_t>& bytes) { ++bytes[16]; }),
            ServerEnd::kBroken);
}
TEST_F(BadAnswers, AnUnknownRuleEndsTheGate) {
  EXPECT_EQ(EndAfter([](std::vector<uint8_t>& bytes) { bytes[17] = 250; }),
            ServerEnd::kBroken);
}
TEST_F(BadAnswers, FieldsCutShortEndTheGate) {
  EXPECT_EQ(EndAfter([](std::vector<uint8_t>& bytes) {
              bytes.resize(bytes.size() - 1);
              uint32_t size = static_cast<uint32_t>(bytes.size() - 4);
              base::Encoder(base::MutableBytes(bytes)).Number(size);
            }),
            ServerEnd::kBroken);
}
TEST_F(BadAnswers, AnImpossibleSizeEndsTheGate) {
  EXPECT_EQ(EndAfter([](std::vector<uint8_t>& bytes) { bytes[3] = 0xff; }),
            ServerEnd::kBroken);
}

}  // namespace
}  // namespace coffer::gate
