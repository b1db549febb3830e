#!/usr/bin/env python3
"""Checks that includes between folders go one way and that each heavy library stays in its home.

  scripts/check_includes.py          # exit 1 and one line for each wrong include
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Each room and the rooms it may include, itself always. A room is a folder, or files of one stem ("trainer/options"); a
# file belongs to the longest room that holds it. Where every room of a folder is meant, the folder is named with "/*".
ROOMS = {
    "schemas/base": [],
    "schemas": ["schemas/base"],
    "schemas/files": ["schemas", "schemas/base"],

    "verify/limits": [],
    "verify/verifier": ["schemas/*"],
    "verify/sandbox/cage": [],
    "verify/sandbox/launcher": ["verify/sandbox/cage"],
    "verify/sandbox": ["schemas/*", "verify/sandbox/cage"],
    "verify/python/python_verifier": ["schemas/*", "verify/verifier", "verify/python", "verify/answers",
                                      "verify/symbolic_grader"],
    "verify/python": ["schemas/*", "verify/limits", "verify/sandbox", "verify/sandbox/cage"],
    "verify/command": ["schemas/*", "verify/limits", "verify/verifier", "verify/sandbox"],
    "verify/answers/tokens": ["schemas/*"],
    "verify/answers/expression": ["schemas/*", "verify/answers/tokens"],
    "verify/answers/reading": ["schemas/*", "verify/answers/tokens", "verify/answers/expression"],
    "verify/answers": ["schemas/*", "verify/answers/*"],
    "verify/symbolic_grader": ["schemas/*", "verify/answers", "verify/python"],

    "verify/verifier_kind": ["schemas/*", "verify/limits", "verify/verifier", "verify/answers", "verify/python",
                             "verify/command"],
    "verify/verifier_kinds": ["verify/verifier_kind"],
    "verify/built_in_verifiers": ["verify/*"],

    "workers/models/tokenizer": ["schemas/*"],
    "workers/models": ["schemas/*", "workers/models/tokenizer"],
    "workers/compute": ["schemas/*"],
    "workers/engine": ["schemas/*", "workers/models/*", "workers/compute"],
    "workers/environments": ["schemas/*", "verify/verifier", "verify/python", "verify/answers"],
    "workers/search": ["schemas/*"],
    "workers": ["schemas/*", "verify/*", "workers/*"],

    "trainer/options": ["schemas/*"],
    "trainer/train_progress": [],
    "trainer/collectives": ["schemas/*", "trainer/options"],
    "trainer/model": ["schemas/*", "workers/models/*", "workers/compute", "trainer/options", "trainer/collectives"],
    "trainer/data": ["schemas/*", "workers/models/*", "trainer/options", "trainer/model"],
    "trainer/optimizer": ["schemas/*", "trainer/options", "trainer/collectives", "trainer/model"],
    "trainer/checkpoint": ["schemas/*", "workers/models/*", "trainer/options", "trainer/train_progress",
                           "trainer/collectives", "trainer/optimizer"],
    "trainer/cost": ["schemas/*", "workers/models/*", "workers/compute", "trainer/options", "trainer/collectives",
                     "trainer/model"],
    "trainer": ["schemas/*", "workers/models/*", "trainer/*"],

    "orchestrator/comm": ["schemas/base", "trainer/collectives"],
    "orchestrator/launch": ["schemas/base", "orchestrator/comm"],
    "orchestrator/cluster": ["schemas/*", "trainer/collectives", "orchestrator/comm"],
    "orchestrator/record": ["schemas/*", "trainer/train_progress"],
    "orchestrator/selection": ["schemas/*", "workers/models/tokenizer"],
    "orchestrator/measure": ["schemas/*", "orchestrator/selection"],
    "orchestrator/rounds": ["schemas/*", "verify/*", "workers/*", "trainer/*", "orchestrator/cluster",
                            "orchestrator/record", "orchestrator/selection", "orchestrator/measure"],
    "orchestrator/inspect": ["schemas/*", "orchestrator/rounds", "orchestrator/selection", "orchestrator/measure"],
    "orchestrator/health": ["schemas/*", "verify/*", "workers/compute"],
    "orchestrator/bench": ["schemas/*", "verify/*", "workers/*", "trainer/*"],
    "orchestrator/commands": ["schemas/*", "verify/*", "workers/*", "trainer/*", "orchestrator/*"],
    "orchestrator": ["schemas/base", "orchestrator/commands", "orchestrator/launch"],
}
# What a line includes or calls, and where it may: a folder, or one file.
HOMES = [
    ("MPI", r"#include <mpi\.h>", ["orchestrator/comm/", "orchestrator/commands/doctor_command.cpp"]),
    ("CUDA and NCCL", r"#include <(cuda|nccl|cublas|c10/cuda|ATen/cuda)", ["trainer/", "workers/engine/gpu/"]),
    ("libtorch", r"#include <(torch|ATen|c10)/", ["trainer/", "workers/engine/gpu/"]),
    ("HDF5", r"#include <hdf5", ["schemas/files/"]),
    ("yaml-cpp", r"#include <yaml-cpp/", ["schemas/base/"]),
    ("starting processes", r"(?<![\w.>])(fork|vfork|clone|execve?|execvp?e?|posix_spawnp?|system|popen)\(",
     ["verify/", "orchestrator/main.cpp"]),
    ("Arb and FLINT", r"#include <(acb|arb|arf|mag|flint)", ["verify/answers/expression/"]),
    ("udunits", r"#include <udunits", ["verify/answers/tokens/"]),
    ("seccomp", r"#include <(seccomp|linux/seccomp)\.h>", ["verify/"]),
]


def room_of(path):
    return max((room for room in ROOMS if path.startswith((room + "/", room + "."))), key=len, default=None)


def may_include(room, target):
    return target == room or any(target == allowed or allowed.endswith("/*") and
                                 (target + "/").startswith(allowed[:-1]) for allowed in ROOMS[room])


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
    room = room_of(path)
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        include = re.match(r'\s*#include "([^"]+)"', line)
        if include:
            target = room_of(include.group(1))
            if include.group(1).endswith(".pb.h"):
                continue  # Generated.
            if target is None:
                yield f"{path}:{number}: include \"{include.group(1)}\" by its path from the top folder"
            elif room is None:
                yield f"{path}:{number}: this file belongs to no room; give it one in scripts/check_includes.py"
            elif not may_include(room, target):
                yield f"{path}:{number}: {room} may not include {target} ({include.group(1)})"
        for name, pattern, homes in HOMES:
            if re.search(pattern, line) and not any(path.startswith(home) for home in homes):
                yield f"{path}:{number}: {name} only in {' or '.join(homes)}"


def main():
    problems, count = [], 0
    for top in sorted({room.split("/")[0] for room in ROOMS}):
        for file in sorted((ROOT / top).rglob("*")):
            if file.suffix in (".h", ".cpp"):
                count += 1
                path = file.relative_to(ROOT).as_posix()
                problems += problems_of(path, file.read_text(encoding="utf-8"))
    print("\n".join(problems) if problems else f"includes: {count} files: ok")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
