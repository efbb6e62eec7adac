// The sequences of tokens: issue, batch, redeem, introspect, revoke.
#include "tests/gate/gate_fixture.h"

namespace coffer::gate {
namespace {

using wire::Op;
using wire::Rule;
using Ops = std::vector<Op>;

class Tokens : public GateTest {
 protected:
  Tokens() { link_ = MakeLink(); }
  HttpReply Show(const std::string& route,
                 const std::string& body = "{\"token\":\"v4.local.x\"}") {
    keeper_.asked.clear();
    keeper_.had_token_box.clear();
    return Ask(Json("POST", route, body));
  }
  std::string link_;
};

TEST_F(Tokens, IssueFetchesTheLinkWithoutItsToken) {
  HttpReply reply = Ask(Json("POST", "/v1/token", TokenBody(link_)));
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.body.find("v4.local.balance_display"), std::string::npos);
  EXPECT_EQ(keeper_.had_link, std::vector<bool>{true});
  EXPECT_EQ(keeper_.had_token_box, std::vector<bool>{false});
}

TEST_F(Tokens, AMalformedWishNeverReachesTheKeeper) {
  keeper_.asked.clear();
  EXPECT_EQ(Ask(Json("POST", "/v1/token", "{")).status, 400);
  EXPECT_EQ(Ask(Json("POST", "/v1/token", "{\"x\":1}")).status, 400);
  EXPECT_TRUE(keeper_.asked.empty());
}

TEST_F(Tokens, ABatchIsAnsweredInOrderEachWithItsStatus) {
  std::string body = "{\"requests\":[" + TokenBody(link_, "one") +
                     ",{\"x\":1}," + TokenBody(link_, "advertising") + "," +
                     TokenBody(link_, "two") + ",{}]}";
  HttpReply reply = Ask(Json("POST", "/v1/token/batch", body));
  EXPECT_EQ(reply.status, 200);
  std::vector<size_t> places = {
      reply.body.find("v4.local.one"), reply.body.find("\"status\":400"),
      reply.body.find("\"status\":403"), reply.body.find("v4.local.two"),
      reply.body.rfind("\"status\":400")};
  for (size_t i = 0; i < places.size(); ++i) {
    ASSERT_NE(places[i], std::string::npos) << i;
    if (i > 0) {
      EXPECT_LT(places[i - 1], places[i]) << i;
    }
  }
}

TEST_F(Tokens, AnEmptyBatchAndOneOfFaultsAreAnsweredAtOnce) {
  keeper_.asked.clear();
  HttpReply empty = Ask(Json("POST", "/v1/token/batch", "{\"requests\":[]}"));
  EXPECT_EQ(empty.body, "{\"responses\":[]}");
  HttpReply faults =
      Ask(Json("POST", "/v1/token/batch", "{\"requests\":[{},{}]}"));
  EXPECT_EQ(faults.status, 200);
  EXPECT_TRUE(keeper_.asked.empty());
}

TEST_F(Tokens, LargeBatchesOfManyClientsAreSplitAndAllAnswered) {
  std::string wishes;
  for (size_t i = 0; i < base::kTokenBatchMax; ++i) {
    wishes += (i > 0 ? "," : "") + TokenBody(link_);
  }
  keeper_.batch_sizes.clear();
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(Connect());
    clients.back().Send(
        Json("POST", "/v1/token/batch", "{\"requests\":[" + wishes + "]}"));
  }
  Spin(60);
  for (Client& client : clients) {
    std::vector<HttpReply> replies = client.Replies();
    ASSERT_EQ(replies.size(), 1u);
    size_t count = 0;
    for (size_t at = 0;
         (at = replies[0].body.find("\"status\":200", at)) != std::string::npos;
         ++at) {
      ++count;
    }
    EXPECT_EQ(count, base::kTokenBatchMax);
  }
  EXPECT_GT(keeper_.batch_sizes.size(), 1u);
}

TEST_F(Tokens, RedeemLocatesThenFetchesTheTokenBox) {
  HttpReply reply = Show("/v1/redeem");
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.body.find("\"bank_token\":\"secret\""), std::string::npos);
  EXPECT_EQ(keeper_.asked, (Ops{Op::kLocate, Op::kRedeem}));
  EXPECT_EQ(keeper_.had_token_box, std::vector<bool>{true});
}

TEST_F(Tokens, EveryBadTokenIsOneAnswerToARedeem) {
  keeper_.refuse[Op::kLocate] = Rule::kTokenExpired;
  HttpReply located = Show("/v1/redeem");
  EXPECT_EQ(located.status, 400);
  EXPECT_EQ(keeper_.asked, Ops{Op::kLocate});
  keeper_.refuse.clear();
  keeper_.refuse[Op::kRedeem] = Rule::kConsentRevoked;
  HttpReply redeemed = Show("/v1/redeem");
  EXPECT_EQ(redeemed.status, 400);
  auto without_instance = [](const std::string& body) {
    return body.substr(0, body.find("\"instance\""));
  };
  EXPECT_EQ(without_instance(located.body), without_instance(redeemed.body));
  keeper_.refuse[Op::kLocate] = Rule::kNoRedeemRight;
  EXPECT_EQ(Show("/v1/redeem").status, 403);
}

TEST_F(Tokens, IntrospectOfAGoodTokenIsActive) {
  HttpReply reply = Show("/v1/introspect");
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.body.find("\"active\":true"), std::string::npos);
  EXPECT_EQ(keeper_.had_token_box, std::vector<bool>{false});
}

TEST_F(Tokens, IntrospectOfAnyOtherTokenIsInactiveAndNothingElse) {
  for (Op op : {Op::kLocate, Op::kIntrospect}) {
    for (Rule rule : {Rule::kTokenMalformed, Rule::kTokenRevoked,
                      Rule::kConsentExpired, Rule::kLinkErased}) {
      keeper_.refuse = {{op, rule}};
      HttpReply reply = Show("/v1/introspect");
      EXPECT_EQ(reply.status, 200);
      EXPECT_EQ(reply.body, "{\"active\":false}");
    }
  }
}

TEST_F(Tokens, IntrospectByAnUnknownCallerIs403AndOfASealedVault503) {
  keeper_.refuse = {{Op::kLocate, Rule::kUnknownCaller}};
  EXPECT_EQ(Show("/v1/introspect").status, 403);
  keeper_.refuse = {{Op::kLocate, Rule::kSealed}};
  EXPECT_EQ(Show("/v1/introspect").status, 503);
}

TEST_F(Tokens, RevokeAndKeysAreAnsweredByTheKeeper) {
  HttpReply reply = Show("/v1/revoke");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "{}");
  EXPECT_EQ(Ask(Get("/v1/keys")).status, 200);
  keeper_.refuse = {{Op::kKeys, Rule::kUnknownCaller}};
  EXPECT_EQ(Ask(Get("/v1/keys")).status, 403);
}

}  // namespace
}  // namespace coffer::gate
