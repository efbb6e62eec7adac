#include "cli/text.h"

#include "cli/progress.h"
#include "tests/cli/harness.h"

namespace coffer::cli {
namespace {

TEST(Text, ControlCharactersNeverReachTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[31mb\n\x7f"), "a?[31mb??");
  EXPECT_EQ(Printable("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(Printable("x\xc2\x9b"
                      "31m"),
            "x??31m");
}

TEST(Text, WrapBreaksAtSpacesAndKeepsLongWords) {
  EXPECT_EQ(Wrap("one two three", 2, 9), "one two\n  three");
  std::string word(100, 'x');
  EXPECT_EQ(Wrap("a " + word, 2, 20), "a\n  " + word);
  EXPECT_EQ(Wrap("", 4), "");
}

TEST(Text, NumbersAreGroupedAndGivenUnits) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1000), "1,000");
  EXPECT_EQ(Grouped(1234567), "1,234,567");
  EXPECT_EQ(ByteText(1023), "1023 B");
  EXPECT_EQ(ByteText(256ull << 20), "256.0 MiB");
  EXPECT_EQ(DurationText(59), "59 s");
  EXPECT_EQ(DurationText(300), "5 min");
  EXPECT_EQ(DurationText(3661), "1 h 1 min");
  EXPECT_EQ(DurationText(90000), "1 d 1 h");
}

TEST(Table, AlignsAndCutsTheWidestColumnWithin80) {
  Table table({"link", "institution", "purposes"});
  table.Add({kLinkTextSample, "citi", std::string(90, 'p')});
  table.Add({kLinkTextSample, "jpmorgan_chase", "x"});
  std::string text = table.Text();
  EXPECT_TRUE(Fits80(text)) << text;
  EXPECT_NE(text.find(kLinkTextSample), std::string::npos);
  EXPECT_NE(text.find(".."), std::string::npos);
  EXPECT_NE(text.find("jpmorgan_chase  x\n"), std::string::npos) << text;
}

TEST(FieldList, AlignsValuesAndWrapsThem) {
  FieldList fields;
  fields.Add("a", "1");
  fields.Add("long name", "words " + std::string(70, 'w') + " more");
  std::string text = fields.Text();
  EXPECT_EQ(text.substr(0, 13), "a          1\n");
  EXPECT_NE(text.find("\n           more\n"), std::string::npos) << text;
}

TEST(Progress, LineShowsBarPartRateAndTimeLeft) {
  EXPECT_EQ(ProgressLine(0, 2000, 0, 0), "[----------------]   0%  0 of 2,000");
  EXPECT_EQ(ProgressLine(1000, 2000, 0, 2000),
            "[########--------]  50%  1,000 of 2,000  500/s  2 s left");
  EXPECT_EQ(ProgressLine(2000, 2000, 0, 4000),
            "[################] 100%  2,000 of 2,000  500/s");
  // What an earlier run did counts in the part but in no rate.
  EXPECT_EQ(ProgressLine(1500, 2000, 1000, 1000),
            "[############----]  75%  1,500 of 2,000  500/s  1 s left");
  EXPECT_EQ(ProgressLine(0, 0, 0, 10), "[################] 100%  0 of 0");
  EXPECT_LE(ProgressLine(87000000, 870000000, 0, 1000).size(), 79u);
}

TEST(Progress, DrawsOverItselfOnATerminalAndInPlainLinesElsewhere) {
  base::FakeClock clock;
  std::ostringstream drawn;
  Progress bar(drawn, true, clock, 0, 100);
  bar.Update(1);
  EXPECT_EQ(drawn.str(), "");  // too soon
  clock.Advance(1);
  bar.Update(50);
  EXPECT_EQ(drawn.str()[0], '\r');
  EXPECT_EQ(drawn.str().find('\n'), std::string::npos);
  bar.Finish(100);
  EXPECT_EQ(drawn.str().back(), '\n');

  std::ostringstream plain;
  Progress lines(plain, false, clock, 0, 100);
  clock.Advance(1);
  lines.Update(10);
  EXPECT_EQ(plain.str(), "");
  clock.Advance(5);
  lines.Update(60);
  lines.Finish(100);
  EXPECT_EQ(plain.str().find('\r'), std::string::npos);
  EXPECT_EQ(plain.str(), ProgressLine(60, 100, 0, 6000) + "\n" +
                             ProgressLine(100, 100, 0, 6000) + "\n");
}

}  // namespace
}  // namespace coffer::cli
