// The keeper's side of a rotation: wraps from one KEK to the next, whole items
// through the operation, against the bare cryptography it cannot do without.
// links: coffer_keeper
#include <benchmark/benchmark.h>

#include <vector>

#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "crypto/self_test.h"
#include "tests/keeper_files/fake_files.h"
#include "vault/keeper/key_service.h"
#include "vault/keeper/upkeep_operations.h"

namespace coffer::keeper {
namespace {

constexpr size_t kLinks = 8192;

// A vault with kLinks wraps of one institution and a rotation of it begun.
struct Bench {
  Bench() : arena(MakeArena()), journal(files, 2, 3, -1), state(files, 1) {
    COFFER_CHECK(vault.Start(crypto::RunSelfTests(*arena)).ok());
    auto policy = std::make_unique<wire::Policy>();
    policy->clusters.push_back(wire::Name("ACCOUNT_BASIC"));
    policy->purposes.push_back({wire::Name("display"), 1, 60, false});
    wire::PolicyInstitution citi;
    citi.name = wire::Name("citi");
    citi.purposes = citi.clusters = 1;
    policy->institutions.push_back(citi);
    std::vector<uint8_t> bytes(base::kPolicyBytesMax);
    auto size = base::EncodeWhole(base::MutableBytes(bytes), *policy);
    COFFER_CHECK(size.ok());
    wire::OpenQuestion question;
    question.policy = Bytes(bytes).first(*size);
    COFFER_CHECK(vault.Init(question, 0).ok());
    for (size_t i = 0; i < kLinks; ++i) AddWrap(i);
    KeyService keys(vault);
    wire::RotateQuestion rotate;
    rotate.institution = "citi";
    COFFER_CHECK(keys.Rotate(rotate, 0).ok());
  }
  static std::unique_ptr<base::SecretArena> MakeArena() {
    COFFER_CHECK(crypto::Initialise().ok());
    auto made = base::SecretArena::Create(128);
    COFFER_CHECK(made.ok());
    return std::move(made).value();
  }
  void AddWrap(size_t i) {
    LinkMetadata metadata;
    metadata.consent.consent_id = "c-1";
    crypto::LinkAuditKey audit(*arena);
    crypto::RandomKey(audit);
    LinkToSeal link;
    std::memcpy(link.link.data() + 2, &i, sizeof i);
    link.revision = 2;
    link.institution = "citi";
    link.linker = "linker";
    crypto::Random(link.subject);
    link.metadata = &metadata;
    link.audit = &audit;
    COFFER_CHECK(SealLink(vault.keyring(), link, sealed) ==
                 wire::Rule::kAllowed);
    links.push_back(link.link);
    wraps.emplace_back(sealed.stored.wrap.begin(), sealed.stored.wrap.end());
  }
  // Floors of other links, as a busy table has them.
  void Fill(size_t floors) {
    Floor floor{};
    floor.kind = FloorKind::kRevision;
    floor.institution = 1;
    for (size_t i = 0; i < floors; ++i) {
      crypto::Random(floor.key);
      COFFER_CHECK(vault.floors().Raise(floor, true));
    }
    for (const wire::LinkId& link : links) {
      floor.key = link;
      COFFER_CHECK(vault.floors().Raise(floor, true));
    }
  }

  FakeFiles files;
  base::FakeClock clock;
  std::unique_ptr<base::SecretArena> arena;
  Journal journal;
  StateFile state;
  Vault vault{clock, *arena, journal, state};
  Connections connections;
  PendingWrites pending;
  OpenedLink opened{*arena};
  SealedLink sealed{*arena};
  Operation::Shared shared{vault, connections, pending, opened, sealed};
  std::vector<wire::LinkId> links;
  std::vector<std::vector<uint8_t>> wraps;
};

void RewrapItems(benchmark::State& state) {
  Bench bench;
  if (state.range(0) != 0) bench.Fill(static_cast<size_t>(state.range(0)));
  std::vector<uint8_t> out(64 * 1024);
  auto item = std::make_unique<wire::RewrapItem>();
  item->institution = "citi";
  size_t next = 0;
  for (auto _ : state) {
    item->rows.size = 0;
    for (size_t i = 0; i < base::kRewrapRowsMax; ++i, ++next) {
      const size_t at = next % kLinks;
      item->rows.push_back({bench.links[at], bench.wraps[at]});
    }
    AnswerWriter answer(out, wire::Op::kRewrap);
    Rewrap(bench.shared, *item, answer);
    benchmark::DoNotOptimize(answer.used());
  }
  // The last row, so that nothing was refused.
  COFFER_CHECK(out[wire::kAnswerHeaderBytes + 16 + 2] == 0);
  state.SetItemsProcessed(state.iterations() *
                          static_cast<int64_t>(base::kRewrapRowsMax));
}
BENCHMARK(RewrapItems)->Arg(0)->Arg(80000);

// One open and one seal of the same size, under the same associated data.
void BareOpenAndSeal(benchmark::State& state) {
  auto arena = Bench::MakeArena();
  crypto::Kek from(*arena), to(*arena);
  crypto::Dek dek(*arena);
  crypto::RandomKey(from);
  crypto::RandomKey(to);
  crypto::RandomKey(dek);
  std::vector<uint8_t> data(110, 'a');
  uint8_t box[wire::kWrapBoxBytes];
  COFFER_CHECK(crypto::WrapKey(box, from, dek, data).ok());
  uint8_t out[wire::kWrapBoxBytes];
  for (auto _ : state) {
    COFFER_CHECK(crypto::UnwrapKey(dek, from, box, data).ok());
    COFFER_CHECK(crypto::WrapKey(out, to, dek, data).ok());
    benchmark::DoNotOptimize(out);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BareOpenAndSeal);

}  // namespace
}  // namespace coffer::keeper
