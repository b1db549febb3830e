#include "verify/sandbox/cage/program.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace gradus::cage {
namespace {

constexpr const char* kFileName = "<program>";  // As zygote.py compiles.

// Owns one reference.
class Ref {
 public:
  explicit Ref(PyObject* object) : object_(object) {}
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() { Py_DecRef(object_); }
  PyObject* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_;
};

PyObject* Attribute(PyObject* object, const char* name) {
  PyObject* value = object ? PyObject_GetAttrString(object, name) : nullptr;
  if (!value) PyErr_Clear();
  return value;
}

bool IsNone(PyObject* object) { return object == &_Py_NoneStruct; }

// The line of the program that the failure came through, outermost first; 1 when none is known.
long FailingLine(PyObject* value, PyObject* trace) {
  // The chain is held by its first element, so later ones may be borrowed.
  for (PyObject* at = trace; at && !IsNone(at);) {
    const Ref frame(Attribute(at, "tb_frame"));
    const Ref code(Attribute(frame.get(), "f_code"));
    const Ref file(Attribute(code.get(), "co_filename"));
    if (file && PyUnicode_CompareWithASCIIString(file.get(), kFileName) == 0) {
      const Ref line(Attribute(at, "tb_lineno"));
      return line ? PyLong_AsLong(line.get()) : 1;
    }
    const Ref next(Attribute(at, "tb_next"));
    at = next.get();
  }
  const Ref line(Attribute(value, "lineno"));  // Of a SyntaxError or the like.
  const long number = line && !IsNone(line.get()) ? PyLong_AsLong(line.get()) : 1;
  PyErr_Clear();
  return number > 0 ? number : 1;
}

// What `prepare` returned, all borrowed from its tuple.
struct Program {
  PyObject* code = nullptr;   // All but a final expression, or None when it does not compile.
  PyObject* last = nullptr;   // A final expression, or None.
  PyObject* scope = nullptr;  // Its global names.
  PyObject* ends = nullptr;   // Bytes: u32 last line of each step.
  PyObject* error = nullptr;  // Why it does not compile, or None.
  PyObject* raise = nullptr;  // The instruction of a `raise` statement.
};

std::int32_t StepOf(long line, const Program& program) {
  char* bytes = nullptr;
  Py_ssize_t size = 0;
  if (!program.ends || PyBytes_AsStringAndSize(program.ends, &bytes, &size) != 0) return -1;
  const auto steps = static_cast<std::int32_t>(size / 4);
  for (std::int32_t step = 0; step + 1 < steps; ++step) {
    std::uint32_t end;
    std::memcpy(&end, bytes + 4 * step, sizeof end);
    if (line <= static_cast<long>(end)) return step;
  }
  return steps - 1;
}

// UTF-8 text of bounded length.
class Text {
 public:
  void Add(const char* text, std::size_t size) {
    const std::size_t room = sizeof bytes_ - size_;
    if (size > room) size = room;
    std::memcpy(bytes_ + size_, text, size);
    size_ += size;
  }
  void Add(const char* text) { Add(text, std::strlen(text)); }
  // False when it is no text.
  bool Add(PyObject* text) {
    const Ref bytes(text ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace") : nullptr);
    char* data = nullptr;
    Py_ssize_t size = 0;
    if (!bytes || PyBytes_AsStringAndSize(bytes.get(), &data, &size) != 0) {
      PyErr_Clear();
      return false;
    }
    Add(data, static_cast<std::size_t>(size));
    return true;
  }
  const char* data() const { return bytes_; }
  std::size_t size() const { return size_; }

 private:
  char bytes_[8192];
  std::size_t size_ = 0;
};

bool Is(PyObject* text, const char* ascii) {
  const bool same = text && PyUnicode_CompareWithASCIIString(text, ascii) == 0;
  PyErr_Clear();
  return same;
}

void AddTypeName(PyObject* type, Text& text) {
  const Ref module(Attribute(type, "__module__"));
  if (module && !Is(module.get(), "builtins") && !Is(module.get(), "__main__") &&
      text.Add(module.get())) {
    text.Add(".");
  }
  const Ref name(Attribute(type, "__qualname__"));
  if (!text.Add(name.get())) text.Add("exception");
}

// What a traceback ends with: "package.Error: message". The program decides what its own exceptions
// say of themselves; whatever goes wrong while they are asked, there is a text.
void Describe(PyObject* type, PyObject* value, Text& text) {
  AddTypeName(type, text);
  Ref message(PyErr_GivenExceptionMatches(type, PyExc_SyntaxError) ? Attribute(value, "msg")
                                                                   : nullptr);
  Text words;
  if (!message || IsNone(message.get()) || !words.Add(message.get())) {
    const Ref str(value ? PyObject_Str(value) : nullptr);
    PyErr_Clear();
    if (!words.Add(str.get())) words.Add("<exception str() failed>");
  }
  if (words.size() == 0) return;
  text.Add(": ");
  text.Add(words.data(), words.size());
}

// One report is written at a time, by the only thread that may.
Text error_text;
PyObject* value_bytes = nullptr;

// Whether the traceback ends at a `raise` statement. Of a memory error it tells whether the
// interpreter or the program found that there is no memory.
bool EndsAtRaise(PyObject* trace, const Program& program) {
  PyObject* last = nullptr;
  for (PyObject* at = trace; at && !IsNone(at); at = Attribute(at, "tb_next")) last = at;
  const Ref frame(Attribute(last, "tb_frame")), code(Attribute(frame.get(), "f_code"));
  const Ref file(Attribute(code.get(), "co_filename"));
  const Ref bytes(Attribute(code.get(), "co_code")), index(Attribute(last, "tb_lasti"));
  char* instructions = nullptr;
  Py_ssize_t size = 0;
  if (!file || !Is(file.get(), kFileName) || !bytes || !index || !program.raise ||
      PyBytes_AsStringAndSize(bytes.get(), &instructions, &size) != 0) {
    PyErr_Clear();
    return false;
  }
  const long at = PyLong_AsLong(index.get());
  return at >= 0 && at < size &&
         instructions[at] == static_cast<char>(PyLong_AsLong(program.raise));
}

// Memory ran out: not a class of the program's own, nor an instance that it made itself.
bool IsMemoryLimit(PyObject* type, PyObject* trace, const Program& program) {
  if (!PyErr_GivenExceptionMatches(type, PyExc_MemoryError)) return false;
  const Ref module(Attribute(type, "__module__"));
  return module && !Is(module.get(), "__main__") && !EndsAtRaise(trace, program);
}

Report ReportError(PyObject* type, PyObject* value, PyObject* trace, const Program& program) {
  Report report;
  report.step = StepOf(FailingLine(value, trace), program);
  report.status = Status::kException;
  if (PyErr_GivenExceptionMatches(type, PyExc_SystemExit)) report.status = Status::kExitCall;
  if (IsMemoryLimit(type, trace, program)) {
    report.status = Status::kMemory;
    if (program.scope && !IsNone(program.scope)) PyDict_Clear(program.scope);  // Makes room.
  }
  Describe(type, value, error_text);
  report.error = error_text.data();
  report.error_size = error_text.size();
  return report;
}

Report ReportRaised(const Program& program) {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  const Report report = ReportError(type, value, trace, program);
  Py_DecRef(type);
  Py_DecRef(value);
  Py_DecRef(trace);
  return report;
}

void Flush(PyObject* stream) {
  if (!stream || IsNone(stream)) return;
  Py_DecRef(PyObject_CallMethod(stream, "flush", nullptr));
  PyErr_Clear();  // Closed or replaced by the program: its output ends there.
}

// Functions, since they know their builtins from now on: a program may replace the name later.
PyObject* FunctionOf(PyObject* code, const Program& program) {
  return IsNone(code) ? nullptr : PyFunction_New(code, program.scope);
}

bool Evaluate(const Program& program, Report& report) {
  const Ref head(FunctionOf(program.code, program)), last(FunctionOf(program.last, program));
  if (!head) return false;
  const Ref ran(PyObject_CallFunctionObjArgs(head.get(), nullptr));
  if (!ran) return false;
  if (!last) return true;
  const Ref value(PyObject_CallFunctionObjArgs(last.get(), nullptr));
  if (!value) return false;
  if (IsNone(value.get())) return true;
  const Ref shown(PyObject_Repr(value.get()));
  if (!shown) return false;
  value_bytes = PyUnicode_AsEncodedString(shown.get(), "utf-8", "backslashreplace");
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (!value_bytes || PyBytes_AsStringAndSize(value_bytes, &data, &size) != 0) return false;
  report.value = data;
  report.value_size = static_cast<std::size_t>(size);
  return true;
}

PyObject* Module(const char* name) { return PyDict_GetItemString(PyImport_GetModuleDict(), name); }

}  // namespace

Report RunProgram(PyObject* prepare, PyObject* text) {
  PyObject* prepared = PyObject_CallFunctionObjArgs(prepare, text, nullptr);
  Py_DecRef(text);
  Program program;
  if (!prepared) return ReportRaised(program);
  PyObject** const parts[] = {&program.code, &program.last,  &program.scope,
                              &program.ends, &program.error, &program.raise};
  for (Py_ssize_t i = 0; i < 6; ++i) *parts[i] = PyTuple_GetItem(prepared, i);
  if (!IsNone(program.error)) {
    const Ref type(Attribute(program.error, "__class__"));
    const Ref trace(Attribute(program.error, "__traceback__"));
    return ReportError(type.get(), program.error, trace.get(), program);
  }
  Report report;
  if (Evaluate(program, report)) return report;
  return ReportRaised(program);
}

Report TellError() { return ReportRaised({}); }

void FinishThreads() {
  if (PyObject* threading = Module("threading")) {
    Py_DecRef(PyObject_CallMethod(threading, "_shutdown", nullptr));
  }
  if (PyObject* exits = Module("atexit")) {
    Py_DecRef(PyObject_CallMethod(exits, "_run_exitfuncs", nullptr));
  }
  PyErr_Clear();
}

void FlushOutput() {
  Flush(PySys_GetObject("stdout"));
  Flush(PySys_GetObject("__stdout__"));
  std::fflush(nullptr);
}

}  // namespace gradus::cage
