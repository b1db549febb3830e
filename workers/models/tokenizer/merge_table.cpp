#include "workers/models/tokenizer/merge_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "schemas/base/error.h"
#include "workers/models/tokenizer/byte_alphabet.h"
#include "workers/models/tokenizer/symbol_merging.h"
#include "workers/models/tokenizer/utf8.h"

namespace gradus {
namespace {

std::pair<std::string, std::string> MergeSides(const Json& merge, const std::string& origin) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  }
  if (merge.is_string()) {
    const std::string text = merge.get<std::string>();
    const std::size_t space = text.find(' ');
    if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
      return {text.substr(0, space), text.substr(space + 1)};
    }
  }
  Fail("{}: merge {} is neither a pair nor two words", origin, merge.dump());
}

}  // namespace

MergeTable::MergeTable(const Json& model, Symbols symbols, const std::string& origin)
    : symbols_(symbols) {
  if (!model.is_object() || model.value("type", "BPE") != "BPE") {
    Fail("{}: only model type BPE is supported", origin);
  }
  ReadVocabulary(model, origin);
  ReadOptions(model, origin);
  ReadMerges(model, origin);
  FindSymbols();
  FindWholePieces();
}

void MergeTable::ReadVocabulary(const Json& model, const std::string& origin) {
  if (!MemberOf(model, "vocab").is_object()) Fail("{}: no vocab", origin);
  vocabulary_.reserve(model["vocab"].size());
  std::vector<bool> taken;
  for (const auto& [entry, json] : model["vocab"].items()) {
    const std::int32_t id = TokenIdFrom(json, entry, origin);
    const auto index = static_cast<std::size_t>(id);
    if (index >= taken.size()) taken.resize(2 * index + 1);
    if (taken[index]) Fail("{}: two vocab entries have id {}, one is {}", origin, id, entry);
    taken[index] = true;
    vocabulary_.emplace(entry, id);
  }
}

void MergeTable::ReadOptions(const Json& model, const std::string& origin) {
  const Json& dropout = MemberOf(model, "dropout");
  if (!dropout.is_null() && dropout != 0) Fail("{}: model.dropout is not supported", origin);
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const Json& affix = MemberOf(model, key);
    if (!affix.is_null() && affix != "") Fail("{}: model.{} is not supported", origin, key);
  }
  ignore_merges_ = FlagIn(model, "ignore_merges", false, origin);
  byte_fallback_ = FlagIn(model, "byte_fallback", false, origin);
  fuse_unknown_ = FlagIn(model, "fuse_unk", false, origin);
  if (MemberOf(model, "unk_token").is_null()) return;
  const std::string unknown = TextIn(model, "unk_token", origin);
  unknown_ = IdOrNone(unknown);
  if (unknown_ < 0) Fail("{}: the vocab lacks model.unk_token {}", origin, unknown);
}

void MergeTable::ReadMerges(const Json& model, const std::string& origin) {
  const Json& merges = MemberOf(model, "merges");
  if (!merges.is_array()) Fail("{}: no merges", origin);
  merges_ = PairMap(merges.size());
  std::int32_t rank = 0;
  for (const Json& merge : merges) {
    const auto [left, right] = MergeSides(merge, origin);
    // Old files carry the heading of merges.txt.
    if (merge.is_string() && left.starts_with("#version")) continue;
    const std::int32_t a = IdOrNone(left), b = IdOrNone(right), whole = IdOrNone(left + right);
    if (a < 0 || b < 0 || whole < 0) {
      Fail("{}: merge {} uses tokens that the vocab lacks", origin, merge.dump());
    }
    merges_.Set(a, b, {rank++, whole});
  }
}

void MergeTable::FindSymbols() {
  for (std::size_t b = 0; b < 256; ++b) {
    byte_ids_[b] = IdOrNone(ByteSymbol(static_cast<unsigned char>(b)));
    fallback_ids_[b] = IdOrNone(fmt::format("<0x{:02X}>", b));
  }
  if (symbols_ == Symbols::kBytes) return;
  for (const auto& [entry, id] : vocabulary_) {
    if (entry.empty()) continue;
    const CodePoint point = FirstCodePoint(entry);
    if (point.valid && point.bytes == entry.size()) character_ids_[point.value] = id;
  }
}

void MergeTable::FindWholePieces() {
  std::vector<std::int32_t> ids;
  decltype(whole_) whole(vocabulary_.size());
  for (const auto& [entry, id] : vocabulary_) {
    const bool bytes = symbols_ == Symbols::kBytes;
    if (!bytes && !ignore_merges_) return;  // There a piece is a whole text.
    const auto piece = bytes ? BytesOfEntry(entry) : entry;
    if (!piece) continue;
    ids.clear();
    if (!ignore_merges_) Encode(*piece, ids);
    if (ignore_merges_ || ids == std::vector{id}) whole.emplace(*piece, id);
  }
  whole_ = std::move(whole);
}

std::optional<std::int32_t> MergeTable::IdOf(const std::string& entry) const {
  const auto found = vocabulary_.find(entry);
  if (found == vocabulary_.end()) return {};
  return found->second;
}

void MergeTable::Encode(std::string_view piece, std::vector<std::int32_t>& ids) const {
  if (const auto found = whole_.find(piece); found != whole_.end()) {
    ids.push_back(found->second);
    return;
  }
  const std::size_t begin = ids.size();
  AppendSymbols(piece, ids);
  ids.resize(begin + MergeSymbols(merges_, std::span(ids).subspan(begin)));
}

std::int32_t MergeTable::CharacterId(char32_t code) const {
  const auto found = character_ids_.find(code);
  return found == character_ids_.end() ? -1 : found->second;
}

// The order of unknown tokens and fallback bytes is the reference's: it writes an unknown token
// only when the next known symbol comes, or the end.
void MergeTable::AppendSymbols(std::string_view piece, std::vector<std::int32_t>& ids) const {
  bool pending = false;
  while (!piece.empty()) {
    const auto byte = static_cast<unsigned char>(piece[0]);
    const bool bytes = symbols_ == Symbols::kBytes;
    const CodePoint point = bytes ? CodePoint{0, 1, true} : FirstCodePoint(piece);
    const std::int32_t id = bytes ? byte_ids_[byte] : CharacterId(point.value);
    if (id >= 0) {
      if (pending) ids.push_back(unknown_);
      pending = false;
      ids.push_back(id);
    } else if (!AppendFallback(bytes ? ByteSymbol(byte) : piece.substr(0, point.bytes), ids) &&
               unknown_ >= 0) {
      if (pending && !fuse_unknown_) ids.push_back(unknown_);
      pending = true;
    }
    piece.remove_prefix(point.bytes);
  }
  if (pending) ids.push_back(unknown_);
}

bool MergeTable::AppendFallback(std::string_view symbol, std::vector<std::int32_t>& ids) const {
  const auto known = [&](char c) { return fallback_ids_[static_cast<unsigned char>(c)] >= 0; };
  if (!byte_fallback_ || !std::all_of(symbol.begin(), symbol.end(), known)) return false;
  for (char c : symbol) ids.push_back(fallback_ids_[static_cast<unsigned char>(c)]);
  return true;
}

}  // namespace gradus
