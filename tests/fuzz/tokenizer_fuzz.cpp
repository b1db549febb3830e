// libFuzzer target: any bytes as tokenizer.json are one Error or a tokenizer that encodes and
// decodes. Start from a copy of the tokenizer.json files in tests/workers/models/golden.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"
#include "workers/models/tokenizer/tokenizer.h"
#include "workers/models/tokenizer/utf8.h"

namespace {

constexpr std::string_view kText =
    "Let x = 12345, e\xCC\x81\xF0\x9F\x98\x80 don't\n\n  <s><|im_end|>\xFF word "
    "\xE4\xBD\xA0\xE5\xA5\xBD";

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace gradus;
  static const TempFolder kScratch;
  WriteFileAtomically(kScratch / "tokenizer.json", {reinterpret_cast<const char*>(bytes), size});
  try {
    const Tokenizer tokenizer = Tokenizer::Load(kScratch / ".");
    const std::vector<TokenId> ids = tokenizer.EncodeWithSpecials(kText);
    for (TokenId id : ids) Check(id >= 0);
    const std::string text = tokenizer.Decode(ids);
    Check(ValidUtf8(text) == text);
    Check(tokenizer.EncodeWithSpecials(kText) == ids);
  } catch (const Error& error) {
    Check(error.code() == ExitCode::kBadInput);
  }
  return 0;
}
