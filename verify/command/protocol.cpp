#include "verify/command/protocol.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include "schemas/base/error.h"
#include "schemas/base/strict_json.h"

namespace gradus {
namespace {

const std::set<std::string> kKeys = {"id", "end", "shown", "judgement", "reason", "facts"};

// "" where the key is missing and may be.
std::string OptionalText(const Json& json, const char* key) {
  return json.contains(key) ? TextIn(json, key, "the answer") : "";
}

Judgement ReadJudgement(const Json& json, const CheckerRequest& request) {
  if (!request.goal && !json.contains("judgement")) return {};
  const std::string text = TextIn(json, "judgement", "the answer");
  const auto verdict = ReadVerdict(text);
  if (!verdict) Fail("unknown judgement '{}'", text);
  return request.goal ? Judgement{*verdict, OptionalText(json, "reason")} : Judgement{};
}

CheckerAnswer Read(const std::string& line, const CheckerRequest& request, const std::string& id) {
  const Json json = ParseStrictJson(line, "the answer");
  for (const auto& [key, value] : json.items()) {
    if (!kKeys.contains(key)) Fail("the answer has an unknown key '{}'", key);
  }
  if (TextIn(json, "id", "the answer") != id) Fail("the answer's id was not asked for");
  const std::string end = TextIn(json, "end", "the answer");
  const auto known = ReadEnd(end);
  if (!known) Fail("unknown end '{}'", end);
  CheckerAnswer answer{*known, OptionalText(json, "shown"), ReadJudgement(json, request)};
  const Verdict verdict = answer.judgement.verdict;
  if ((verdict == Verdict::kCorrect && answer.end != End::kFine) ||
      (verdict == Verdict::kWrong && answer.end == End::kLimit)) {
    Fail("the answer contradicts itself: {} and {}", end, ToString(verdict));
  }
  return answer;
}

}  // namespace

std::string RequestLine(const CheckerRequest& request, const std::string& id) {
  const State& state = request.state;
  const ExecLimits& limits = request.limits;
  const Json json = {{"id", id},
                     {"mode", request.mode == RequestMode::kStep ? "step" : "check"},
                     {"context", state.context},
                     {"steps", state.steps},
                     {"answer", state.answer},
                     {"response", state.response},
                     {"goal", request.goal ? Json::parse(ToJsonText(*request.goal)) : Json()},
                     {"limits",
                      {{"wall_s", limits.wall_s},
                       {"cpu_s", limits.cpu_s},
                       {"mem_mb", limits.mem_mb},
                       {"out_kb", limits.out_kb}}}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::variant<CheckerAnswer, std::string> ParseAnswer(const std::string& line,
                                                     const CheckerRequest& request,
                                                     const std::string& id) try {
  return Read(line, request, id);
} catch (const Error& error) {
  return error.what();
}

std::string FreshId() {
  std::array<unsigned char, 16> bytes;
  if (::getrandom(bytes.data(), bytes.size(), 0) != std::ssize(bytes)) {
    Fail("getrandom: {}", std::strerror(errno));
  }
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

std::optional<End> ReadEnd(const std::string& text) {
  for (End end : {End::kFine, End::kRejected, End::kLimit, End::kForged}) {
    if (text == ToString(end)) return end;
  }
  return std::nullopt;
}

std::optional<Verdict> ReadVerdict(const std::string& text) {
  for (Verdict verdict : {Verdict::kUnverifiable, Verdict::kCorrect, Verdict::kWrong}) {
    if (text == ToString(verdict)) return verdict;
  }
  return std::nullopt;
}

}  // namespace gradus
