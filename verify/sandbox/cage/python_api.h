#pragma once
#include <cstddef>

// The few functions of Python's C interface that the cage uses, declared here: they have been the
// same since 3.8, and the interpreter that loads the library provides them. So the library is built
// without Python's headers and serves whatever python3 a machine has.

extern "C" {

struct _object;
typedef struct _object PyObject;
typedef std::ptrdiff_t Py_ssize_t;

void Py_Initialize();
PyObject* PyRun_StringFlags(const char* text, int start, PyObject* globals, PyObject* locals,
                            void* flags);
PyObject* PyImport_ImportModule(const char* name);

void PyOS_BeforeFork();
void PyOS_AfterFork_Parent();
void PyOS_AfterFork_Child();

void Py_DecRef(PyObject*);
PyObject* PyFunction_New(PyObject* code, PyObject* globals);
PyObject* PyObject_CallFunctionObjArgs(PyObject* callable, ...);  // Ends with nullptr.
PyObject* PyObject_GetAttrString(PyObject*, const char* name);
PyObject* PyObject_CallMethod(PyObject*, const char* name, const char* format, ...);
PyObject* PyObject_Repr(PyObject*);
PyObject* PyObject_Str(PyObject*);
PyObject* PyUnicode_AsEncodedString(PyObject*, const char* encoding, const char* errors);
int PyUnicode_CompareWithASCIIString(PyObject*, const char*);
PyObject* PyUnicode_FromString(const char* utf8);
const char* PyUnicode_AsUTF8AndSize(PyObject*, Py_ssize_t* size);
PyObject* PyBytes_FromStringAndSize(const char* bytes, Py_ssize_t size);
int PyBytes_AsStringAndSize(PyObject*, char** text, Py_ssize_t* size);
long PyLong_AsLong(PyObject*);
PyObject* PyTuple_GetItem(PyObject*, Py_ssize_t index);  // Borrowed.
PyObject* PyList_New(Py_ssize_t size);
int PyList_Append(PyObject* list, PyObject* item);
PyObject* PyDict_New();
int PyDict_SetItemString(PyObject*, const char* name, PyObject* value);
void PyDict_Clear(PyObject*);
PyObject* PyDict_GetItemString(PyObject*, const char* name);  // Borrowed.
PyObject* PyImport_GetModuleDict();                           // Borrowed.
PyObject* PySys_GetObject(const char* name);                  // Borrowed.

void PyErr_Fetch(PyObject** type, PyObject** value, PyObject** trace);
void PyErr_NormalizeException(PyObject** type, PyObject** value, PyObject** trace);
int PyErr_GivenExceptionMatches(PyObject* given, PyObject* type);
void PyErr_Clear();
extern PyObject* PyExc_SystemExit;
extern PyObject* PyExc_MemoryError;
extern PyObject* PyExc_SyntaxError;
extern PyObject _Py_NoneStruct;

}  // extern "C"
