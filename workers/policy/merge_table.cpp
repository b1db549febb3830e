#include "workers/policy/merge_table.h"

#include <algorithm>
#include <queue>

#include "schemas/base/error.h"
#include "workers/policy/utf8.h"

namespace gradus {
namespace {

constexpr std::size_t kShortPiece = 48;  // Up to here scanning all pairs beats a heap.

struct Alphabet {
  std::array<char32_t, 256> code{};
  std::unordered_map<char32_t, unsigned char> byte;
};

const Alphabet& ByteAlphabet() {
  static const Alphabet kAlphabet = [] {
    Alphabet alphabet;
    char32_t next = 0x100;
    for (int b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      alphabet.code[static_cast<std::size_t>(b)] = printable ? static_cast<char32_t>(b) : next++;
      alphabet.byte[alphabet.code[static_cast<std::size_t>(b)]] = static_cast<unsigned char>(b);
    }
    return alphabet;
  }();
  return kAlphabet;
}

std::uint64_t PairKey(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

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

std::string ByteSymbol(unsigned char byte) {
  std::string symbol;
  AppendUtf8(symbol, ByteAlphabet().code[byte]);
  return symbol;
}

std::string BytesOfEntry(std::string_view entry) {
  std::string bytes;
  for (std::string_view rest = entry; !rest.empty();) {
    const CodePoint point = FirstCodePoint(rest);
    const auto found = ByteAlphabet().byte.find(point.value);
    if (!point.valid || found == ByteAlphabet().byte.end()) return std::string(entry);
    bytes += static_cast<char>(found->second);
    rest.remove_prefix(point.bytes);
  }
  return bytes;
}

MergeTable::MergeTable(const Json& model, const std::string& origin) {
  if (!model.is_object() || model.value("type", "BPE") != "BPE") {
    Fail("{}: only model type BPE is supported", origin);
  }
  ReadVocabulary(model, origin);
  CheckOptions(model, origin);
  ReadMerges(model, origin);
}

void MergeTable::ReadVocabulary(const Json& model, const std::string& origin) {
  if (!model.contains("vocab") || !model["vocab"].is_object()) Fail("{}: no vocab", origin);
  for (const auto& [entry, id] : model["vocab"].items()) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > (1u << 30)) {
      Fail("{}: vocab entry {} has a bad id", origin, entry);
    }
    vocabulary_.emplace(entry, id.get<std::int32_t>());
  }
  for (int b = 0; b < 256; ++b) {
    const auto found = vocabulary_.find(ByteSymbol(static_cast<unsigned char>(b)));
    byte_ids_[static_cast<std::size_t>(b)] = found == vocabulary_.end() ? -1 : found->second;
  }
}

void MergeTable::CheckOptions(const Json& model, const std::string& origin) const {
  const auto set = [&](const char* key) {
    const auto found = model.find(key);
    return found != model.end() && !found->is_null() && *found != "" && *found != false &&
           *found != 0.0;
  };
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    if (set(key)) Fail("{}: model.{} is not supported", origin, key);
  }
  const bool complete =
      std::none_of(byte_ids_.begin(), byte_ids_.end(), [](std::int32_t id) { return id < 0; });
  for (const char* key : {"unk_token", "byte_fallback"}) {
    if (set(key) && !complete) {
      Fail("{}: model.{} with an incomplete byte alphabet is not supported", origin, key);
    }
  }
}

void MergeTable::ReadMerges(const Json& model, const std::string& origin) {
  ignore_merges_ = model.contains("ignore_merges") && model["ignore_merges"] == true;
  if (!model.contains("merges") || !model["merges"].is_array()) Fail("{}: no merges", origin);
  std::int32_t rank = 0;
  for (const Json& merge : model["merges"]) {
    const auto [left, right] = MergeSides(merge, origin);
    const auto a = IdOf(left), b = IdOf(right), whole = IdOf(left + right);
    if (!a || !b || !whole) {
      Fail("{}: merge {} uses tokens that the vocab lacks", origin, merge.dump());
    }
    merges_[PairKey(*a, *b)] = {rank++, *whole};
  }
}

std::optional<std::int32_t> MergeTable::IdOf(const std::string& entry) const {
  const auto found = vocabulary_.find(entry);
  if (found == vocabulary_.end()) return {};
  return found->second;
}

const MergeTable::Merge* MergeTable::FindMerge(std::int32_t left, std::int32_t right) const {
  const auto found = merges_.find(PairKey(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void MergeTable::Encode(std::string_view piece, std::vector<std::int32_t>& ids) const {
  if (ignore_merges_) {
    std::string entry;
    for (char c : piece) entry += ByteSymbol(static_cast<unsigned char>(c));
    if (const auto id = IdOf(entry)) {
      ids.push_back(*id);
      return;
    }
  }
  std::vector<std::int32_t> symbols;
  symbols.reserve(piece.size());
  for (char c : piece) {
    const std::int32_t id = byte_ids_[static_cast<unsigned char>(c)];
    if (id >= 0) symbols.push_back(id);
  }
  if (!merges_.empty()) {
    symbols.size() <= kShortPiece ? MergeShort(symbols) : MergeLong(symbols);
  }
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void MergeTable::MergeShort(std::vector<std::int32_t>& symbols) const {
  std::vector<const Merge*> pair(symbols.size(), nullptr);  // pair[i]: merge of i and i + 1.
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
    pair[i] = FindMerge(symbols[i], symbols[i + 1]);
  }
  for (;;) {
    std::size_t best = symbols.size();
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      if (pair[i] && (best == symbols.size() || pair[i]->rank < pair[best]->rank)) best = i;
    }
    if (best == symbols.size()) return;
    const auto at = static_cast<std::ptrdiff_t>(best);
    symbols[best] = pair[best]->id;
    symbols.erase(symbols.begin() + at + 1);
    pair.erase(pair.begin() + at);
    pair[best] = best + 1 < symbols.size() ? FindMerge(symbols[best], symbols[best + 1]) : nullptr;
    if (best > 0) pair[best - 1] = FindMerge(symbols[best - 1], symbols[best]);
  }
}

void MergeTable::MergeLong(std::vector<std::int32_t>& symbols) const {
  struct Candidate {
    std::int32_t rank, id;
    std::size_t at;
    std::int32_t left, right;
    bool operator<(const Candidate& o) const {  // The queue's top: lowest rank, then leftmost.
      return rank != o.rank ? rank > o.rank : at > o.at;
    }
  };
  const std::size_t count = symbols.size();
  std::vector<std::size_t> next(count), previous(count);
  for (std::size_t i = 0; i < count; ++i) {
    next[i] = i + 1;
    previous[i] = i - 1;  // Wraps for the first: never read.
  }
  std::priority_queue<Candidate> queue;
  const auto offer = [&](std::size_t i) {
    if (next[i] >= count) return;
    const Merge* merge = FindMerge(symbols[i], symbols[next[i]]);
    if (merge) queue.push({merge->rank, merge->id, i, symbols[i], symbols[next[i]]});
  };
  for (std::size_t i = 0; i + 1 < count; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    // Stale when either side was merged meanwhile; a dead right side has symbol -1.
    if (symbols[top.at] != top.left || next[top.at] >= count ||
        symbols[next[top.at]] != top.right) {
      continue;
    }
    const std::size_t dead = next[top.at];
    symbols[top.at] = top.id;
    symbols[dead] = -1;
    next[top.at] = next[dead];
    if (next[dead] < count) previous[next[dead]] = top.at;
    offer(top.at);
    if (top.at > 0) offer(previous[top.at]);
  }
  std::erase(symbols, -1);
}

}  // namespace gradus
