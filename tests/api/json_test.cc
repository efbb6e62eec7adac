#include "vault/api/json.h"

#include <gtest/gtest.h>

#include <string>

namespace coffer::api {
namespace {

std::string ErrorOf(std::string_view text, const JsonLimits& limits = {}) {
  const auto document = JsonDocument::Parse(text, limits);
  return document.ok() ? "ok" : document.error().message;
}
bool Accepts(std::string_view text) { return ErrorOf(text) == "ok"; }

std::string Nested(size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}
std::string WithKeys(size_t keys) {
  std::string text = "{";
  for (size_t i = 0; i < keys; ++i) {
    text += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
  }
  return text + "}";
}

constexpr char kSyntax[] = "not well-formed JSON in UTF-8";
constexpr char kTwice[] = "a key stands twice in one object";

TEST(Json, ReadsEveryKindOfValue) {
  const auto document = JsonDocument::Parse(
      " {\"a\":[1,-2,{\"b\":null}],\"c\":true,\"d\":\"x\\u00e9\\n\",\"\":false}"
      " "
      "\n");
  ASSERT_TRUE(document.ok());
  const JsonValue root = document->root();
  ASSERT_TRUE(root.is(JsonKind::kObject));
  EXPECT_EQ(root.size(), 4u);
  JsonValue value = root;
  ASSERT_TRUE(root.Find("a", value));
  ASSERT_TRUE(value.is(JsonKind::kArray));
  ASSERT_EQ(value.size(), 3u);
  std::string kinds;
  for (JsonValue item : value.members()) {
    kinds += std::to_string(static_cast<int>(item.kind()));
    if (item.is(JsonKind::kInteger)) kinds += std::to_string(item.integer());
    if (item.is(JsonKind::kObject)) {
      JsonValue inner = item;
      EXPECT_TRUE(item.Find("b", inner));
      EXPECT_TRUE(inner.is(JsonKind::kNull));
    }
  }
  EXPECT_EQ(kinds, "212-25");
  ASSERT_TRUE(root.Find("c", value));
  EXPECT_TRUE(value.boolean());
  ASSERT_TRUE(root.Find("d", value));
  EXPECT_EQ(value.text(), "x\xc3\xa9\n");
  ASSERT_TRUE(root.Find("", value));
  EXPECT_FALSE(value.boolean());
  EXPECT_FALSE(root.Find("A", value));
  EXPECT_FALSE(root.Find("b", value));
}

TEST(Json, ReadsBareValuesAndEmptyContainers) {
  for (const char* text : {"1", "\"x\"", "null", "true", "[]", "{}", "\"\""}) {
    EXPECT_TRUE(Accepts(text)) << text;
  }
}

TEST(Json, TextsStayValidWhenTheDocumentMoves) {
  auto first = JsonDocument::Parse("{\"key\":\"a\\tb\"}");
  ASSERT_TRUE(first.ok());
  JsonValue value = first->root();
  ASSERT_TRUE(first->root().Find("key", value));
  const std::string_view text = value.text();
  JsonDocument moved = std::move(first).value();
  EXPECT_EQ(text, "a\tb");
  EXPECT_TRUE(moved.root().is(JsonKind::kObject));
}

TEST(Json, RefusesEveryTruncation) {
  const std::string text =
      "{\"a\":[1,{\"b\":\"\\u20ac\"},true,null,\"\xc3\xa9\"],\"cc\":-17}";
  ASSERT_TRUE(Accepts(text));
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(ErrorOf(std::string_view(text).substr(0, size)), kSyntax) << size;
  }
}

TEST(Json, SurvivesEveryFlippedByte) {
  const std::string text = "{\"a\":[1,{\"b\":\"\\u20ac\"},true],\"cc\":-17}";
  for (size_t i = 0; i < text.size(); ++i) {
    for (int flip = 1; flip < 256; ++flip) {
      std::string flipped = text;
      flipped[i] = static_cast<char>(flipped[i] ^ flip);
      (void)JsonDocument::Parse(flipped);
    }
  }
}

TEST(Json, RefusesTrailingBytesButSpace) {
  EXPECT_TRUE(Accepts("{} \r\n\t"));
  for (const char* tail : {"x", "{}", ",", "]", "\"", "/"}) {
    EXPECT_EQ(ErrorOf(std::string("{}") + tail),
              "something follows the JSON value")
        << tail;
  }
  EXPECT_FALSE(Accepts(std::string_view("{}\0", 3)));
}

TEST(Json, RefusesWhatOnlyLooksLikeJson) {
  for (const char* text : {"",
                           " ",
                           "{'a':1}",
                           "{a:1}",
                           "{\"a\":1,}",
                           "[1,]",
                           "[,]",
                           "//\n{}",
                           "/**/{}",
                           "{} // x",
                           "nul",
                           "NULL",
                           "True",
                           "NaN",
                           "Infinity",
                           "[1 2]",
                           "{\"a\" 1}",
                           "{\"a\":}",
                           "{1:2}",
                           "\"\t\"",
                           "\"\\x41\"",
                           "\"\\u12\"",
                           "\xef\xbb\xbf{}",
                           "\v{}",
                           "01",
                           "+1",
                           "--1",
                           ".5",
                           "0x10",
                           "1_000"}) {
    EXPECT_FALSE(Accepts(text)) << text;
  }
}

TEST(Json, RefusesInvalidUtf8) {
  for (const char* bytes :
       {"\x80", "\xc0\xaf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
        "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xff", "\xfe"}) {
    EXPECT_EQ(ErrorOf(std::string("\"") + bytes + "\""), kSyntax);
    EXPECT_EQ(ErrorOf(std::string("{\"") + bytes + "\":1}"), kSyntax);
  }
  for (const char* text : {"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800x\"",
                           "\"\\ud800\\ud800\"", "\"\\ud800\\u0041\""}) {
    EXPECT_EQ(ErrorOf(text), kSyntax) << text;
  }
  EXPECT_TRUE(Accepts("\"\\ud83d\\ude00 \xf0\x9f\x98\x80\""));
}

TEST(Json, RefusesDuplicateKeys) {
  EXPECT_EQ(ErrorOf("{\"a\":1,\"a\":1}"), kTwice);
  EXPECT_EQ(ErrorOf("{\"a\":1,\"b\":2,\"a\":[]}"), kTwice);
  EXPECT_EQ(ErrorOf("{\"\":1,\"\":2}"), kTwice);
  EXPECT_EQ(ErrorOf("{\"a\":1,\"\\u0061\":2}"), kTwice);
  EXPECT_EQ(ErrorOf("{\"\\u0061\":{\"x\":[1,2]},\"a\":2}"), kTwice);
  EXPECT_EQ(ErrorOf("[{\"x\":{\"b\":1,\"c\":[],\"b\":2}}]"), kTwice);
  EXPECT_TRUE(Accepts("{\"a\":{\"a\":[{\"a\":1}]},\"A\":1,\"a \":2}"));
  EXPECT_TRUE(Accepts("[{\"a\":1},{\"a\":1}]"));
}

TEST(Json, TakesIntegersOf64BitsOnly) {
  for (const char* text : {"0", "-1", "9223372036854775807",
                           "-9223372036854775808", "[0,10,-10]"}) {
    EXPECT_TRUE(Accepts(text)) << text;
  }
  const auto least = JsonDocument::Parse("-9223372036854775808");
  ASSERT_TRUE(least.ok());
  EXPECT_EQ(least->root().integer(), INT64_MIN);
  for (const char* text :
       {"-0", "[-0]", "{\"a\":-0}", "1.0", "0.5", "1e0", "1E5", "1e-1", "-0.0",
        "-0e1", "9223372036854775808", "18446744073709551615",
        "18446744073709551616", "-9223372036854775809", "1e400",
        "100000000000000000000000000000000000000000000000000"}) {
    EXPECT_FALSE(Accepts(text)) << text;
  }
}

TEST(Json, NestsToTheLimitAndNoDeeper) {
  EXPECT_TRUE(Accepts(Nested(base::kJsonDepthMax)));
  EXPECT_EQ(ErrorOf(Nested(base::kJsonDepthMax + 1)),
            "arrays and objects are nested too deeply");
  EXPECT_FALSE(Accepts(Nested(30000)));
  EXPECT_FALSE(Accepts(std::string(60000, '[')));
  std::string objects;
  for (int i = 0; i < 9000; ++i) objects += "{\"a\":";
  EXPECT_FALSE(Accepts(objects));
}

TEST(Json, TakesKeysToTheLimitAndNoMore) {
  EXPECT_TRUE(Accepts(WithKeys(base::kJsonKeysMax)));
  EXPECT_EQ(ErrorOf(WithKeys(base::kJsonKeysMax + 1)),
            "an object has too many keys");
  EXPECT_FALSE(Accepts(WithKeys(4000)));
}

TEST(Json, TakesBytesToTheLimitAndNoMore) {
  const std::string most =
      "\"" + std::string(base::kHttpBodyBytesMax - 2, 'x') + "\"";
  EXPECT_TRUE(Accepts(most));
  const auto over = JsonDocument::Parse(most + " ");
  ASSERT_FALSE(over.ok());
  EXPECT_EQ(over.error().code, base::Code::kTooLarge);
  EXPECT_EQ(ErrorOf(most + " ", {.bytes_max = most.size() + 1}), "ok");
}

TEST(Json, ReadsManySmallValues) {
  std::string text = "[";
  for (int i = 0; i < 32000; ++i) text += "1,";
  text.back() = ']';
  const auto document = JsonDocument::Parse(text);
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(document->root().size(), 32000u);
}

TEST(Json, JoinsLongTextsWithEscapes) {
  std::string written;
  std::string meant;
  for (int i = 0; i < 5000; ++i) {
    written += "ab\\u00e9\\\\";
    meant += "ab\xc3\xa9\\";
  }
  const auto document = JsonDocument::Parse(
      "{\"" + written + "\":\"" + written + "\"}", {.bytes_max = 1 << 20});
  ASSERT_TRUE(document.ok());
  JsonValue value = document->root();
  ASSERT_TRUE(document->root().Find(meant, value));
  EXPECT_EQ(value.text(), meant);
}

TEST(JsonWriter, WritesWhatTheReaderReads) {
  std::string every;
  for (int c = 0; c < 128; ++c) every += static_cast<char>(c);
  every += "\xc3\xa9\xf0\x9f\x98\x80";
  TextBuilder out;
  JsonWriter json(out);
  json.BeginObject().Text("text", every).Number("number", ~uint64_t{0});
  json.Bool("yes", true).Bool("no", false).Key("nothing").Null();
  json.Key("list").BeginArray().Number(0).Text("").BeginObject().EndObject();
  json.BeginArray().EndArray().EndArray().Time("time", 1785542400).EndObject();
  EXPECT_TRUE(out.view().ends_with(
      ",\"number\":18446744073709551615,\"yes\":true,\"no\":false,"
      "\"nothing\":null,\"list\":[0,\"\",{},[]],"
      "\"time\":\"2026-08-01T00:00:00Z\"}"))
      << out.view();
  std::string readable(out.view());
  readable.replace(readable.find("18446744073709551615"), 20, "1");
  const auto document = JsonDocument::Parse(readable);
  ASSERT_TRUE(document.ok()) << document.error().message;
  JsonValue value = document->root();
  ASSERT_TRUE(document->root().Find("text", value));
  EXPECT_EQ(value.text(), every);
}

TEST(JsonWriter, EscapesAtEveryPlaceOfAText) {
  for (int byte = 0; byte < 256; ++byte) {
    for (size_t at = 0; at < 20; ++at) {
      std::string text(20, 'a');
      text[at] = static_cast<char>(byte);
      TextBuilder out;
      JsonWriter(out).Text(text);
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      std::string meant = text.substr(at, 1);
      if (byte == '"' || byte == '\\') meant.insert(0, "\\");
      if (byte < 0x20) meant = escape;
      EXPECT_EQ(out.view(),
                "\"" + text.substr(0, at) + meant + text.substr(at + 1) + "\"");
    }
  }
}

TEST(TextBuilder, KeepsItsTextWhenItGrowsAndMoves) {
  TextBuilder text;
  std::string meant;
  for (int i = 0; i < 3000; ++i) {
    text.AppendNumber(static_cast<uint64_t>(i));
    text.Append(',');
    meant += std::to_string(i) + ",";
  }
  EXPECT_EQ(text.view(), meant);
  TextBuilder moved = std::move(text);
  EXPECT_EQ(moved.view(), meant);
  EXPECT_TRUE(text.empty());  // NOLINT: moved-from is empty, as documented
  moved.Clear();
  EXPECT_TRUE(moved.empty());
  moved.Append("x");
  EXPECT_EQ(moved.view(), "x");
}

TEST(TextBuilder, ClearWipesWhatWasWritten) {
  TextBuilder text;
  text.Append("a bank token");
  const char* place = text.view().data();
  text.Clear();
  EXPECT_EQ(std::string(place, 12), std::string(12, '\0'));
}

}  // namespace
}  // namespace coffer::api
