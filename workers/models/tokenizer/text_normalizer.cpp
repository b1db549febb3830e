#include "workers/models/tokenizer/text_normalizer.h"

#include "schemas/base/error.h"
#include "workers/models/tokenizer/utf8.h"

namespace gradus {

TextNormalizer::TextNormalizer(const Json& json, const std::string& origin) {
  if (json.is_null()) return;
  if (TypeOf(json) != "Sequence") {
    AddStep(json, origin);
    return;
  }
  for (const Json& part : ListIn(json, "normalizers", origin)) AddStep(part, origin);
}

void TextNormalizer::AddStep(const Json& json, const std::string& origin) {
  const std::string type = TypeOf(json);
  if (type == "NFC") {
    steps_.push_back({Kind::kCompose, {}, ""});
  } else if (type == "Prepend") {
    steps_.push_back({Kind::kPrepend, {}, TextIn(json, "prepend", origin)});
  } else if (type == "Replace") {
    steps_.push_back({Kind::kReplace, ReadPattern(MemberOf(json, "pattern"), origin),
                      TextIn(json, "content", origin)});
  } else {
    Fail("{}: unsupported normalizer {}", origin, type);
  }
}

std::string TextNormalizer::Normalize(std::string_view text) const {
  std::string out(text);
  for (const Step& step : steps_) {
    if (step.kind == Kind::kCompose) {
      out = ComposeUtf8(out);
    } else if (step.kind == Kind::kReplace) {
      out = ReplaceAll(out, *step.pattern, step.content);
    } else if (!out.empty()) {
      out.insert(0, step.content);
    }
  }
  return out;
}

Pattern ReadPattern(const Json& json, const std::string& origin) {
  if (MemberOf(json, "Regex").is_string())
    return Pattern::Regex(TextIn(json, "Regex", origin), origin);
  if (MemberOf(json, "String").is_string()) {
    return Pattern::Literal(TextIn(json, "String", origin), origin);
  }
  Fail("{}: unsupported pattern {}", origin, json.dump());
}

std::string ReplaceAll(std::string_view text, const Pattern& pattern, std::string_view content) {
  std::string out;
  std::size_t done = 0;
  pattern.EachMatch(text, [&](std::size_t begin, std::size_t end) {
    out.append(text.substr(done, begin - done)).append(content);
    done = end;
  });
  return out.append(text.substr(done));
}

}  // namespace gradus
