#pragma once
#include <filesystem>
#include <string>

#include "schemas/ids.h"

namespace gradus {

// What the person at the terminal sees of a run, and progress.json for `gradus status`: one line
// that is rewritten on a terminal, a plain line every few seconds elsewhere.
class Display {
 public:
  explicit Display(std::filesystem::path progress_file);
  ~Display();

  // A phase begins; `total` counts its units ("problems", "steps"), `done` are finished already.
  void Begin(RoundIndex round, const std::string& phase, const std::string& unit, double total,
             double done);
  // `note` is shown at the end of the line, e.g. "loss 0.12" or "3 workers, 41k tokens/s".
  void Advance(double done, int workers, const std::string& note);
  // The phase is over; prints its summary line with the seconds it took.
  void End(const std::string& summary);
  // A line that stays.
  void Say(const std::string& line);
  void Alarm(const std::string& line);

 private:
  void Show(bool force);
  void WriteProgress();
  std::string Line() const;
  void ClearLine();

  std::filesystem::path progress_file_;
  bool terminal_;
  bool line_open_ = false;
  RoundIndex round_ = 0;
  std::string phase_, unit_, note_;
  double total_ = 0, done_ = 0, done_at_start_ = 0, started_ = 0, shown_ = 0;
  int workers_ = 0;
  std::string alarms_;  // JSON array text of this epoch's alarms.
};

}  // namespace gradus
