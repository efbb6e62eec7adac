// Sixteen callers of the real daemon at once: they issue, redeem, introspect,
// replace, revoke and erase on the same few links, and each knows, before it
// asks, what somebody has been told is over. A use that began after the
// acknowledgement of its end and is accepted is a fault; so are a second redeem
// of a one-time consent and an answer with a bank token older than one that was
// acknowledged.
//
//   linearizability [--operations N] [--seed S] [--cache MS]
//
// With --cache the callers go through a proxy that answers redeems from memory
// for so long; then it exits with 0 when that was caught. COFFER_BIN names the
// programs' folder.
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include "tests/hostile/caching_proxy.h"
#include "tests/hostile/caller_client.h"
#include "tests/hostile/daemon_process.h"

namespace coffer::hostile {
namespace {

constexpr int kClients = 16;
constexpr size_t kSlots = 24;
constexpr size_t kTokensOfLink = 4;

struct Options {
  uint64_t operations = 20000;
  uint64_t seed = 1;
  uint64_t cache = 0;  // milliseconds; 0: none
};

uint64_t Now() {
  return static_cast<uint64_t>(
      std::chrono::steady_clock::now().time_since_epoch().count());
}

void RaiseTo(std::atomic<uint64_t>& place, uint64_t value) {
  uint64_t held = place;
  while (held < value && !place.compare_exchange_weak(held, value)) {
  }
}

// What was acknowledged is set by who was told, before anybody else asks.
struct Token {
  std::string text;
  uint64_t issued = 0;  // when its issuer had it
  std::atomic<bool> revoked = false;
};
struct Link {
  std::string id;
  bool one_time = false;
  std::atomic<bool> ended = false;
  std::atomic<uint64_t> consent_replaced = 0;  // began then, acknowledged
  std::atomic<uint64_t> bank_token = 1;        // the latest acknowledged
  std::atomic<uint64_t> revision = 1;
  std::atomic<int> redeemed = 0;
  std::mutex mutex;
  std::vector<std::shared_ptr<Token>> tokens;
};

enum Kind : size_t {
  kCreate,
  kIssue,
  kRedeem,
  kIntrospect,
  kRevokeToken,
  kRevokeConsent,
  kErase,
  kReplaceConsent,
  kReplaceBankToken,
  kKinds
};
constexpr const char* kKindTexts[] = {"create",
                                      "issue",
                                      "redeem",
                                      "introspect",
                                      "revoke",
                                      "consent revoked",
                                      "link erased",
                                      "consent replaced",
                                      "bank token replaced"};

struct Totals {
  std::atomic<uint64_t> asked[kKinds]{}, done[kKinds]{};
  std::atomic<uint64_t> operations = 0, uses = 0, late = 0, faults = 0,
                        broken = 0;
};

class World {
 public:
  World(std::string socket, const Options& options)
      : socket_(std::move(socket)), options_(options) {}

  void Client(uint64_t number);
  Totals totals;

 private:
  struct Slot {
    std::mutex mutex;
    std::shared_ptr<Link> link;
  };
  struct Self {
    CallerClient client;
    std::mt19937_64 random;
  };

  void Step(Self& self);
  HttpAnswer Ask(Self& self, Kind kind, const char* method,
                 const std::string& target, const std::string& body,
                 uint32_t if_match = 0);
  std::shared_ptr<Link> Create(Self& self);
  void Issue(Self& self, Link& link);
  void Use(Self& self, Link& link, Token& token, Kind kind);
  void Replace(Self& self, Link& link, Kind kind);
  void Fault(const char* what, const Link& link);

  const std::string socket_;
  const Options options_;
  Slot slots_[kSlots];
};

std::string ConsentBody(bool one_time) {
  return std::string(R"({"consentId":"c","purposes":["balance_display"],)") +
         R"("dataClusters":["ACCOUNT_BASIC"],"durationType":)" +
         (one_time ? R"("ONE_TIME"})" : R"("TIME_BOUND","durationPeriod":90})");
}

void World::Fault(const char* what, const Link& link) {
  if (++totals.faults <= 10) {
    std::fprintf(stderr, "%s: %s\n", link.id.c_str(), what);
  }
}

HttpAnswer World::Ask(Self& self, Kind kind, const char* method,
                      const std::string& target, const std::string& body,
                      uint32_t if_match) {
  HttpAnswer answer = self.client.Ask(method, target, body, if_match);
  ++totals.operations;
  ++totals.asked[kind];
  if (answer.status >= 200 && answer.status < 300) ++totals.done[kind];
  if (answer.status == 0 || answer.status >= 500) {
    if (++totals.broken <= 5) {
      std::fprintf(stderr, "%s %s: %d %s\n", method, target.c_str(),
                   answer.status, answer.body.c_str());
    }
  }
  return answer;
}

std::shared_ptr<Link> World::Create(Self& self) {
  auto link = std::make_shared<Link>();
  link->one_time = self.random() % 10 == 0;
  const HttpAnswer answer = Ask(self, kCreate, "POST", "/v1/links",
                                R"({"institution":"citi","subject":"s-)" +
                                    std::to_string(self.random() % 5000) +
                                    R"(","bank_token":"bank-1","consent":)" +
                                    ConsentBody(link->one_time) + "}");
  link->id = TextField(answer.body, "link");
  if (answer.status != 201) link->ended = true;
  return link;
}

void World::Issue(Self& self, Link& link) {
  const bool over = link.ended;
  const HttpAnswer answer =
      Ask(self, kIssue, "POST", "/v1/token",
          R"({"link":")" + link.id +
              R"(","purpose":"balance_display","audience":"platform",)" +
              R"("expires_in":300})");
  totals.uses += 1;
  totals.late += over;
  if (answer.status != 200) return;
  if (over) Fault("a token after its end was acknowledged", link);
  auto token = std::make_shared<Token>();
  token->text = TextField(answer.body, "access_token");
  token->issued = Now();
  std::lock_guard lock(link.mutex);
  if (link.tokens.size() < kTokensOfLink) {
    link.tokens.push_back(token);
  } else {
    link.tokens[self.random() % kTokensOfLink] = token;
  }
}

void World::Use(Self& self, Link& link, Token& token, Kind kind) {
  const bool over =
      link.ended || token.revoked || token.issued < link.consent_replaced;
  const uint64_t bank_token = link.bank_token;
  const bool redeems = kind == kRedeem;
  const HttpAnswer answer =
      Ask(self, kind, "POST", redeems ? "/v1/redeem" : "/v1/introspect",
          R"({"token":")" + token.text + "\"}");
  totals.uses += 1;
  totals.late += over;
  const bool accepted =
      answer.status == 200 &&
      (redeems || answer.body.find("\"active\":true") != std::string::npos);
  if (!accepted) return;
  if (over) Fault("a use after its end was acknowledged", link);
  if (!redeems) return;
  const std::string given = TextField(answer.body, "bank_token");
  if (given.size() < 6 ||
      std::strtoull(given.c_str() + 5, nullptr, 10) < bank_token) {
    Fault("an older bank token than was acknowledged", link);
  }
  if (link.one_time) {
    if (++link.redeemed > 1) Fault("a one-time consent redeemed twice", link);
    link.ended = true;
  }
}

void World::Replace(Self& self, Link& link, Kind kind) {
  const uint64_t revision = link.revision;
  const uint64_t began = Now();
  const bool consent = kind == kReplaceConsent;
  const HttpAnswer answer = Ask(
      self, kind, "PUT",
      "/v1/links/" + link.id + (consent ? "/consent" : "/bank_token"),
      consent
          ? ConsentBody(link.one_time)
          : "{\"bank_token\":\"bank-" + std::to_string(revision + 1) + "\"}",
      static_cast<uint32_t>(revision));
  if (answer.status == 200) {
    if (consent) RaiseTo(link.consent_replaced, began);
    if (!consent) RaiseTo(link.bank_token, revision + 1);
    RaiseTo(link.revision, NumberField(answer.body, "revision"));
  }
}

void World::Step(Self& self) {
  Slot& slot = slots_[self.random() % kSlots];
  std::shared_ptr<Link> link;
  {
    std::lock_guard lock(slot.mutex);
    link = slot.link;
  }
  if (link == nullptr || (link->ended && self.random() % 100 < 4)) {
    link = Create(self);
    std::lock_guard lock(slot.mutex);
    slot.link = link;
    return;
  }
  const uint64_t what = self.random() % 1000;
  const std::string target = "/v1/links/" + link->id;
  if (what < 250) return Issue(self, *link);
  if (what < 810) {
    std::shared_ptr<Token> token;
    {
      std::lock_guard lock(link->mutex);
      if (!link->tokens.empty()) {
        token = link->tokens[self.random() % link->tokens.size()];
      }
    }
    if (token == nullptr) return Issue(self, *link);
    if (what < 620) return Use(self, *link, *token, kRedeem);
    if (what < 730) return Use(self, *link, *token, kIntrospect);
    if (Ask(self, kRevokeToken, "POST", "/v1/revoke",
            R"({"token":")" + token->text + "\"}")
            .status == 200) {
      token->revoked = true;
    }
    return;
  }
  if (what < 900) return Replace(self, *link, kReplaceConsent);
  if (what < 980) return Replace(self, *link, kReplaceBankToken);
  if (what < 990) {
    if (Ask(self, kRevokeConsent, "PUT", target + "/consent/revocation",
            R"({"reason":"USER_ACTION"})")
            .status == 204) {
      link->ended = true;
    }
    return;
  }
  if (Ask(self, kErase, "DELETE", target, "").status == 200) {
    link->ended = true;
  }
}

void World::Client(uint64_t number) {
  Self self{CallerClient(socket_),
            std::mt19937_64(options_.seed * 1000 + number)};
  while (totals.operations < options_.operations && totals.broken == 0) {
    if (options_.cache != 0 && totals.faults != 0) return;
    Step(self);
  }
}

int Report(const Totals& totals, const Options& options, double seconds) {
  std::printf("%-20s %10s %10s\n", "operation", "asked", "done");
  for (size_t i = 0; i < kKinds; ++i) {
    std::printf("%-20s %10" PRIu64 " %10" PRIu64 "\n", kKindTexts[i],
                totals.asked[i].load(), totals.done[i].load());
  }
  std::printf("%" PRIu64
              " operations of %d clients in %.1f s (%.0f/s), seed "
              "%" PRIu64 "\n",
              totals.operations.load(), kClients, seconds,
              static_cast<double>(totals.operations) / seconds, options.seed);
  std::printf("uses: %" PRIu64
              "; begun after their end was acknowledged: "
              "%" PRIu64 "; faults: %" PRIu64 "\n",
              totals.uses.load(), totals.late.load(), totals.faults.load());
  if (totals.broken != 0) {
    std::printf("the daemon failed %" PRIu64 " times\n", totals.broken.load());
    return 1;
  }
  if (options.cache != 0) {
    std::printf("the cache was %s\n",
                totals.faults != 0 ? "caught" : "NOT caught");
    return totals.faults != 0 ? 0 : 1;
  }
  if (totals.late * 100 < totals.uses) {
    std::printf("hardly a use came late: nothing was tested\n");
    return 1;
  }
  return totals.faults == 0 ? 0 : 1;
}

int Run(const Options& options) {
  const char* bin = std::getenv("COFFER_BIN");
  DaemonProcess daemon(bin != nullptr ? bin : COFFER_BIN_PATH);
  if (!daemon.Start()) return 1;
  std::string socket = daemon.caller_socket();
  std::unique_ptr<CachingProxy> proxy;
  if (options.cache != 0) {
    socket = daemon.folder() + "/proxy.sock";
    proxy = std::make_unique<CachingProxy>(
        socket, daemon.caller_socket(),
        std::chrono::milliseconds(options.cache));
  }
  World world(socket, options);
  const uint64_t start = Now();
  std::vector<std::thread> clients;
  for (uint64_t i = 0; i < kClients; ++i) {
    clients.emplace_back([&world, i] { world.Client(i); });
  }
  for (std::thread& client : clients) client.join();
  const double seconds = static_cast<double>(Now() - start) / 1e9;
  if (proxy != nullptr) {
    std::printf("answered from memory: %" PRIu64 "\n", proxy->hits());
  }
  return Report(world.totals, options, seconds);
}

}  // namespace
}  // namespace coffer::hostile

int main(int argc, char** argv) {
  coffer::hostile::Options options;
  for (int i = 1; i < argc; i += 2) {
    char* end = nullptr;
    const uint64_t value =
        i + 1 < argc ? std::strtoull(argv[i + 1], &end, 10) : 0;
    const bool good = end != nullptr && *end == '\0';
    if (good && std::strcmp(argv[i], "--operations") == 0) {
      options.operations = value;
    } else if (good && std::strcmp(argv[i], "--seed") == 0) {
      options.seed = value;
    } else if (good && std::strcmp(argv[i], "--cache") == 0) {
      options.cache = value;
    } else {
      std::fprintf(stderr,
                   "usage: linearizability [--operations N] [--seed S] "
                   "[--cache MS]\n");
      return 2;
    }
  }
  return coffer::hostile::Run(options);
}
