// Makes the corpora of the targets that read the wire and records at rest, from
// sample messages:  make_corpus DIRECTORY  writes them below DIRECTORY,
// make_corpus --check DIRECTORY  says whether they are there as made. Other
// files there (found by fuzzing) stay.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "tests/fuzz/wire_walk.h"
#include "tests/wire/sample_policy.h"

namespace {

using namespace coffer::wire;
using Buffer = std::vector<uint8_t>;
using Corpus = std::map<std::string, Buffer>;  // "target/name" -> bytes

constexpr Fill kFills[] = {Fill::kEmpty, Fill::kTypical};

void Append(Buffer& out, const Buffer& bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

template <typename T>
Buffer Encoded(const T& item) {
  Buffer out(coffer::base::kPolicyBytesMax);
  auto size = coffer::base::EncodeWhole(out, item);
  COFFER_CHECK(size.ok());
  out.resize(*size);
  return out;
}

Buffer Header(uint16_t count) {
  FrameHeader header;
  header.count = count;
  return Encoded(header);
}

std::string Number(int number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

void AddBatches(Corpus& corpus) {
  Buffer all = Header(kOpMax);
  for (uint8_t number = 1; number <= kOpMax; ++number) {
    for (Fill fill : kFills) {
      WithItem(static_cast<Op>(number), [&](auto shape) {
        using T = typename decltype(shape)::Type;
        Buffer item{number};
        Append(item, SampleBytes<T>(fill));
        Buffer batch = Header(1);
        Append(batch, item);
        COFFER_CHECK(WalkBatch(batch));
        const bool empty = fill == Fill::kEmpty;
        corpus["wire_gate/op" + Number(number) + (empty ? "_empty" : "")] =
            batch;
        if (!empty) Append(all, item);
      });
    }
  }
  COFFER_CHECK(WalkBatch(all));
  corpus["wire_gate/every_op"] = all;
}

void AddAnswers(Corpus& corpus) {
  const auto start = [](uint16_t count) {
    Buffer batch = Header(count);
    batch.push_back(static_cast<uint8_t>(VaultState::kOperational));
    return batch;
  };
  Buffer all = start(2 * kOpMax);
  for (uint8_t number = 1; number <= kOpMax; ++number) {
    WithAnswer(static_cast<Op>(number), [&](auto shape) {
      using T = typename decltype(shape)::Type;
      AnswerHeader header;
      header.op = static_cast<Op>(number);
      header.leaf = number;
      Buffer answer = Encoded(header);
      Append(answer, SampleBytes<T>(Fill::kTypical));
      Buffer one = start(1);
      Append(one, answer);
      COFFER_CHECK(WalkAnswers(one));
      corpus["wire_keeper/op" + Number(number)] = one;
      header.rule = Rule::kLinkUnknown;
      Append(answer, Encoded(header));
      Append(all, answer);
    });
  }
  COFFER_CHECK(WalkAnswers(all));
  corpus["wire_keeper/every_op_and_refusals"] = all;
}

void AddOperator(Corpus& corpus) {
  for (uint8_t number = 1; number <= kOperatorOpMax; ++number) {
    const auto op = static_cast<OperatorOp>(number);
    WithOperatorQuestion(op, [&](auto shape) {
      using T = typename decltype(shape)::Type;
      OperatorQuestionHeader header;
      header.op = op;
      Buffer question = Encoded(header);
      Append(question, SampleBytes<T>(Fill::kTypical));
      COFFER_CHECK(WalkQuestion(question));
      question.insert(question.begin(), 0);
      corpus["operator/question" + Number(number)] = question;
    });
    WithOperatorAnswer(op, [&](auto shape) {
      using T = typename decltype(shape)::Type;
      OperatorAnswerHeader header;
      header.op = op;
      Buffer reply = Encoded(header);
      Append(reply, SampleBytes<T>(Fill::kTypical));
      COFFER_CHECK(WalkReply(reply));
      reply.insert(reply.begin(), 1);
      corpus["operator/answer" + Number(number)] = reply;
      header.code = OperatorCode::kRefused;
      header.message = "refused; try again";
      reply = Encoded(header);
      COFFER_CHECK(WalkReply(reply));
      reply.insert(reply.begin(), 1);
      corpus["operator/refusal" + Number(number)] = reply;
    });
  }
}

void AddLeaves(Corpus& corpus) {
  for (int number = 0; number < 256; ++number) {
    if (!IsLeafKind(static_cast<uint8_t>(number))) continue;
    for (Rule rule : {Rule::kAllowed, Rule::kConsentRevoked}) {
      Leaf leaf;
      leaf.kind = static_cast<LeafKind>(number);
      leaf.rule = rule;
      leaf.index = 1000;
      leaf.time = 1'800'000'000;
      leaf.uid = 1002;
      if (number >= 20) {
        leaf.caller = "messenger";
        leaf.institution = "citi";
        leaf.purpose = "balance_display";
        leaf.audience = "connector";
        leaf.scope = "ACCOUNT_BASIC ACCOUNT_DETAILED";
      }
      const bool allowed = rule == Rule::kAllowed;
      corpus["leaf/kind" + Number(number) + (allowed ? "" : "_refused")] =
          Encoded(leaf);
    }
  }
}

void AddRecords(Corpus& corpus) {
  const std::pair<const char*, Fill> fills[] = {{"_empty", Fill::kEmpty},
                                                {"", Fill::kTypical}};
  for (const auto& [suffix, fill] : fills) {
    Filler filler(fill);
    RecordHead head;
    filler.Struct(head);
    head.format = kRecordFormat;
    head.link = {};  // the one that the target asks for
    Wrap wrap;
    filler.Struct(wrap);
    wrap.format = kWrapFormat;
    const Buffer head_bytes = Encoded(head);
    Buffer bytes{0};
    Append(bytes, head_bytes);
    corpus[std::string("record/head") + suffix] = bytes;
    bytes = {1};
    Append(bytes, Encoded(wrap));
    corpus[std::string("record/wrap") + suffix] = bytes;
    bytes = {2, 1, static_cast<uint8_t>(head_bytes.size()), 0};
    Append(bytes, head_bytes);
    corpus[std::string("record/row_without_token") + suffix] = bytes;
    Append(bytes, Buffer(72, 0x5a));
    corpus[std::string("record/row") + suffix] = bytes;
  }
  corpus["record/newer_head"] = {0, kRecordFormat + 1, 0};
  corpus["record/newer_wrap"] = {1, kWrapFormat + 1, 0};
  corpus["record/idempotency"] = Buffer(50, 2);
}

void AddPolicies(Corpus& corpus) {
  auto policy = MakeSamplePolicy();
  corpus["policy_bytes/sample"] = PolicyToBytes(*policy);
  policy->callers[1].identity_kind = IdentityKind::kGid;
  corpus["policy_bytes/a_group"] = PolicyToBytes(*policy);
  policy->rules.size = 0;
  corpus["policy_bytes/no_rules"] = PolicyToBytes(*policy);
  policy->callers.size = 0;
  corpus["policy_bytes/no_callers"] = PolicyToBytes(*policy);
  policy->institutions.size = 0;
  corpus["policy_bytes/no_institutions"] = PolicyToBytes(*policy);
  corpus["policy_bytes/nothing"] = PolicyToBytes(*std::make_unique<Policy>());
  policy = MakeSamplePolicy();
  policy->rules[0].purpose = 2;
  corpus["policy_bytes/prohibited_grant"] = PolicyToBytes(*policy);
  policy = MakeSamplePolicy();
  policy->callers[1].identity = policy->callers[0].identity;
  corpus["policy_bytes/two_of_one_uid"] = PolicyToBytes(*policy);
  policy = MakeSamplePolicy();
  policy->purposes[0].clusters = 4;
  corpus["policy_bytes/cluster_out_of_table"] = PolicyToBytes(*policy);
  policy->format = kPolicyFormat + 1;
  corpus["policy_bytes/newer"] = PolicyToBytes(*policy);
}

bool Matches(const std::filesystem::path& path, const Buffer& bytes) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
  return file.is_open() && Buffer(text.begin(), text.end()) == bytes;
}

}  // namespace

int main(int argc, char** argv) {
  const bool check = argc == 3 && std::string_view(argv[1]) == "--check";
  if (argc != 2 && !check) {
    std::fprintf(stderr, "usage: make_corpus [--check] DIRECTORY\n");
    return 2;
  }
  Corpus corpus;
  AddBatches(corpus);
  AddAnswers(corpus);
  AddOperator(corpus);
  AddLeaves(corpus);
  AddRecords(corpus);
  AddPolicies(corpus);
  const std::filesystem::path root = argv[argc - 1];
  int stale = 0;
  for (const auto& [name, bytes] : corpus) {
    const std::filesystem::path path = root / name;
    if (check) {
      if (Matches(path, bytes)) continue;
      std::fprintf(stderr, "%s is not as made\n", name.c_str());
      ++stale;
    } else {
      std::filesystem::create_directories(path.parent_path());
      std::ofstream file(path, std::ios::binary | std::ios::trunc);
      file.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    }
  }
  if (stale > 0) {
    std::fprintf(stderr, "%d stale; run: make_corpus %s\n", stale,
                 root.c_str());
  }
  return stale == 0 ? 0 : 1;
}
