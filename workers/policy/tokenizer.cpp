#include "workers/policy/tokenizer.h"

#include <algorithm>
#include <unordered_map>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "workers/policy/added_tokens.h"
#include "workers/policy/merge_table.h"
#include "workers/policy/text_splitter.h"
#include "workers/policy/utf8.h"

namespace gradus {
namespace {

bool ReadNormalizer(const Json& json, const std::string& origin) {
  if (json.is_null()) return false;
  const std::string type = json.is_object() ? json.value("type", "") : "";
  if (type == "NFC") return true;
  if (type == "Sequence" && json.contains("normalizers") && json["normalizers"].is_array()) {
    bool compose = false;
    for (const Json& part : json["normalizers"]) compose |= ReadNormalizer(part, origin);
    return compose;
  }
  Fail("{}: unsupported normalizer {}", origin, type);
}

void CheckDecoder(const Json& json, const std::string& origin) {
  if (!json.is_object() || json.value("type", "") != "ByteLevel") {
    Fail("{}: only the decoder ByteLevel is supported", origin);
  }
}

AddedToken ReadAddedToken(const Json& json, const std::string& origin) {
  if (!json.is_object() || !json.contains("id") || !json["id"].is_number_unsigned() ||
      json["id"].get<std::uint64_t>() > (1u << 30) || !json.contains("content") ||
      !json["content"].is_string()) {
    Fail("{}: added token {} needs id and content", origin, json.dump());
  }
  AddedToken token;
  token.id = json["id"].get<TokenId>();
  token.content = json["content"].get<std::string>();
  const auto flag = [&](const char* key) { return json.contains(key) && json[key] == true; };
  token.single_word = flag("single_word");
  token.lstrip = flag("lstrip");
  token.rstrip = flag("rstrip");
  token.normalized = flag("normalized");
  token.special = flag("special");
  return token;
}

// Tokens around the text, from TemplateProcessing's `single` template.
struct Frame {
  std::vector<TokenId> before, after;
};

void ReadTemplate(const Json& json, const std::string& origin, Frame& frame) {
  if (!json.contains("single") || !json["single"].is_array()) {
    Fail("{}: TemplateProcessing has no single template", origin);
  }
  bool seen_text = false;
  for (const Json& item : json["single"]) {
    if (item.contains("Sequence")) {
      seen_text = true;
      continue;
    }
    const std::string name = item.contains("SpecialToken")
                                 ? item["SpecialToken"].value("id", std::string())
                                 : std::string();
    const Json& specials = json.contains("special_tokens") ? json["special_tokens"] : Json();
    if (name.empty() || !specials.is_object() || !specials.contains(name) ||
        !specials[name].contains("ids")) {
      Fail("{}: TemplateProcessing item {} is not defined", origin, item.dump());
    }
    std::vector<TokenId>& side = seen_text ? frame.after : frame.before;
    for (const Json& id : specials[name]["ids"]) side.push_back(id.get<TokenId>());
  }
}

void ReadPostProcessor(const Json& json, const std::string& origin, Frame& frame) {
  if (json.is_null()) return;
  const std::string type = json.is_object() ? json.value("type", "") : "";
  if (type == "ByteLevel") return;  // Only trims offsets.
  if (type == "TemplateProcessing") return ReadTemplate(json, origin, frame);
  if (type == "Sequence" && json.contains("processors") && json["processors"].is_array()) {
    for (const Json& part : json["processors"]) ReadPostProcessor(part, origin, frame);
    return;
  }
  Fail("{}: unsupported post_processor {}", origin, type);
}

Json Member(const Json& json, const char* key) { return json.contains(key) ? json[key] : Json(); }

std::vector<TokenId> IdsFrom(const fs::path& path) {
  if (!fs::exists(path)) return {};
  const Json eos = Member(ParseStrictJson(ReadFile(path), path.string()), "eos_token_id");
  std::vector<TokenId> ids;
  for (const Json& id : eos.is_array() ? eos : Json::array({eos})) {
    if (id.is_number_unsigned()) ids.push_back(id.get<TokenId>());
  }
  return ids;
}

}  // namespace

struct Tokenizer::Impl {
  Impl(const Json& json, const std::string& origin)
      : merges(Member(json, "model"), origin),
        splitter(Member(json, "pre_tokenizer"), origin),
        compose(ReadNormalizer(Member(json, "normalizer"), origin)) {
    if (!splitter.byte_level()) Fail("{}: the pre_tokenizer must end with ByteLevel", origin);
    CheckDecoder(Member(json, "decoder"), origin);
    ReadPostProcessor(Member(json, "post_processor"), origin, frame);
    for (const auto& [entry, id] : merges.vocabulary()) Remember(id, BytesOfEntry(entry));
    for (const Json& item : Member(json, "added_tokens"))
      AddToken(ReadAddedToken(item, origin), origin);
  }

  void Remember(TokenId id, std::string bytes) {
    const auto index = static_cast<std::size_t>(id);
    if (index >= bytes_of.size()) bytes_of.resize(index + 1);
    bytes_of[index] = std::move(bytes);
  }

  void AddToken(AddedToken token, const std::string& origin) {
    const auto known = merges.IdOf(token.content);
    if (known && *known != token.id) {
      Fail("{}: added token {} has id {} here and {} in the vocab", origin, token.content, token.id,
           *known);
    }
    added_ids[token.content] = token.id;
    // The decoder maps added tokens through the byte alphabet too, as the reference does.
    Remember(token.id, BytesOfEntry(token.content));
    if (token.normalized && compose) token.content = ComposeUtf8(token.content);
    (token.normalized ? normalized : raw).Add(token);
  }

  std::vector<TokenId> Encode(std::string_view text) const {
    const std::string valid = ValidUtf8(text);
    std::vector<TokenId> ids;
    for (const Segment& segment : raw.Split(valid)) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
      } else {
        EncodeNormalized(compose ? ComposeUtf8(segment.text) : std::string(segment.text), ids);
      }
    }
    return ids;
  }

  void EncodeNormalized(const std::string& text, std::vector<TokenId>& ids) const {
    for (const Segment& segment : normalized.Split(text)) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
        continue;
      }
      for (const std::string& piece : splitter.Split(segment.text)) merges.Encode(piece, ids);
    }
  }

  std::string Decode(const std::vector<TokenId>& ids) const {
    std::string bytes;
    for (TokenId id : ids) {
      const auto index = static_cast<std::size_t>(id);
      // Ids in the padding of the model's vocabulary stand for nothing.
      if (id >= 0 && index < bytes_of.size()) bytes += bytes_of[index];
    }
    return ValidUtf8(bytes);
  }

  std::optional<TokenId> IdOf(const std::string& token) const {
    const auto added = added_ids.find(token);
    return added != added_ids.end() ? added->second : merges.IdOf(token);
  }

  void ReadEos(const fs::path& folder) {
    eos = IdsFrom(folder / "generation_config.json");
    if (eos.empty()) eos = IdsFrom(folder / "config.json");
    const fs::path path = folder / "tokenizer_config.json";
    if (!eos.empty() || !fs::exists(path)) return;
    Json token = Member(ParseStrictJson(ReadFile(path), path.string()), "eos_token");
    if (token.is_object()) token = Member(token, "content");
    if (!token.is_string()) return;
    if (const auto id = IdOf(token.get<std::string>())) eos = {*id};
  }

  MergeTable merges;
  TextSplitter splitter;
  bool compose = false;
  Frame frame;
  AddedTokenMatcher raw, normalized;
  std::unordered_map<std::string, TokenId> added_ids;
  std::vector<std::string> bytes_of;  // By id.
  std::vector<TokenId> eos;
};

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::Load(const fs::path& folder) {
  const fs::path path = folder / "tokenizer.json";
  const Json json = ParseStrictJson(ReadFile(path), path.string());
  try {
    auto impl = std::make_unique<Impl>(json, path.string());
    impl->ReadEos(folder);
    return Tokenizer(std::move(impl));
  } catch (const Json::exception& error) {
    Fail("{}: unexpected structure ({})", path.string(), error.what());
  }
}

std::vector<TokenId> Tokenizer::Encode(std::string_view text) const { return impl_->Encode(text); }

std::vector<TokenId> Tokenizer::EncodeWithSpecials(std::string_view text) const {
  std::vector<TokenId> ids = impl_->frame.before;
  const std::vector<TokenId> body = impl_->Encode(text);
  ids.insert(ids.end(), body.begin(), body.end());
  ids.insert(ids.end(), impl_->frame.after.begin(), impl_->frame.after.end());
  return ids;
}

std::string Tokenizer::Decode(const std::vector<TokenId>& ids) const { return impl_->Decode(ids); }

std::optional<TokenId> Tokenizer::IdOf(std::string_view token) const {
  return impl_->IdOf(std::string(token));
}

int Tokenizer::VocabularySize() const { return static_cast<int>(impl_->bytes_of.size()); }

const std::vector<TokenId>& Tokenizer::EosIds() const { return impl_->eos; }

}  // namespace gradus
