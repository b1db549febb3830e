#pragma once
#include <cstdint>

#include "verify/sandbox/cage/python_api.h"
#include "verify/sandbox/cage/report.h"

namespace gradus::cage {

// A program, or some steps of one, ready to run.
struct Program {
  PyObject* code = nullptr;             // All but a final expression.
  PyObject* last = nullptr;             // A final expression, or None.
  PyObject* scope = nullptr;            // Its global names.
  const std::uint32_t* ends = nullptr;  // Last line of each step, those of earlier jobs included.
  std::uint32_t steps = 0;
};

// Runs it. Nothing between the program's end and the report is Python that the program could have
// replaced, but what speaks for itself: str() of its exception, repr() of its value. The report's
// texts are good until the next one.
Report RunProgram(const Program& program);

// Of an exception that the preparation of the program raised.
Report ReportFailure(PyObject* error, const Program& program);

// Waits for the threads that the program left.
void FinishThreads();
void FlushOutput();

// Which files the standard descriptors are, before the program runs.
void RememberDescriptors();

// Whether a fork of this process goes on exactly as the program itself would: one thread, no timer,
// no file that it opened, the standard descriptors as they were.
bool MayBeKept();

// Takes all objects out of the garbage collector's sight: a collection in a fork would write to,
// and so copy, every page that holds some.
void FreezeObjects();

// The state of Python's global random generator, which every fork reseeds.
class RandomState {
 public:
  RandomState();
  void Restore();

 private:
  PyObject *module_ = nullptr, *state_ = nullptr;
};

}  // namespace gradus::cage
