#!/usr/bin/env python3
"""Checks that includes between folders go one way and that each heavy library stays in its home.

  scripts/check_includes.py          # exit 1 and one line for each wrong include
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Longest prefix first: a file belongs to the first folder that holds it.
FOLDERS = ["workers/policy", "schemas", "verify", "workers", "trainer", "orchestrator"]
MAY_INCLUDE = {
    "schemas": {"schemas"},
    "verify": {"verify", "schemas"},
    "workers/policy": {"workers/policy", "schemas"},
    "workers": {"workers", "workers/policy", "verify", "schemas"},
    "trainer": {"trainer", "workers/policy", "schemas"},
    "orchestrator": set(FOLDERS),
}
# What a line includes or calls, and where it may: a folder, or one file.
HOMES = [
    ("MPI", r"#include <mpi\.h>", ["orchestrator/"]),
    ("CUDA and NCCL", r"#include <(cuda|nccl|cublas|c10/cuda|ATen/cuda)", ["trainer/", "workers/policy/"]),
    ("libtorch", r"#include <(torch|ATen|c10)/", ["trainer/", "workers/policy/"]),
    ("HDF5", r"#include <hdf5", ["schemas/"]),
    ("yaml-cpp", r"#include <yaml-cpp/", ["schemas/base/"]),
    ("starting processes", r"(?<![\w.>])(fork|vfork|clone|execve?|execvp?e?|posix_spawnp?|system|popen)\(",
     ["verify/", "orchestrator/main.cpp"]),
    ("seccomp", r"#include <(seccomp|linux/seccomp)\.h>", ["verify/"]),
]


def folder_of(path):
    return next((folder for folder in FOLDERS if path.startswith(folder + "/")), None)


def without_comments(text):
    """The same lines, with comments and the contents of strings blanked (includes are kept)."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"', re.S)

    def blank(match):
        found = match.group(0)
        start = text.rfind("\n", 0, match.start()) + 1
        if found.startswith('"') and text[start:match.start()].strip() == "#include":
            return found
        return "\n" * found.count("\n")

    return pattern.sub(blank, text)


def problems_of(path, text):
    folder = folder_of(path)
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        include = re.match(r'\s*#include "([^"]+)"', line)
        if include:
            target = folder_of(include.group(1))
            if include.group(1).endswith(".pb.h"):
                continue  # Generated.
            if target is None:
                yield f"{path}:{number}: include \"{include.group(1)}\" by its path from the top folder"
            elif target not in MAY_INCLUDE[folder]:
                yield f"{path}:{number}: {folder}/ may not include {target}/ ({include.group(1)})"
        for name, pattern, homes in HOMES:
            if re.search(pattern, line) and not any(path.startswith(home) for home in homes):
                yield f"{path}:{number}: {name} only in {' or '.join(homes)}"


def main():
    problems, count = [], 0
    for top in sorted({folder.split("/")[0] for folder in FOLDERS}):
        for file in sorted((ROOT / top).rglob("*")):
            if file.suffix in (".h", ".cpp"):
                count += 1
                path = file.relative_to(ROOT).as_posix()
                problems += problems_of(path, file.read_text(encoding="utf-8"))
    print("\n".join(problems) if problems else f"includes: {count} files: ok")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
