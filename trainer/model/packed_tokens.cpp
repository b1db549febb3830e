#include "trainer/model/packed_tokens.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "schemas/base/error.h"

namespace gradus {
namespace {

std::int32_t EndOf(const Segment& segment) { return segment.position + segment.length; }

// Table of each segment: a parent turns as the texts that continue it.
std::vector<int> TablesOf(const RopeConfig& rope, const std::vector<Segment>& segments) {
  constexpr int kOpen = -1;
  std::vector<int> tables(segments.size(), kOpen);
  for (std::size_t s = 0; s < segments.size(); ++s) {
    if (segments[s].parent < 0) continue;
    tables[s] = rope.TableOf(EndOf(segments[s]));
    int& of_parent = tables[std::size_t(segments[s].parent)];
    Require(of_parent == kOpen || of_parent == tables[s],
            "texts of one shared beginning want different rotary tables");
    of_parent = tables[s];
  }
  for (std::size_t s = 0; s < segments.size(); ++s) {
    if (tables[s] == kOpen) tables[s] = rope.TableOf(EndOf(segments[s]));
  }
  return tables;
}

}  // namespace

int PackedTokens::Add(std::span<const std::int32_t> piece, int parent) {
  Require(!piece.empty(), "a segment of a pack needs tokens");
  Segment segment{std::int32_t(tokens_.size()), std::int32_t(piece.size()), parent, 0};
  if (parent >= 0) {
    Require(std::size_t(parent) < segments_.size() && segments_[std::size_t(parent)].parent < 0,
            "a segment continues an earlier one that continues none");
    segment.position = segments_[std::size_t(parent)].length;
  }
  tokens_.insert(tokens_.end(), piece.begin(), piece.end());
  segments_.push_back(segment);
  return int(segments_.size()) - 1;
}

Rotations RotationsOf(const RopeConfig& rope, const PackedTokens& pack) {
  const std::vector<int> tables = TablesOf(rope, pack.segments());
  const auto half = std::size_t(rope.dims / 2);
  std::array<int, 2> lengths = {0, 0};
  for (std::size_t s = 0; s < tables.size(); ++s) {
    int& length = lengths[std::size_t(tables[s])];
    length = std::max(length, int(EndOf(pack.segments()[s])));
  }
  std::array<Rotations, 2> whole;
  for (int table = 0; table < rope.tables(); ++table) {
    Rotations& of_table = whole[std::size_t(table)];
    const int length = lengths[std::size_t(table)];
    of_table.cos.resize(std::size_t(length) * half);
    of_table.sin.resize(of_table.cos.size());
    FillRotations(rope, table, length, of_table.cos.data(), of_table.sin.data());
  }
  Rotations rows;
  for (std::size_t s = 0; s < tables.size(); ++s) {
    const Segment& segment = pack.segments()[s];
    const Rotations& from = whole[std::size_t(tables[s])];
    const auto first = std::ptrdiff_t(std::size_t(segment.position) * half);
    const auto last = std::ptrdiff_t(std::size_t(EndOf(segment)) * half);
    rows.cos.insert(rows.cos.end(), from.cos.begin() + first, from.cos.begin() + last);
    rows.sin.insert(rows.sin.end(), from.sin.begin() + first, from.sin.begin() + last);
  }
  return rows;
}

}  // namespace gradus
