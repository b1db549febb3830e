#include "workers/policy/text_splitter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/handle.h"
#include "workers/policy/utf8.h"

namespace gradus {
namespace {

struct CodeTraits {
  using Type = pcre2_code*;
  static Type Null() { return nullptr; }
  static void Close(Type code) noexcept { pcre2_code_free(code); }
};
struct MatchDataTraits {
  using Type = pcre2_match_data*;
  static Type Null() { return nullptr; }
  static void Close(Type data) noexcept { pcre2_match_data_free(data); }
};

// PCRE2's \s takes U+180E for a space, Unicode and the tokenizers' regex engine do not: spell the
// class out.
std::string WithUnicodeSpaces(const std::string& pattern) {
  static constexpr const char* kSpaces = "\\t-\\r \\x{85}\\p{Z}";
  std::string out;
  int depth = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      if (next == 's') {
        out += depth > 0 ? kSpaces : "[" + std::string(kSpaces) + "]";
      } else if (next == 'S' && depth == 0) {
        out += "[^" + std::string(kSpaces) + "]";
      } else {
        out += c;
        out += next;
      }
      continue;
    }
    if (c == '[') ++depth;
    if (c == ']' && depth > 0) --depth;
    out += c;
  }
  return out;
}

class Pattern {
 public:
  Pattern(const std::string& text, std::uint32_t options, const std::string& origin) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    code_ = Handle<CodeTraits>(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                             PCRE2_UTF | PCRE2_UCP | options, &error, &offset,
                                             nullptr));
    if (!code_) {
      std::array<PCRE2_UCHAR, 256> message{};
      pcre2_get_error_message(error, message.data(), message.size());
      Fail("{}: pattern {} does not compile: {}", origin, text,
           reinterpret_cast<const char*>(message.data()));
    }
    // Without JIT on this machine the interpreter gives the same matches.
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
  }

  // Calls visit(begin, end) for each match, left to right.
  template <class Visit>
  void EachMatch(std::string_view text, Visit visit) const {
    const Handle<MatchDataTraits> data(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    for (std::size_t at = 0; at < text.size();) {
      if (!MatchFrom(text, at, data.get())) return;
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
      if (range[1] > range[0]) visit(range[0], range[1]);
      if (range[1] >= text.size()) return;
      at = range[1] > range[0] ? range[1] : range[1] + FirstCodePoint(text.substr(range[1])).bytes;
    }
  }

 private:
  bool MatchFrom(std::string_view text, std::size_t at, pcre2_match_data* data) const {
    const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    int found =
        pcre2_match(code_.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK, data, nullptr);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
      found = pcre2_match(code_.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                          data, nullptr);
    }
    if (found == PCRE2_ERROR_NOMATCH) return false;
    if (found < 0) Fail("tokenizer: the split pattern gave up on a text (PCRE2 error {})", found);
    return true;
  }
  Handle<CodeTraits> code_;
};

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

bool FlagOr(const Json& json, const char* key, bool otherwise) {
  const auto found = json.find(key);
  return found == json.end() || !found->is_boolean() ? otherwise : found->get<bool>();
}

}  // namespace

struct TextSplitter::Stage {
  std::unique_ptr<Pattern> pattern;  // None: keep pieces as they are.
  Behavior behavior = Behavior::kIsolated;
  bool invert = false;
  bool add_prefix_space = false;
};

TextSplitter::TextSplitter(const Json& json, const std::string& origin) {
  if (json.is_null()) return;
  if (!json.is_object()) Fail("{}: pre_tokenizer is not an object", origin);
  if (json.value("type", "") != "Sequence") {
    AddStage(json, origin);
    return;
  }
  if (!json.contains("pretokenizers") || !json["pretokenizers"].is_array()) {
    Fail("{}: pre_tokenizer Sequence has no pretokenizers", origin);
  }
  for (const Json& stage : json["pretokenizers"]) AddStage(stage, origin);
}
TextSplitter::TextSplitter(TextSplitter&&) noexcept = default;
TextSplitter::~TextSplitter() = default;

void TextSplitter::AddByteLevel(const Json& json, const std::string& origin) {
  auto stage = std::make_unique<Stage>();
  stage->add_prefix_space = FlagOr(json, "add_prefix_space", true);
  if (FlagOr(json, "use_regex", true)) {
    stage->pattern = std::make_unique<Pattern>(WithUnicodeSpaces(kByteLevelPattern), 0, origin);
  }
  stages_.push_back(std::move(stage));
  byte_level_ = true;
}

void TextSplitter::AddStage(const Json& json, const std::string& origin) {
  const std::string type = json.is_object() ? json.value("type", "") : "";
  if (byte_level_) Fail("{}: pre_tokenizer {} after ByteLevel is not supported", origin, type);
  if (type == "ByteLevel") return AddByteLevel(json, origin);
  auto stage = std::make_unique<Stage>();
  if (type == "Digits") {
    const bool each = FlagOr(json, "individual_digits", false);
    stage->pattern = std::make_unique<Pattern>(each ? "\\p{N}" : "\\p{N}+", 0, origin);
  } else if (type == "Split") {
    const Json& pattern = json.contains("pattern") ? json["pattern"] : Json();
    if (pattern.is_object() && pattern.contains("Regex") && pattern["Regex"].is_string()) {
      stage->pattern = std::make_unique<Pattern>(
          WithUnicodeSpaces(pattern["Regex"].get<std::string>()), 0, origin);
    } else if (pattern.is_object() && pattern.contains("String") && pattern["String"].is_string()) {
      stage->pattern =
          std::make_unique<Pattern>(pattern["String"].get<std::string>(), PCRE2_LITERAL, origin);
    } else {
      Fail("{}: pre_tokenizer Split has an unsupported pattern", origin);
    }
    stage->behavior = BehaviorOf(json.contains("behavior") ? json["behavior"] : Json(), origin);
    stage->invert = FlagOr(json, "invert", false);
  } else {
    Fail("{}: unsupported pre_tokenizer {}", origin, type);
  }
  stages_.push_back(std::move(stage));
}

std::vector<std::string> TextSplitter::Split(std::string_view text) const {
  std::vector<std::string> pieces = {std::string(text)};
  for (const std::unique_ptr<Stage>& stage : stages_) {
    std::vector<std::string> next;
    for (std::string& piece : pieces) {
      if (stage->add_prefix_space && !piece.starts_with(' ')) piece.insert(0, " ");
      if (!stage->pattern) {
        next.push_back(std::move(piece));
        continue;
      }
      for (const Part& part :
           Arrange(PartsOf(*stage->pattern, piece, stage->invert), stage->behavior)) {
        next.push_back(piece.substr(part.begin, part.end - part.begin));
      }
    }
    pieces = std::move(next);
  }
  return pieces;
}

}  // namespace gradus
