#!/usr/bin/env python3
"""What scripts/check_structure.py reports, and what it lets pass."""
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True
import check_structure  # noqa: E402
from check_structure import (MOST_FILES, MOST_FUNCTION_LINES, MOST_LINES, PERCENTILES, file_problems,  # noqa: E402
                             folder_problems, function_problems, functions_of, mirror_problems, percentile, tags_of)

failed = []


def expect(name, holds):
    if not holds:
        print(f"FAILED: {name}")
        failed.append(name)


def files(folder, count):
    return [f"{folder}/{number}.cpp" for number in range(count)]


def functions(*lengths):
    return [(length, "a/a.cpp", 7, f"F{length}") for length in lengths]


# Folders and files.
expect("a full folder passes", not folder_problems(files("a", MOST_FILES)))
expect("one file more is reported", folder_problems(files("a", MOST_FILES + 1))[0].startswith("a: 33 files"))
expect("a folder inside counts for itself", not folder_problems(files("a", MOST_FILES) + files("a/b", MOST_FILES)))
expect("a long file passes up to the limit", not file_problems("a.cpp", "x\n" * MOST_LINES))
expect("a line more is reported", file_problems("a.cpp", "x\n" * (MOST_LINES + 1)) == ["a.cpp: 401 lines, at most 400"])

# Tests.
expect("tests of sources and of headers pass",
       not mirror_problems(["tests/a/b_test.cpp", "tests/a/c_test.cpp"], ["a/b.cpp", "a/b.h", "a/c.h"]))
strays = mirror_problems(["tests/a/d_test.cpp", "tests/b_test.cpp"], ["a/b.cpp", "a/d_test.h"])
expect("tests of nothing are reported", [problem.partition(":")[0] for problem in strays] ==
       ["tests/a/d_test.cpp", "tests/b_test.cpp"])

# Functions.
expect("percentiles are of the data", [percentile(range(1, 101), p) for p in (50, 90, 99)] == [50, 90, 99])
expect("a single function is all percentiles", percentile([4], 50) == percentile([4], 99) == 4)
short = functions(*[1] * 200)
expect("short functions pass", not function_problems(short)[0])
expect("a function at the limit passes", not function_problems(functions(MOST_FUNCTION_LINES) + short)[0])
long = function_problems(functions(MOST_FUNCTION_LINES + 1) + short)[0]
expect("a longer one is named with its place", long == ["a/a.cpp:7: F61 has 61 lines, at most 60"])
for percent, limit in PERCENTILES.items():
    grown = functions(*[limit + 1] * 100)
    expect(f"p{percent} over its limit is reported",
           any(f"{percent} %" in problem for problem in function_problems(grown)[0]))
expect("percentiles are of C++ alone",
       not function_problems(short + [(MOST_FUNCTION_LINES, "a.py", 1, "f")] * 300)[0])

# The real ctags, where it is installed.
with tempfile.TemporaryDirectory() as folder:
    sample = pathlib.Path(folder) / "sample.cpp"
    sample.write_text("int One() { return 1; }\n\ntemplate <class T>\nT Four(T x) {\n  if (x) {\n    return x;\n  }\n"
                      "  return {};\n}\nstruct S {\n  int Two() const {\n    return 2; }\n};\n")
    tags = tags_of([str(sample)])
    if tags is None:
        print("skipped: universal-ctags is not installed")
    else:
        found = sorted((name, length) for length, _, _, name in functions_of(tags))
        expect(f"lengths of a sample: {found}", found == [("Four", 6), ("One", 1), ("Two", 2)])

# Without ctags the rest is still checked, and said so.
run = subprocess.run([sys.executable, check_structure.__file__], capture_output=True, text=True, env={"PATH": ""})
expect("a machine without ctags is told: " + run.stdout,
       "functions: not checked" in run.stdout and "functions grew" not in run.stdout)
sys.exit(1 if failed else 0)
