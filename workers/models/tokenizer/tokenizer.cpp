#include "workers/models/tokenizer/tokenizer.h"

#include <algorithm>
#include <unordered_map>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "workers/models/tokenizer/added_tokens.h"
#include "workers/models/tokenizer/merge_table.h"
#include "workers/models/tokenizer/text_normalizer.h"
#include "workers/models/tokenizer/text_splitter.h"
#include "workers/models/tokenizer/token_decoder.h"
#include "workers/models/tokenizer/token_frame.h"
#include "workers/models/tokenizer/utf8.h"

namespace gradus {
namespace {

std::vector<TokenId> IdsFrom(const fs::path& path) {
  if (!fs::exists(path)) return {};
  const Json json = ParseStrictJson(ReadFile(path), path.string());
  const Json& eos = MemberOf(json, "eos_token_id");
  if (eos.is_null()) return {};
  std::vector<TokenId> ids;
  for (const Json& id : eos.is_array() ? eos : Json::array({eos})) {
    ids.push_back(TokenIdFrom(id, "eos_token_id", path.string()));
  }
  return ids;
}

}  // namespace

struct Tokenizer::Impl {
  Impl(const Json& json, const std::string& origin)
      : splitter(MemberOf(json, "pre_tokenizer"), origin),
        merges(
            MemberOf(json, "model"),
            splitter.byte_level() ? MergeTable::Symbols::kBytes : MergeTable::Symbols::kCharacters,
            origin),
        normalizer(MemberOf(json, "normalizer"), origin),
        decoder(MemberOf(json, "decoder"), origin),
        frame(MemberOf(json, "post_processor"), origin) {
    if (splitter.byte_level() != decoder.byte_level()) {
      Fail("{}: pre_tokenizer and decoder must both be ByteLevel, or neither", origin);
    }
    for (const auto& [entry, id] : merges.vocabulary()) decoder.Add(id, entry);
    if (MemberOf(json, "added_tokens").is_null()) return;
    for (const Json& item : ListIn(json, "added_tokens", origin)) {
      AddToken(ReadAddedToken(item, origin), origin);
    }
  }

  // The reference takes a new token's id from its place in the list, not from the file: a file
  // where the two differ would mean something else there.
  TokenId ExpectedId(const std::string& content) const {
    if (const auto known = IdOf(content)) return *known;
    return std::max(static_cast<TokenId>(merges.vocabulary().size()), largest_added + 1);
  }

  void AddToken(AddedToken token, const std::string& origin) {
    if (token.content.empty()) return;
    const TokenId expected = ExpectedId(token.content);
    if (token.id != expected) {
      Fail("{}: added token {} has id {}, by its place it has {}", origin, token.content, token.id,
           expected);
    }
    if (!IdOf(token.content) && !decoder.IsFree(token.id)) {
      Fail("{}: the id {} of added token {} is another token's", origin, token.id, token.content);
    }
    added_ids[token.content] = token.id;
    largest_added = std::max(largest_added, token.id);
    if (token.normalized) token.content = normalizer.Normalize(token.content);
    decoder.Add(token.id, token.content);
    (token.normalized ? normalized : raw).Add(token);
  }

  std::vector<TokenId> Encode(std::string_view text) const {
    const std::string valid = ValidUtf8(text);
    std::vector<TokenId> ids;
    for (const Segment& segment : raw.Split(valid)) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
      } else {
        const bool first = segment.text.data() == valid.data();
        EncodeNormalized(normalizer.Normalize(segment.text), first, ids);
      }
    }
    return ids;
  }

  void EncodeNormalized(const std::string& text, bool first, std::vector<TokenId>& ids) const {
    for (const Segment& segment : normalized.Split(text)) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
        continue;
      }
      splitter.EachPiece(segment.text, first && segment.text.data() == text.data(),
                         [&](std::string_view piece) { merges.Encode(piece, ids); });
    }
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
    const Json json = ParseStrictJson(ReadFile(path), path.string());
    Json token = MemberOf(json, "eos_token");
    if (token.is_object()) token = TextIn(token, "content", path.string());
    if (!token.is_string()) return;
    if (const auto id = IdOf(token.get<std::string>())) eos = {*id};
  }

  TextSplitter splitter;
  MergeTable merges;
  TextNormalizer normalizer;
  TokenDecoder decoder;
  TokenFrame frame;
  AddedTokenMatcher raw, normalized;
  std::unordered_map<std::string, TokenId> added_ids;
  TokenId largest_added = -1;
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

std::string Tokenizer::Decode(const std::vector<TokenId>& ids) const {
  return impl_->decoder.Decode(ids);
}

Tokenizer::Join Tokenizer::JoinOf(TokenId id) const {
  if (impl_->decoder.IsFree(id)) return Join::kNothing;
  return impl_->decoder.IsFallbackByte(id) ? Join::kByte : Join::kText;
}

bool Tokenizer::GrowsAtTheEnd() const { return impl_->decoder.GrowsAtTheEnd(); }

std::optional<TokenId> Tokenizer::IdOf(std::string_view token) const {
  return impl_->IdOf(std::string(token));
}

bool Tokenizer::IsAdded(std::string_view token) const {
  return impl_->added_ids.contains(std::string(token));
}

int Tokenizer::VocabularySize() const { return static_cast<int>(impl_->decoder.size()); }

const std::vector<TokenId>& Tokenizer::EosIds() const { return impl_->eos; }

}  // namespace gradus
