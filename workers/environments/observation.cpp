#include "workers/environments/observation.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "schemas/base/error.h"
#include "verify/python/python_executor.h"

namespace gradus {
namespace {

std::string_view Stripped(std::string_view text) {
  constexpr const char* kBlank = " \t\n\r\f\v";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// What a traceback ends with, or the outcome where there is none.
std::string Failure(const Report& report) {
  return report.error.empty() ? report.outcome : report.error;
}

std::string Plain(const Report& report) {
  std::string shown = report.shown;
  while (!shown.empty() && shown.back() == '\n') shown.pop_back();
  if (shown.empty() && report.value) shown = *report.value;
  if (report.end == End::kFine) return shown;
  if (!shown.empty()) shown += '\n';
  return shown + Failure(report);
}

std::string Rounded(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return text;
  if (text.find_first_of(".e") == std::string::npos) return text;
  std::string rounded = fmt::format("{}", std::round(value * 1e4) / 1e4);
  if (rounded.find_first_of(".e") == std::string::npos) rounded += ".0";
  return rounded.size() < text.size() ? rounded : text;
}

std::string Tora(const Report& report) {
  if (IsTimeout(report.outcome)) return "Timeout Error";
  if (report.end != End::kFine) {
    // An error's message may have lines of its own; a traceback's last one was taken.
    const std::string failure = Failure(report);
    return std::string(Stripped(failure.substr(failure.rfind('\n') + 1)));
  }
  const std::string_view printed = Stripped(report.shown);
  return printed.empty() ? "Done" : std::string(printed);
}

}  // namespace

bool IsTimeout(std::string_view outcome) {
  return outcome == ToString(Outcome::kWallTimeout) || outcome == ToString(Outcome::kCpuTimeout);
}

std::string Observation(const Report& report, ObservationStyle style, int max_chars) {
  std::string shown = style == ObservationStyle::kTora ? Tora(report) : Plain(report);
  if (style == ObservationStyle::kRstarMath) shown = Rounded(shown);
  const auto limit = static_cast<std::size_t>(max_chars);
  if (shown.size() <= limit) return shown;
  // Between characters, not inside one.
  const auto inside = [&](std::size_t at) { return (shown[at] & 0xC0) == 0x80; };
  std::size_t head = limit / 2, tail = shown.size() - limit / 2;
  while (head > 0 && inside(head)) --head;
  while (tail < shown.size() && inside(tail)) ++tail;
  return shown.substr(0, head) + "..." + shown.substr(tail);
}

}  // namespace gradus
