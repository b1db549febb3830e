#include "workers/models/tokenizer/metaspace.h"

#include "schemas/base/error.h"

namespace gradus {

Metaspace::Metaspace(const Json& json, const std::string& origin)
    : mark(TextIn(json, "replacement", origin)), split(FlagIn(json, "split", true, origin)) {
  if (mark.empty()) Fail("{}: Metaspace has no replacement", origin);
  // Older files have add_prefix_space and no prepend_scheme.
  if (!FlagIn(json, "add_prefix_space", true, origin)) {
    prefix = Prefix::kNever;
  } else if (!MemberOf(json, "prepend_scheme").is_null()) {
    const std::string scheme = TextIn(json, "prepend_scheme", origin);
    if (scheme != "always" && scheme != "first" && scheme != "never") {
      Fail("{}: unsupported prepend_scheme {}", origin, scheme);
    }
    if (scheme == "first") prefix = Prefix::kFirst;
    if (scheme == "never") prefix = Prefix::kNever;
  }
}

}  // namespace gradus
