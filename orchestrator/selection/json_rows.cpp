#include "orchestrator/selection/json_rows.h"

#include <charconv>
#include <cstdint>
#include <string_view>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/json_line.h"

namespace gradus {
namespace {

constexpr std::string_view kPlace = "{prompt}";

std::string PromptOf(const JsonLine& line, const JsonRowOptions& options) {
  std::string prompt = options.prompt;
  return prompt.replace(prompt.find(kPlace), kPlace.size(), line.Text("prompt"));
}

// 0 when the key is absent.
double OptionalNumber(const JsonLine& line, const std::string& key, const std::string& where) {
  const std::string text = line.OptionalTextOrNumber(key);
  if (text.empty()) return 0;
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size())
    Fail("{}: \"{}\" must be a number", where, key);
  return value;
}

}  // namespace

std::string JsonRowOptions::TemplateDigest() const { return Sha256(prompt); }

void CheckOptions(const JsonRowOptions& options) {
  const std::size_t first = options.prompt.find(kPlace);
  if (first != std::string::npos && options.prompt.find(kPlace, first + 1) == std::string::npos)
    return;
  Fail("--template \"{}\" must have {} in it, once", options.prompt, kPlace);
}

void ConvertSftRows(const fs::path& lines, const Tokenizer& tokenizer,
                    const JsonRowOptions& options, const fs::path& rows_file) {
  std::vector<SftRow> rows;
  ForEachJsonLine(lines, [&](const JsonLine& line, const std::string&) {
    SftRow row =
        MakeSupervisedRow(tokenizer, PromptOf(line, options), line.Text("response"), options.loss);
    row.origin.key.problem = std::uint32_t(rows.size());
    rows.push_back(std::move(row));
  });
  MakeFolder(rows_file.parent_path());
  WriteSftRows(rows_file, rows);
}

void ConvertPairs(const fs::path& lines, const Tokenizer& tokenizer, const JsonRowOptions& options,
                  const fs::path& rows_file) {
  std::vector<PreferencePair> pairs;
  ForEachJsonLine(lines, [&](const JsonLine& line, const std::string& where) {
    PreferencePair pair;
    pair.q_chosen = OptionalNumber(line, "q_chosen", where);
    pair.q_rejected = OptionalNumber(line, "q_rejected", where);
    pair.final_step = OptionalNumber(line, "final_step", where) != 0;
    pair.prefix = tokenizer.EncodeWithSpecials(PromptOf(line, options));
    pair.chosen = tokenizer.Encode(line.Text("chosen"));
    pair.rejected = tokenizer.Encode(line.Text("rejected"));
    pair.chosen_origin.key.problem = pair.rejected_origin.key.problem = std::uint32_t(pairs.size());
    pairs.push_back(std::move(pair));
  });
  MakeFolder(rows_file.parent_path());
  WritePairs(rows_file, pairs);
}

}  // namespace gradus
