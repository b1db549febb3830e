#pragma once
#include "verify/sandbox/cage/python_api.h"
#include "verify/sandbox/cage/report.h"

namespace gradus::cage {

// Compiles a program by `prepare` of zygote.py and runs it, as the outermost code of this process.
// Nothing between the program's end and the report is Python that the program could have replaced,
// but what speaks for itself: str() of its exception, repr() of its value. The report's texts are
// good until the next one.
Report RunProgram(PyObject* prepare, PyObject* text);

// The exception that is set, as a report.
Report TellError();

// What an interpreter does at its end: waits for the threads that the program left, calls its exit
// functions, flushes its output.
void FinishThreads();
void FlushOutput();

}  // namespace gradus::cage
