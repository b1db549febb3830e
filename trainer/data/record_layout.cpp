#include "trainer/data/record_layout.h"

#include "schemas/base/error.h"

namespace gradus {

void RecordLayout::Add(const Record& record) {
  Require(places_.empty() || places_[0].record->texts.size() == record.texts.size(),
          "records of one pack have different numbers of texts");
  for (std::size_t text = 0; text < record.texts.size(); ++text) {
    places_.push_back(PlaceOf(record, text));
  }
}

RecordLayout::Place RecordLayout::PlaceOf(const Record& record, std::size_t text) {
  const Tokens &prefix = record.prefix, &own = record.texts[text].tokens;
  if (record.IsSingle()) return {&record, text, -1, tokens_.Add(own)};
  const int table = rope_->TableOf(int(prefix.size() + own.size()));
  const int root = prefix.empty() ? -1 : SegmentOf(prefix, -1, table);
  return {&record, text, root, own.empty() ? -1 : SegmentOf(own, root, table)};
}

int RecordLayout::SegmentOf(const Tokens& tokens, int parent, int table) {
  const auto [entry, is_new] = segments_.try_emplace({{parent, table}, tokens}, 0);
  if (is_new) entry->second = tokens_.Add(tokens, parent);
  return entry->second;
}

std::int64_t RecordLayout::RowOf(const Place& place, std::int32_t token) const {
  const auto prefix = std::int32_t(place.record->prefix.size());
  return token < prefix ? tokens_.segment(place.prefix).first + std::int64_t{token}
                        : tokens_.segment(place.own).first + std::int64_t{token} - prefix;
}

PackTargets RecordLayout::Targets() const {
  PackTargets all;
  const auto append = [](std::vector<double>& to, const std::vector<double>& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  const std::size_t texts = places_.empty() ? 0 : places_[0].record->texts.size();
  for (std::size_t first = 0; first < texts; ++first) {
    for (std::size_t i = first; i < places_.size(); i += texts) {
      const TrainingText& text = places_[i].record->texts[places_[i].text];
      for (std::int32_t target : text.targets) {
        all.rows.push_back(RowOf(places_[i], target));
        all.before.push_back(target > 0 ? RowOf(places_[i], target - 1) : -1);
        all.tokens.push_back(tokens_.tokens()[std::size_t(all.rows.back())]);
      }
      append(all.weights, text.weights);
      if (text.weights.empty()) all.weights.resize(all.rows.size(), 1.0);
      append(all.goals, text.goals);
      append(all.advantages, text.advantages);
      append(all.old_log_probs, text.old_log_probs);
    }
  }
  return all;
}

}  // namespace gradus
