// The sequences of links: create, read, list, replace, revoke, erase.
#include "tests/gate/gate_fixture.h"

namespace coffer::gate {
namespace {

using wire::Op;
using Ops = std::vector<Op>;

constexpr base::Error kFull{base::Code::kFull, "full"};

class Links : public GateTest {
 protected:
  std::string Replace(const std::string& link, const std::string& headers) {
    return Json("PUT", "/v1/links/" + link + "/bank_token",
                "{\"bank_token\":\"two\"}", headers);
  }
  std::string Revoke(const std::string& link) {
    return Json("PUT", "/v1/links/" + link + "/consent/revocation",
                "{\"reason\":\"USER_ACTION\"}");
  }
};

TEST_F(Links, CreateCommitsBeforeItAnswers) {
  HttpReply reply = Ask(Json("POST", "/v1/links", CreateBody()));
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.Header("ETag"), "\"1\"");
  EXPECT_EQ(keeper_.asked, Ops{Op::kCreate});
  EXPECT_EQ(keeper_.bank_tokens, std::vector<std::string>{"secret"});
  EXPECT_EQ(*store_.CountLinks(), 1u);
}

TEST_F(Links, ACreateThatIsNotCommittedIs503AndTheKeeperHearsOfIt) {
  Spin();
  store_.FailNextCommit(kFull, false);
  HttpReply reply = Ask(Json("POST", "/v1/links", CreateBody()));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(keeper_.asked, (Ops{Op::kCreate, Op::kNotCommitted}));
  EXPECT_EQ(keeper_.not_committed.size(), 1u);
  EXPECT_EQ(*store_.CountLinks(), 0u);
}

TEST_F(Links, ARefusedCreateStoresNothing) {
  keeper_.refuse[Op::kCreate] = wire::Rule::kUnknownInstitution;
  HttpReply reply = Ask(Json("POST", "/v1/links", CreateBody()));
  EXPECT_EQ(reply.status, 400);
  EXPECT_NE(reply.body.find("urn:coffer:audit:"), std::string::npos);
  EXPECT_EQ(*store_.CountLinks(), 0u);
}

TEST_F(Links, AnIdempotentCreateIsReplayedForTheSameBody) {
  std::string key = "Idempotency-Key: k-1\r\n";
  std::string request = Json("POST", "/v1/links", CreateBody(), key);
  HttpReply first = Ask(request);
  HttpReply second = Ask(request);
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(second.status, 201);
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(second.Header("ETag"), "\"1\"");
  EXPECT_EQ(keeper_.asked, (Ops{Op::kHash, Op::kCreate, Op::kHash}));
  EXPECT_EQ(*store_.CountLinks(), 1u);
}

TEST_F(Links, AnIdempotencyKeyWithAnotherBodyIs409) {
  std::string key = "Idempotency-Key: k-1\r\n";
  Ask(Json("POST", "/v1/links", CreateBody("a"), key));
  EXPECT_EQ(Ask(Json("POST", "/v1/links", CreateBody("b"), key)).status, 409);
  EXPECT_EQ(*store_.CountLinks(), 1u);
}

TEST_F(Links, AnIdempotencyKeyOfARequestUnderWayIs409) {
  std::string request =
      Json("POST", "/v1/links", CreateBody(), "Idempotency-Key: k-1\r\n");
  Spin();
  Client first = Connect();
  Client second = Connect();
  first.Send(request);
  second.Send(request);
  Spin();
  std::vector<HttpReply> one = first.Replies();
  std::vector<HttpReply> two = second.Replies();
  ASSERT_EQ(one.size(), 1u);
  ASSERT_EQ(two.size(), 1u);
  EXPECT_EQ(one[0].status, 201);
  EXPECT_EQ(two[0].status, 409);
  EXPECT_EQ(two[0].Header("Retry-After"), "1");
  // Once it is done, the key is free again for a replay.
  EXPECT_EQ(Ask(request).body, one[0].body);
}

TEST_F(Links, AFailedCreateFreesItsIdempotencyKey) {
  std::string request =
      Json("POST", "/v1/links", CreateBody(), "Idempotency-Key: k-1\r\n");
  Spin();
  store_.FailNextCommit(kFull, false);
  EXPECT_EQ(Ask(request).status, 503);
  EXPECT_EQ(Ask(request).status, 201);
}

TEST_F(Links, ABadIdempotencyKeyIs400) {
  HttpReply reply =
      Ask(Json("POST", "/v1/links", CreateBody(),
               "Idempotency-Key: " + std::string(129, 'k') + "\r\n"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_TRUE(keeper_.asked.empty());
}

TEST_F(Links, ReadAsksTheKeeperWithoutTheTokenAndAnswersWithAnETag) {
  std::string link = MakeLink();
  HttpReply reply = Ask(Get("/v1/links/" + link));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Header("ETag"), "\"1\"");
  EXPECT_EQ(keeper_.had_link, std::vector<bool>{true});
  EXPECT_EQ(keeper_.had_token_box, std::vector<bool>{false});
}

TEST_F(Links, TheKeeperAlsoDecidesOnALinkThatTheStoreDoesNotHave) {
  HttpReply reply = Ask(Get("/v1/links/lnk_AAAAAAAAAAAAAAAAAAAAAA"));
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(keeper_.had_link, std::vector<bool>{false});
}

TEST_F(Links, ALinkThatIsNoLinkIs404) {
  EXPECT_EQ(Ask(Get("/v1/links/other")).status, 404);
  EXPECT_TRUE(keeper_.asked.empty());
}

TEST_F(Links, ListShowsTheSubjectsLinksAndLeavesOutAnotherLinkers) {
  std::string one = MakeLink("a");
  std::string two = MakeLink("a");
  std::string other = MakeLink("b");
  keeper_.foreign.push_back(LinkOf(one));
  HttpReply reply = Ask(Get("/v1/links?subject=a"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body.find(one), std::string::npos);
  EXPECT_NE(reply.body.find(two), std::string::npos);
  EXPECT_EQ(reply.body.find(other), std::string::npos);
}

TEST_F(Links, ListOfAnUnknownSubjectIsEmpty) {
  HttpReply reply = Ask(Get("/v1/links?subject=nobody"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "{\"links\":[]}");
}

TEST_F(Links, ListIsCutIntoPagesThatFollowOneAnother) {
  std::vector<std::string> links;
  for (int i = 0; i < 5; ++i) links.push_back(MakeLink("a"));
  HttpReply page = Ask(Get("/v1/links?subject=a&limit=3"));
  EXPECT_NE(page.body.find("\"next\":\"" + links[2] + "\""), std::string::npos);
  EXPECT_EQ(page.body.find(links[3]), std::string::npos);
  page = Ask(Get("/v1/links?subject=a&limit=3&after=" + links[2]));
  EXPECT_EQ(page.body.find(links[2]), std::string::npos);
  EXPECT_NE(page.body.find(links[3]), std::string::npos);
  EXPECT_NE(page.body.find(links[4]), std::string::npos);
  EXPECT_EQ(page.body.find("\"next\":\""), std::string::npos);
}

TEST_F(Links, ADamagedLinkFailsTheListOnce) {
  for (int i = 0; i < 3; ++i) MakeLink("a");
  keeper_.refuse[Op::kRead] = wire::Rule::kRecordDamaged;
  EXPECT_EQ(Ask(Get("/v1/links?subject=a")).status, 500);
  keeper_.refuse.clear();
  EXPECT_EQ(Ask(Get("/v1/links?subject=a")).status, 200);
}

// The list ends early while a later batch still holds answers for it: nobody
// else may get these.
TEST_F(Links, AnswersThatComeAfterAListFailedReachNobodyElse) {
  std::string link;
  for (int i = 0; i < 5; ++i) link = MakeLink("a");
  keeper_.refuse[Op::kRead] = wire::Rule::kRecordDamaged;
  auto batch = [&](int size) {
    std::string wishes;
    for (int i = 0; i < size; ++i) wishes += (i ? "," : "") + TokenBody(link);
    return Json("POST", "/v1/token/batch", "{\"requests\":[" + wishes + "]}");
  };
  keeper_.holding = true;
  Client lister = Connect();
  lister.Send(Get("/v1/links?subject=a"));
  Spin();
  std::vector<Client> fillers;
  for (int size : {1, 256, 253}) {  // the second frame, then the third
    fillers.push_back(Connect());
    fillers.back().Send(batch(size));
    Spin();
  }
  std::vector<HttpReply> listed;
  for (int i = 0; i < 4 && listed.empty(); ++i) {
    keeper_.AnswerHeld(1);
    Spin();
    listed = lister.Replies();
  }
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].status, 500);
  EXPECT_EQ(turn_->in_progress(), 1u);
  Client other = Connect();
  other.Send(Json("POST", "/v1/token", TokenBody(link)));
  Spin();
  keeper_.holding = false;
  keeper_.AnswerHeld();
  Spin();
  EXPECT_EQ(other.Replies().at(0).status, 200);
  EXPECT_EQ(turn_->in_progress(), 0u);
}

TEST_F(Links, ReplaceCommitsThenTellsTheKeeperThenAnswers) {
  std::string link = MakeLink();
  HttpReply reply = Ask(Replace(link, "If-Match: \"1\"\r\n"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Header("ETag"), "\"2\"");
  EXPECT_EQ(keeper_.asked,
            (Ops{Op::kCreate, Op::kReplaceBankToken, Op::kCommitted}));
  auto stored = store_.GetLink(LinkOf(link), true);
  EXPECT_EQ(base::AsText(stored->token_box), "two");
}

TEST_F(Links, AReplaceIsNotAnsweredBeforeTheKeeperConfirmsTheCommit) {
  std::string link = MakeLink();
  Client client = Connect();
  client.Send(Replace(link, "If-Match: \"1\"\r\n"));
  keeper_.holding = true;
  Spin();
  keeper_.AnswerHeld();  // the replacement
  Spin();
  EXPECT_EQ(keeper_.committed.size(), 1u);
  EXPECT_TRUE(client.Replies().empty());
  keeper_.AnswerHeld();  // kCommitted
  Spin();
  EXPECT_EQ(client.Replies().size(), 1u);
}

TEST_F(Links, AReplaceThatIsNotCommittedIs503AndTheKeeperHearsOfIt) {
  std::string link = MakeLink();
  store_.FailNextCommit({base::Code::kIo, "io"}, true);
  EXPECT_EQ(Ask(Replace(link, "If-Match: \"1\"\r\n")).status, 503);
  EXPECT_EQ(keeper_.not_committed.size(), 1u);
  EXPECT_TRUE(keeper_.committed.empty());
}

TEST_F(Links, AReplaceNeedsAnIfMatchThatIsAQuotedNumber) {
  std::string link = MakeLink();
  EXPECT_EQ(Ask(Replace(link, "")).status, 428);
  EXPECT_EQ(Ask(Replace(link, "If-Match: 1\r\n")).status, 400);
  EXPECT_EQ(Ask(Replace(link, "If-Match: *\r\n")).status, 400);
  EXPECT_EQ(keeper_.asked, Ops{Op::kCreate});
}

TEST_F(Links, ALostRaceIs412) {
  std::string link = MakeLink();
  keeper_.refuse[Op::kReplaceBankToken] = wire::Rule::kRevisionMismatch;
  EXPECT_EQ(Ask(Replace(link, "If-Match: \"9\"\r\n")).status, 412);
}

TEST_F(Links, AConsentIsReplacedWithTheBankTokenResealed) {
  std::string link = MakeLink();
  HttpReply reply =
      Ask(Json("PUT", "/v1/links/" + link + "/consent",
               "{\"consentId\":\"c-2\",\"purposes\":[\"receipts\"],"
               "\"dataClusters\":[\"TRANSACTIONS\"],\"durationType\":"
               "\"PERSISTENT\"}",
               "If-Match: \"1\"\r\n"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(keeper_.had_token_box, std::vector<bool>{true});
  EXPECT_EQ(base::AsText(store_.GetLink(LinkOf(link), true)->token_box),
            "resealed");
}

TEST_F(Links, ARevocationIsAnsweredWhateverTheStoreDoesAndThenRetried) {
  std::string link = MakeLink();
  store_.FailNextCommit(kFull, false);
  HttpReply reply = Ask(Revoke(link));
  EXPECT_EQ(reply.status, 204);
  EXPECT_TRUE(reply.body.empty());
  EXPECT_FALSE(store_.GetLink(LinkOf(link), true)->token_box.empty());
  EXPECT_EQ(turn_->retries().size(), 1u);
  clock_.Advance(1);
  Spin();
  EXPECT_TRUE(store_.GetLink(LinkOf(link), true)->token_box.empty());
  EXPECT_EQ(turn_->retries().size(), 0u);
  EXPECT_TRUE(keeper_.not_committed.empty());
}

TEST_F(Links, AnErasureOvertakesARevocationThatTheStoreStillOwes) {
  std::string link = MakeLink();
  store_.FailNextCommit(kFull, false);
  Ask(Revoke(link));
  EXPECT_EQ(Ask(Delete("/v1/links/" + link)).status, 200);
  clock_.Advance(60);
  Spin();
  EXPECT_FALSE(store_.GetLink(LinkOf(link), false)->found());
}

TEST_F(Links, EraseAnswersWithItsCertificateAndIsRetried) {
  std::string link = MakeLink();
  store_.FailNextCommit({base::Code::kIo, "io"}, false);
  HttpReply reply = Ask(Delete("/v1/links/" + link));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body,
            "{\"erased\":1,\"certificate\":\"v4.public.certificate\"}");
  EXPECT_TRUE(store_.GetLink(LinkOf(link), false)->found());
  clock_.Advance(1);
  Spin();
  EXPECT_FALSE(store_.GetLink(LinkOf(link), false)->found());
}

TEST_F(Links, EraseOfASubjectCountsTheAskersOwnLinks) {
  MakeLink("a");
  MakeLink("a");
  keeper_.caller = "other";
  std::string others = MakeLink("a");
  keeper_.caller = "dev";
  HttpReply reply = Ask(Delete("/v1/subjects/a"));
  EXPECT_NE(reply.body.find("\"erased\":2"), std::string::npos);
  EXPECT_EQ(keeper_.reported_links, 2u);
  EXPECT_EQ(*store_.CountLinks(), 1u);
  EXPECT_TRUE(store_.GetLink(LinkOf(others), false)->found());
}

TEST_F(Links, EraseOfASubjectWithAllLinksTakesEveryLinkers) {
  MakeLink("a b/c");
  keeper_.caller = "other";
  MakeLink("a b/c");
  keeper_.all_links = true;
  HttpReply reply = Ask(Delete("/v1/subjects/a%20b%2Fc"));
  EXPECT_NE(reply.body.find("\"erased\":2"), std::string::npos);
  EXPECT_EQ(*store_.CountLinks(), 0u);
}

TEST_F(Links, EraseOfAnUnknownSubjectErasesNothing) {
  HttpReply reply = Ask(Delete("/v1/subjects/nobody"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.body.find("\"erased\":0"), std::string::npos);
}

TEST_F(Links, WritesOfOneTurnAreOneCommit) {
  Spin();
  std::vector<Client> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(Connect());
    clients.back().Send(Json("POST", "/v1/links", CreateBody()));
  }
  Spin();
  api::TextBuilder text;
  metrics_.Write(text, {});
  EXPECT_NE(text.view().find("coffer_store_commits_total 1\n"),
            std::string::npos);
  EXPECT_EQ(*store_.CountLinks(), 8u);
}

}  // namespace
}  // namespace coffer::gate
