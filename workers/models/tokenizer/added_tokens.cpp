#include "workers/models/tokenizer/added_tokens.h"

#include <algorithm>

#include "workers/models/tokenizer/utf8.h"

namespace gradus {
namespace {

// The code point before `end`. REQUIRES: valid UTF-8, end > 0.
std::size_t PreviousStart(std::string_view text, std::size_t end) {
  do {
    --end;
  } while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  return end;
}

std::size_t SkipSpaceBack(std::string_view text, std::size_t end) {
  while (end > 0) {
    const std::size_t start = PreviousStart(text, end);
    if (!IsWhiteSpace(FirstCodePoint(text.substr(start)).value)) break;
    end = start;
  }
  return end;
}

std::size_t SkipSpace(std::string_view text, std::size_t begin) {
  while (begin < text.size()) {
    const CodePoint point = FirstCodePoint(text.substr(begin));
    if (!IsWhiteSpace(point.value)) break;
    begin += point.bytes;
  }
  return begin;
}

bool StandsAlone(std::string_view text, std::size_t start, std::size_t stop) {
  if (start > 0 && IsWordCharacter(FirstCodePoint(text.substr(PreviousStart(text, start))).value)) {
    return false;
  }
  return stop == text.size() || !IsWordCharacter(FirstCodePoint(text.substr(stop)).value);
}

}  // namespace

AddedToken ReadAddedToken(const Json& json, const std::string& origin) {
  AddedToken token;
  token.content = TextIn(json, "content", origin);
  token.id = TokenIdFrom(MemberOf(json, "id"), token.content, origin);
  token.single_word = FlagIn(json, "single_word", false, origin);
  token.lstrip = FlagIn(json, "lstrip", false, origin);
  token.rstrip = FlagIn(json, "rstrip", false, origin);
  token.special = FlagIn(json, "special", false, origin);
  token.normalized = FlagIn(json, "normalized", !token.special, origin);
  return token;
}

void AddedTokenMatcher::Add(const AddedToken& token) {
  if (token.content.empty()) return;
  std::vector<std::size_t>& bucket = by_first_byte_[static_cast<unsigned char>(token.content[0])];
  tokens_.push_back(token);
  bucket.push_back(tokens_.size() - 1);
  std::stable_sort(bucket.begin(), bucket.end(), [&](std::size_t a, std::size_t b) {
    return tokens_[a].content.size() > tokens_[b].content.size();
  });
}

const AddedToken* AddedTokenMatcher::LongestAt(std::string_view rest) const {
  for (std::size_t i : by_first_byte_[static_cast<unsigned char>(rest[0])]) {
    if (rest.starts_with(tokens_[i].content)) return &tokens_[i];
  }
  return nullptr;
}

std::vector<Segment> AddedTokenMatcher::Split(std::string_view text) const {
  std::vector<Segment> segments;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* token = LongestAt(text.substr(at));
    if (!token) {
      ++at;
      continue;
    }
    std::size_t start = at, stop = at + token->content.size();
    at = stop;  // A discarded match is skipped as a whole.
    if (token->single_word && !StandsAlone(text, start, stop)) continue;
    if (token->lstrip) start = std::max(SkipSpaceBack(text, start), done);
    if (token->rstrip) stop = SkipSpace(text, stop);
    if (done < start) segments.push_back({text.substr(done, start - done), -1});
    segments.push_back({text.substr(start, stop - start), token->id});
    done = stop;
  }
  if (done < text.size()) segments.push_back({text.substr(done), -1});
  return segments;
}

}  // namespace gradus
