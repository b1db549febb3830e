#include "workers/models/tokenizer/text_splitter.h"

#include <optional>
#include <utility>

#include "schemas/base/error.h"
#include "workers/models/tokenizer/metaspace.h"
#include "workers/models/tokenizer/pattern.h"
#include "workers/models/tokenizer/text_normalizer.h"

namespace gradus {
namespace {

enum class Behavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

struct Part {
  std::size_t begin, end;
  bool match;
};

std::vector<Part> PartsOf(const Pattern& pattern, std::string_view text, bool invert) {
  std::vector<Part> parts;
  std::size_t done = 0;
  pattern.EachMatch(text, [&](std::size_t begin, std::size_t end) {
    if (done < begin) parts.push_back({done, begin, invert});
    parts.push_back({begin, end, !invert});
    done = end;
  });
  if (done < text.size()) parts.push_back({done, text.size(), invert});
  return parts;
}

std::vector<Part> Arrange(std::vector<Part> parts, Behavior behavior) {
  std::vector<Part> out;
  const auto extend = [&](const Part& part) { out.back().end = part.end; };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    const bool after_match = i > 0 && parts[i - 1].match;
    const bool before_match = i + 1 < parts.size() && parts[i + 1].match;
    switch (behavior) {
      case Behavior::kRemoved:
        if (!part.match) out.push_back(part);
        break;
      case Behavior::kContiguous:
        if (i > 0 && parts[i - 1].match == part.match)
          extend(part);
        else
          out.push_back(part);
        break;
      case Behavior::kMergedWithPrevious:
        if (part.match && i > 0 && !after_match)
          extend(part);
        else
          out.push_back(part);
        break;
      case Behavior::kMergedWithNext:
        if (part.match && i + 1 < parts.size() && !before_match) {
          out.push_back({part.begin, parts[i + 1].end, true});
          ++i;
        } else {
          out.push_back(part);
        }
        break;
      case Behavior::kIsolated:
        out.push_back(part);
        break;
    }
  }
  return out;
}

Behavior BehaviorOf(const Json& json, const std::string& origin) {
  static constexpr std::pair<const char*, Behavior> kNames[] = {
      {"Isolated", Behavior::kIsolated},
      {"Removed", Behavior::kRemoved},
      {"MergedWithPrevious", Behavior::kMergedWithPrevious},
      {"MergedWithNext", Behavior::kMergedWithNext},
      {"Contiguous", Behavior::kContiguous}};
  for (const auto& [name, behavior] : kNames) {
    if (json == name) return behavior;
  }
  Fail("{}: unsupported split behavior {}", origin, json.dump());
}

// The word pattern that ByteLevel applies by itself when use_regex is on (GPT-2's).
constexpr const char* kByteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

using Prefix = Metaspace::Prefix;

}  // namespace

struct TextSplitter::Stage {
  std::optional<Pattern> pattern;  // None: keep pieces as they are.
  Behavior behavior = Behavior::kIsolated;
  bool invert = false;
  std::optional<Pattern> space = {};  // What becomes `mark` before all else.
  std::string mark = {};              // Put before a piece that does not start with it.
  Prefix prefix = Prefix::kNever;

  static Stage ByteLevel(const Json& json, const std::string& origin);
  static Stage Metaspace(const Json& json, const std::string& origin);
  static Stage Digits(const Json& json, const std::string& origin);
  static Stage Split(const Json& json, const std::string& origin);
};

TextSplitter::Stage TextSplitter::Stage::ByteLevel(const Json& json, const std::string& origin) {
  Stage stage;
  stage.mark = " ";
  if (FlagIn(json, "add_prefix_space", true, origin)) stage.prefix = Prefix::kAlways;
  if (FlagIn(json, "use_regex", true, origin)) {
    stage.pattern = Pattern::Regex(kByteLevelPattern, origin);
  }
  return stage;
}

TextSplitter::Stage TextSplitter::Stage::Metaspace(const Json& json, const std::string& origin) {
  const gradus::Metaspace metaspace(json, origin);
  Stage stage;
  stage.mark = metaspace.mark;
  stage.space = Pattern::Literal(" ", origin);
  stage.prefix = metaspace.prefix;
  if (metaspace.split) {
    stage.pattern = Pattern::Literal(stage.mark, origin);
    stage.behavior = Behavior::kMergedWithNext;
  }
  return stage;
}

TextSplitter::Stage TextSplitter::Stage::Digits(const Json& json, const std::string& origin) {
  const bool each = FlagIn(json, "individual_digits", false, origin);
  Stage stage;
  stage.pattern = Pattern::Regex(each ? "\\p{N}" : "\\p{N}+", origin);
  return stage;
}

TextSplitter::Stage TextSplitter::Stage::Split(const Json& json, const std::string& origin) {
  Stage stage;
  stage.pattern = ReadPattern(MemberOf(json, "pattern"), origin);
  stage.behavior = BehaviorOf(MemberOf(json, "behavior"), origin);
  stage.invert = FlagIn(json, "invert", false, origin);
  return stage;
}

TextSplitter::TextSplitter(const Json& json, const std::string& origin) {
  if (json.is_null()) return;
  if (TypeOf(json) != "Sequence") {
    AddStage(json, origin);
    return;
  }
  for (const Json& stage : ListIn(json, "pretokenizers", origin)) AddStage(stage, origin);
}
TextSplitter::TextSplitter(TextSplitter&&) noexcept = default;
TextSplitter::~TextSplitter() = default;

void TextSplitter::AddStage(const Json& json, const std::string& origin) {
  static constexpr std::pair<const char*, Stage (*)(const Json&, const std::string&)> kStages[] = {
      {"ByteLevel", Stage::ByteLevel},
      {"Metaspace", Stage::Metaspace},
      {"Digits", Stage::Digits},
      {"Split", Stage::Split}};
  const std::string type = TypeOf(json);
  if (byte_level_) Fail("{}: pre_tokenizer {} after ByteLevel is not supported", origin, type);
  for (const auto& [name, make] : kStages) {
    if (type != name) continue;
    stages_.push_back(make(json, origin));
    byte_level_ = type == "ByteLevel";
    return;
  }
  Fail("{}: unsupported pre_tokenizer {}", origin, type);
}

void TextSplitter::EachPiece(std::string_view text, bool first, const Visit& visit) const {
  Run(0, text, first, visit);
}

void TextSplitter::Run(std::size_t index, std::string_view text, bool first,
                       const Visit& visit) const {
  if (text.empty()) return;
  if (index == stages_.size()) return visit(text);
  const Stage& stage = stages_[index];
  std::string rewritten;
  if (stage.space) {
    rewritten = ReplaceAll(text, *stage.space, stage.mark);
    text = rewritten;
  }
  const bool wanted = stage.prefix == Prefix::kAlways || (stage.prefix == Prefix::kFirst && first);
  if (wanted && !text.starts_with(stage.mark)) {
    rewritten = stage.mark + std::string(text);
    text = rewritten;
  }
  const auto pass = [&](std::size_t begin, std::size_t end) {
    if (begin < end) Run(index + 1, text.substr(begin, end - begin), first && begin == 0, visit);
  };
  if (!stage.pattern) return pass(0, text.size());
  if (stage.behavior != Behavior::kIsolated) {
    for (const Part& part : Arrange(PartsOf(*stage.pattern, text, stage.invert), stage.behavior)) {
      pass(part.begin, part.end);
    }
    return;
  }
  std::size_t done = 0;
  stage.pattern->EachMatch(text, [&](std::size_t begin, std::size_t end) {
    pass(done, begin);
    pass(begin, end);
    done = end;
  });
  pass(done, text.size());
}

}  // namespace gradus
