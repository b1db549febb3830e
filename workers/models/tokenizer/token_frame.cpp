#include "workers/models/tokenizer/token_frame.h"

#include "schemas/base/error.h"

namespace gradus {
namespace {

std::vector<std::int32_t> IdsOf(const Json& item, const Json& specials, const std::string& origin) {
  const std::string name = TextIn(MemberOf(item, "SpecialToken"), "id", origin);
  std::vector<std::int32_t> ids;
  for (const Json& id : ListIn(MemberOf(specials, name.c_str()), "ids", origin)) {
    ids.push_back(TokenIdFrom(id, name, origin));
  }
  return ids;
}

}  // namespace

TokenFrame::TokenFrame(const Json& json, const std::string& origin) {
  if (json.is_null()) return;
  if (TypeOf(json) != "Sequence") {
    AddStep(json, origin);
    return;
  }
  for (const Json& step : ListIn(json, "processors", origin)) AddStep(step, origin);
}

void TokenFrame::AddStep(const Json& json, const std::string& origin) {
  const std::string type = TypeOf(json);
  if (type == "TemplateProcessing") return AddTemplate(json, origin);
  // ByteLevel only trims offsets.
  if (type != "ByteLevel") Fail("{}: unsupported post_processor {}", origin, type);
}

// A later template goes around what an earlier one made.
void TokenFrame::AddTemplate(const Json& json, const std::string& origin) {
  std::vector<std::int32_t> left, right;
  int texts = 0;
  for (const Json& item : ListIn(json, "single", origin)) {
    if (MemberOf(item, "Sequence").is_object()) {
      ++texts;
      continue;
    }
    std::vector<std::int32_t>& side = texts > 0 ? right : left;
    const auto ids = IdsOf(item, MemberOf(json, "special_tokens"), origin);
    side.insert(side.end(), ids.begin(), ids.end());
  }
  if (texts != 1) Fail("{}: TemplateProcessing.single holds the text {} times", origin, texts);
  before.insert(before.begin(), left.begin(), left.end());
  after.insert(after.end(), right.begin(), right.end());
}

}  // namespace gradus
