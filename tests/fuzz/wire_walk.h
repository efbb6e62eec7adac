// Walks whole batches as their readers do: header, then op and fields until the
// count is reached, then nothing left. Checks on the way that what decodes has
// one form only. Fuzz targets and the corpus' maker only.
#pragma once

#include "tests/wire/shapes.h"

namespace coffer::wire {

struct FrameHeader {
  uint8_t format = kMessageFormat;
  uint64_t sequence = 1;
  uint16_t count = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.format);
    coder.Number(self.sequence);
    coder.Number(self.count);
  }
};

// A batch from the gate, after its length; false where the keeper would end.
inline bool WalkBatch(Bytes body) {
  base::Decoder decoder(body);
  FrameHeader header;
  decoder.Struct(header);
  if (decoder.failed() || header.format != kMessageFormat ||
      header.count == 0 || header.count > base::kBatchItemsMax) {
    return false;
  }
  for (uint16_t i = 0; i < header.count; ++i) {
    Op op{};
    decoder.Number(op);
    bool decoded = false;
    const bool known = WithItem(op, [&](auto shape) {
      decoded = DecodeOne<typename decltype(shape)::Type>(decoder);
    });
    if (decoder.failed() || !known || !decoded) return false;
  }
  return decoder.finished();
}

// A batch of answers from the keeper, after its length; false where the gate
// would end.
inline bool WalkAnswers(Bytes body) {
  base::Decoder decoder(body);
  FrameHeader header;
  decoder.Struct(header);
  VaultState state{};
  decoder.Number(state);
  if (decoder.failed() || header.format != kMessageFormat ||
      state > VaultState::kError) {
    return false;
  }
  for (uint16_t i = 0; i < header.count; ++i) {
    AnswerHeader answer;
    decoder.Struct(answer);
    if (decoder.failed() || !IsRule(static_cast<uint8_t>(answer.rule))) {
      return false;
    }
    bool decoded = answer.rule != Rule::kAllowed;
    const bool known = WithAnswer(answer.op, [&](auto shape) {
      if (decoded) return;
      decoded = DecodeOne<typename decltype(shape)::Type>(decoder);
    });
    if (!known || !decoded) return false;
  }
  return decoder.finished();
}

// An operator's question, after its length.
inline bool WalkQuestion(Bytes body) {
  base::Decoder decoder(body);
  OperatorQuestionHeader header;
  decoder.Struct(header);
  if (decoder.failed() || header.format != kOperatorFormat) return false;
  bool decoded = false;
  WithOperatorQuestion(header.op, [&](auto shape) {
    decoded = DecodeOne<typename decltype(shape)::Type>(decoder);
  });
  return decoded && decoder.finished();
}

// The keeper's answer to an operator, after its length.
inline bool WalkReply(Bytes body) {
  base::Decoder decoder(body);
  OperatorAnswerHeader header;
  decoder.Struct(header);
  if (decoder.failed() || header.format != kOperatorFormat) return false;
  bool decoded = header.code != OperatorCode::kDone;
  WithOperatorAnswer(header.op, [&](auto shape) {
    if (decoded) return;
    decoded = DecodeOne<typename decltype(shape)::Type>(decoder);
  });
  return decoded && decoder.finished();
}

}  // namespace coffer::wire
