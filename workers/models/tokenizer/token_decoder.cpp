#include "workers/models/tokenizer/token_decoder.h"

#include "schemas/base/error.h"
#include "workers/models/tokenizer/byte_alphabet.h"
#include "workers/models/tokenizer/metaspace.h"
#include "workers/models/tokenizer/text_normalizer.h"
#include "workers/models/tokenizer/utf8.h"

namespace gradus {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The byte that <0x41> stands for; -1 for other texts.
int FallbackByte(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const int high = HexDigit(text[3]), low = HexDigit(text[4]);
  return high < 0 || low < 0 ? -1 : 16 * high + low;
}

// A run of bytes that is not valid as a whole becomes one U+FFFD per byte.
std::string TextOfRun(const std::string& run) {
  if (ValidUtf8(run) == run) return run;
  std::string out;
  for (std::size_t i = 0; i < run.size(); ++i) AppendUtf8(out, 0xFFFD);
  return out;
}

std::vector<std::string> JoinByteRuns(std::vector<std::string> texts) {
  std::vector<std::string> out;
  std::string run;
  for (std::string& text : texts) {
    const int byte = FallbackByte(text);
    if (byte >= 0) {
      run += static_cast<char>(byte);
      continue;
    }
    if (!run.empty()) out.push_back(TextOfRun(std::exchange(run, {})));
    out.push_back(std::move(text));
  }
  if (!run.empty()) out.push_back(TextOfRun(run));
  return out;
}

std::string Stripped(std::string_view text, std::string_view content, std::size_t start,
                     std::size_t stop) {
  for (std::size_t i = 0; i < start && text.starts_with(content); ++i) {
    text.remove_prefix(content.size());
  }
  for (std::size_t i = 0; i < stop && text.ends_with(content); ++i) {
    text.remove_suffix(content.size());
  }
  return std::string(text);
}

std::string Joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += text;
  return out;
}

std::size_t CountIn(const Json& json, const char* key, const std::string& origin) {
  const Json& count = MemberOf(json, key);
  if (!count.is_number_unsigned()) Fail("{}: {} is missing or no number", origin, key);
  return count.get<std::size_t>();
}

}  // namespace

TokenDecoder::TokenDecoder(const Json& json, const std::string& origin) {
  const std::string type = TypeOf(json);
  if (type == "ByteLevel") {
    byte_level_ = true;
  } else if (type == "Sequence") {
    for (const Json& step : ListIn(json, "decoders", origin)) AddStep(step, origin);
  } else {
    AddStep(json, origin);
  }
}

void TokenDecoder::AddStep(const Json& json, const std::string& origin) {
  const std::string type = TypeOf(json);
  if (type == "Replace") {
    steps_.push_back({.kind = Kind::kReplace,
                      .pattern = ReadPattern(MemberOf(json, "pattern"), origin),
                      .content = TextIn(json, "content", origin)});
  } else if (type == "ByteFallback") {
    steps_.push_back({.kind = Kind::kByteFallback});
  } else if (type == "Fuse") {
    steps_.push_back({.kind = Kind::kFuse});
  } else if (type == "Strip") {
    steps_.push_back(StripStep(json, origin));
  } else if (type == "Metaspace") {
    steps_.push_back(MetaspaceStep(json, origin));
  } else {
    Fail("{}: unsupported decoder {}", origin, type);
  }
}

TokenDecoder::Step TokenDecoder::StripStep(const Json& json, const std::string& origin) {
  Step step{.kind = Kind::kStrip, .content = TextIn(json, "content", origin)};
  if (step.content.empty()) Fail("{}: the decoder Strip has no content", origin);
  step.start = CountIn(json, "start", origin);
  step.stop = CountIn(json, "stop", origin);
  return step;
}

TokenDecoder::Step TokenDecoder::MetaspaceStep(const Json& json, const std::string& origin) {
  const Metaspace metaspace(json, origin);
  return {.kind = Kind::kMetaspace,
          .pattern = Pattern::Literal(metaspace.mark, origin),
          .drop_first = metaspace.prefix != Metaspace::Prefix::kNever};
}

void TokenDecoder::Add(std::int32_t id, std::string_view entry) {
  const auto index = static_cast<std::size_t>(id);
  if (index >= texts_.size()) texts_.resize(index + 1);
  // An added token may have characters outside the alphabet: it stands for itself.
  const auto bytes = byte_level_ ? BytesOfEntry(entry) : std::nullopt;
  texts_[index] = bytes.value_or(std::string(entry));
}

bool TokenDecoder::IsFree(std::int32_t id) const {
  const auto index = static_cast<std::size_t>(id);
  return id < 0 || index >= texts_.size() || texts_[index].empty();
}

bool TokenDecoder::IsFallbackByte(std::int32_t id) const {
  return !byte_level_ && FallbackByte(texts_[static_cast<std::size_t>(id)]) >= 0;
}

bool TokenDecoder::GrowsAtTheEnd() const {
  bool fused = false;
  for (const Step& step : steps_) {
    if (fused && (step.kind != Kind::kStrip || step.stop > 0)) return false;
    fused = fused || step.kind == Kind::kFuse;
  }
  return true;
}

std::string TokenDecoder::Decode(std::span<const std::int32_t> ids) const {
  Texts texts;
  std::string bytes;
  for (std::int32_t id : ids) {
    const auto index = static_cast<std::size_t>(id);
    // Ids in the padding of the model's vocabulary stand for nothing.
    if (id < 0 || index >= texts_.size()) continue;
    if (byte_level_) {
      bytes += texts_[index];
    } else if (!texts_[index].empty()) {
      texts.push_back(texts_[index]);
    }
  }
  for (const Step& step : steps_) texts = Apply(step, std::move(texts));
  return ValidUtf8(byte_level_ ? bytes : Joined(texts));
}

TokenDecoder::Texts TokenDecoder::Apply(const Step& step, Texts texts) {
  if (step.kind == Kind::kByteFallback) return JoinByteRuns(std::move(texts));
  if (step.kind == Kind::kFuse) return {Joined(texts)};
  bool first = true;
  for (std::string& text : texts) {
    if (step.kind == Kind::kStrip) {
      text = Stripped(text, step.content, step.start, step.stop);
    } else if (step.kind == Kind::kReplace) {
      text = ReplaceAll(text, *step.pattern, step.content);
    } else {
      text = ReplaceAll(text, *step.pattern, first && step.drop_first ? "" : " ");
    }
    first = false;
  }
  return texts;
}

}  // namespace gradus
