#!/usr/bin/env python3
"""Checks that folders, files and functions stay small enough to be read, and that tests mirror the tree.

  scripts/check_structure.py         # exit 1 and one line for each that is not so

Function lengths come from universal-ctags; where that is not installed they are not checked, which a line says.
"""
import collections
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ["schemas", "verify", "workers", "trainer", "orchestrator"]
CODE = (".h", ".cpp", ".py", ".in", ".proto")
MOST_FILES, MOST_LINES, MOST_FUNCTION_LINES = 32, 400, 60
# Lines of a function in C++, by percentile: what the code has reached. Lower a limit when the code gets better.
PERCENTILES = {50: 6, 90: 19, 99: 34}
CTAGS = ["ctags", "-o", "-", "-u", "--fields=+ne", "--kinds-C++=f", "--kinds-Python=fm"]


def folder_problems(paths):
    counts = collections.Counter(path.rpartition("/")[0] for path in paths)
    return [f"{folder}: {count} files side by side, at most {MOST_FILES}: give some a folder that says what they share"
            for folder, count in sorted(counts.items()) if count > MOST_FILES]


def file_problems(path, text):
    lines = len(text.splitlines())
    return [f"{path}: {lines} lines, at most {MOST_LINES}"] if lines > MOST_LINES else []


def mirror_problems(tests, paths):
    """A test that is named after no file of the product."""
    stems = {path.rpartition(".")[0] for path in paths}
    return [f"{test}: there is no {test[len('tests/'):-len('_test.cpp')]}.cpp that it would test"
            for test in tests if test[len("tests/"):-len("_test.cpp")] not in stems]


def functions_of(tags):
    """(lines, path, line, name) of each function in the output of ctags, longest first."""
    found = []
    for line in tags.splitlines():
        if line.startswith("!"):
            continue
        name, path, *rest = line.split("\t")
        fields = dict(field.split(":", 1) for field in rest if ":" in field)
        if "line" in fields and "end" in fields:
            first = int(fields["line"])
            found.append((int(fields["end"]) - first + 1, path, first, name))
    return sorted(found, reverse=True)


def percentile(lengths, percent):
    """The smallest length that `percent` of all do not exceed."""
    ordered = sorted(lengths)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def function_problems(functions):
    problems = [f"{path}:{line}: {name} has {length} lines, at most {MOST_FUNCTION_LINES}"
                for length, path, line, name in functions if length > MOST_FUNCTION_LINES]
    lengths = [length for length, path, _, _ in functions if path.endswith((".h", ".cpp"))]
    measured = {percent: percentile(lengths, percent) for percent in PERCENTILES}
    problems += [f"functions grew: {percent} % are within {measured[percent]} lines, which was {limit}"
                 for percent, limit in PERCENTILES.items() if measured[percent] > limit]
    shown = ", ".join(f"p{percent} {lines}" for percent, lines in measured.items())
    return problems, f"{len(lengths)} C++ functions: {shown}, longest {max(lengths)} lines"


def tags_of(paths):
    """The output of ctags for these files; None where there is no universal-ctags."""
    try:
        version = subprocess.run(["ctags", "--version"], capture_output=True, text=True).stdout
    except OSError:
        return None
    if "Universal Ctags" not in version:
        return None
    return subprocess.run([*CTAGS, *paths], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def main():
    paths = sorted(file.relative_to(ROOT).as_posix() for top in FOLDERS for file in (ROOT / top).rglob("*")
                   if file.suffix in CODE)
    tests = sorted(file.relative_to(ROOT).as_posix() for file in (ROOT / "tests").rglob("*_test.cpp"))
    problems = folder_problems(paths) + mirror_problems(tests, paths)
    for path in paths:
        problems += file_problems(path, (ROOT / path).read_text(encoding="utf-8"))
    tags = tags_of(path for path in paths if path.endswith((".h", ".cpp", ".py")))
    summary = "functions: not checked, as universal-ctags is not installed"
    if tags is not None:
        functions = functions_of(tags)
        if not functions:
            problems.append("ctags found no function")
        else:
            more, summary = function_problems(functions)
            problems += more
    print(summary)
    print("\n".join(problems) if problems else f"structure: {len(paths)} files, {len(tests)} of tests: ok")
    return 1 if problems or not paths or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
