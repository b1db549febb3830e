#include "verify/sandbox/cage/program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <cstring>
#include <initializer_list>

#include "verify/sandbox/cage/cage.h"

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

std::int32_t StepOf(long line, const Program& program) {
  std::uint32_t step = 0;
  while (step + 1 < program.steps && line > static_cast<long>(program.ends[step])) ++step;
  return static_cast<std::int32_t>(step);
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
struct stat standard[3];

void ReportError(PyObject* type, PyObject* value, PyObject* trace, const Program& program,
                 Report& report) {
  report.step = StepOf(FailingLine(value, trace), program);
  report.status = Status::kException;
  if (PyErr_GivenExceptionMatches(type, PyExc_SystemExit)) report.status = Status::kExitCall;
  if (PyErr_GivenExceptionMatches(type, PyExc_MemoryError)) {
    report.status = Status::kMemory;
    if (program.scope) PyDict_Clear(program.scope);  // Room for what follows.
  }
  Describe(type, value, error_text);
  report.error = error_text.data();
  report.error_size = error_text.size();
}

void ReportRaised(const Program& program, Report& report) {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  ReportError(type, value, trace, program, report);
  Py_DecRef(type);
  Py_DecRef(value);
  Py_DecRef(trace);
}

void Flush(PyObject* stream) {
  if (!stream || IsNone(stream)) return;
  Py_DecRef(PyObject_CallMethod(stream, "flush", nullptr));
  PyErr_Clear();  // Closed or replaced by the program: its output ends there.
}

bool Evaluate(const Program& program, Report& report) {
  const Ref ran(PyEval_EvalCode(program.code, program.scope, program.scope));
  if (!ran) return false;
  if (IsNone(program.last)) return true;
  const Ref value(PyEval_EvalCode(program.last, program.scope, program.scope));
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

}  // namespace

Report RunProgram(const Program& program) {
  Report report;
  if (!Evaluate(program, report)) {
    report.value = nullptr;
    ReportRaised(program, report);
  }
  return report;
}

Report ReportFailure(PyObject* error, const Program& program) {
  Report report;
  const Ref type(Attribute(error, "__class__")), trace(Attribute(error, "__traceback__"));
  ReportError(type.get(), error, trace.get(), program, report);
  return report;
}

void FinishThreads() {
  PyObject* threading = PyDict_GetItemString(PyImport_GetModuleDict(), "threading");
  if (threading) Py_DecRef(PyObject_CallMethod(threading, "_shutdown", nullptr));
  PyErr_Clear();
}

void FlushOutput() {
  Flush(PySys_GetObject("stdout"));
  Flush(PySys_GetObject("__stdout__"));
}

void RememberDescriptors() {
  for (int fd = 0; fd < 3; ++fd) ::fstat(fd, &standard[fd]);
}

bool MayBeKept() {
  for (int fd = 0; fd < 3; ++fd) {
    struct stat now {};
    if (::fstat(fd, &now) != 0 || now.st_dev != standard[fd].st_dev ||
        now.st_ino != standard[fd].st_ino) {
      return false;
    }
  }
  for (int kind : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
    itimerval timer{};
    ::getitimer(static_cast<__itimer_which_t>(kind), &timer);
    if (timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0) return false;
  }
  for (int fd = 3; fd < kResultFd; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) return false;
  }
  return PyThreadState_Next(PyInterpreterState_ThreadHead(PyInterpreterState_Get())) == nullptr;
}

void FreezeObjects() {
  PyObject* gc = PyDict_GetItemString(PyImport_GetModuleDict(), "gc");
  if (gc) Py_DecRef(PyObject_CallMethod(gc, "freeze", nullptr));
  PyErr_Clear();
}

RandomState::RandomState()
    : module_(PyDict_GetItemString(PyImport_GetModuleDict(), "random")),
      state_(module_ ? PyObject_CallMethod(module_, "getstate", nullptr) : nullptr) {
  PyErr_Clear();
}

void RandomState::Restore() {
  if (state_) Py_DecRef(PyObject_CallMethod(module_, "setstate", "(O)", state_));
  PyErr_Clear();
}

}  // namespace gradus::cage
