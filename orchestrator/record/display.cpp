#include "orchestrator/record/display.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "schemas/base/duration.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr double kTerminalPeriod_s = 0.5, kPlainPeriod_s = 10;

void Print(const std::string& text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

Display::Display(std::filesystem::path progress_file)
    : progress_file_(std::move(progress_file)),
      terminal_(::isatty(STDERR_FILENO) == 1),
      alarms_("[]") {}

Display::~Display() { ClearLine(); }

void Display::Begin(RoundIndex round, const std::string& phase, const std::string& unit,
                    double total, double done) {
  round_ = round;
  phase_ = phase;
  unit_ = unit;
  note_.clear();
  total_ = total;
  done_ = done_at_start_ = done;
  started_ = shown_ = MonotonicSeconds();
  WriteProgress();
  if (terminal_) Show(true);
}

void Display::Advance(double done, int workers, const std::string& note) {
  done_ = done;
  workers_ = workers;
  note_ = note;
  Show(false);
}

void Display::End(const std::string& summary) {
  Say(fmt::format("round {}  {:<16} {:>7}  {}", round_, phase_,
                  DurationText(MonotonicSeconds() - started_), summary));
}

void Display::Say(const std::string& line) {
  ClearLine();
  Print(line + "\n");
}

void Display::Alarm(const std::string& line) {
  Say("! " + line);
  nlohmann::json alarms = nlohmann::json::parse(alarms_);
  alarms.push_back(line);
  alarms_ = alarms.dump();
  WriteProgress();
}

std::string Display::Line() const {
  const double elapsed = MonotonicSeconds() - started_;
  const double rate = elapsed > 0 ? (done_ - done_at_start_) / elapsed : 0;
  std::string line = fmt::format("round {}  {:<16} {:>3.0f}%  {:.0f}/{:.0f} {}", round_, phase_,
                                 total_ > 0 ? 100 * done_ / total_ : 100, done_, total_, unit_);
  if (rate > 0) {
    line += fmt::format("  {:.1f}/s  {} left", rate, DurationText((total_ - done_) / rate));
  }
  if (workers_ > 0) line += fmt::format("  {} worker{}", workers_, workers_ == 1 ? "" : "s");
  if (!note_.empty()) line += "  " + note_;
  return line;
}

void Display::Show(bool force) {
  const double now = MonotonicSeconds();
  if (!force && now - shown_ < (terminal_ ? kTerminalPeriod_s : kPlainPeriod_s)) return;
  shown_ = now;
  WriteProgress();
  if (terminal_) {
    Print("\r\x1b[K" + Line());
    line_open_ = true;
  } else {
    Print(Line() + "\n");
  }
}

void Display::WriteProgress() {
  const double elapsed = MonotonicSeconds() - started_;
  const double rate = elapsed > 0 ? (done_ - done_at_start_) / elapsed : 0;
  nlohmann::json j = {{"round", round_},         {"phase", phase_},
                      {"unit", unit_},           {"done", done_},
                      {"total", total_},         {"rate", rate},
                      {"workers", workers_},     {"note", note_},
                      {"unix_s", WallSeconds()}, {"alarms", nlohmann::json::parse(alarms_)}};
  if (rate > 0) j["eta_s"] = (total_ - done_) / rate;
  // Not WriteFileAtomically: this file is a hint for people, and fsync twice a second would cost
  // more than it is worth.
  const fs::path temporary = progress_file_.string() + ".tmp";
  if (std::FILE* file = std::fopen(temporary.c_str(), "w")) {
    const std::string text = j.dump() + "\n";
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
    std::error_code ignored;
    fs::rename(temporary, progress_file_, ignored);
  }
}

void Display::ClearLine() {
  if (line_open_) Print("\r\x1b[K");
  line_open_ = false;
}

}  // namespace gradus
