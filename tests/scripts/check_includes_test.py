#!/usr/bin/env python3
"""What scripts/check_includes.py reports, and what it lets pass."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.dont_write_bytecode = True
from check_includes import problems_of  # noqa: E402

REPORTED = [
    ("schemas/a.h", '#include "verify/answers/grader.h"'),
    ("workers/engine/a.h", '#include "workers/rollout_pool.h"'),
    ("workers/models/a.cpp", '#include "workers/engine/engine.h"'),
    ("workers/models/a.cpp", "#include <ATen/ATen.h>"),
    ("workers/engine/a.cpp", "#include <torch/torch.h>"),
    ("orchestrator/comm/a.cpp", '#include "orchestrator/cluster/roster.h"'),
    ("orchestrator/cluster/a.cpp", '#include "orchestrator/rounds/campaign.h"'),
    ("orchestrator/rounds/a.cpp", '#include "orchestrator/comm/transport.h"'),
    ("orchestrator/inspect/a.cpp", '#include "orchestrator/comm/transport.h"'),
    ("trainer/options.h", '#include "trainer/train.h"'),
    ("trainer/model/a.cpp", '#include "trainer/train.h"'),
    ("workers/a.cpp", '#include "trainer/train.h"'),
    ("trainer/a.cpp", '#include "workers/search/mcts.h"'),
    ("verify/a.cpp", '#include "orchestrator/cluster/protocol.h"'),
    ("schemas/a.cpp", '#include "tree.h"'),
    ("workers/a.cpp", "#include <mpi.h>"),
    ("orchestrator/a.cpp", "#include <ATen/ATen.h>"),
    ("orchestrator/a.cpp", "#include <nccl.h>"),
    ("trainer/a.cpp", "#include <hdf5.h>"),
    ("workers/a.cpp", "  const pid_t child = fork();"),
    ("orchestrator/a.cpp", "std::system(command);"),
    ("workers/a.cpp", "#include <seccomp.h>"),
]
PASSED = [
    ("workers/a.cpp", '#include "workers/engine/engine.h"\n#include "verify/answers/grader.h"'),
    ("trainer/a.cpp", '#include "trainer/model/model.h"\n#include <nccl.h>'),
    ("orchestrator/rounds/a.cpp", '#include "trainer/train.h"\n#include "workers/rollout_pool.h"'),
    ("orchestrator/comm/a.cpp", "#include <mpi.h>"),
    ("trainer/data/a.h", '#include "trainer/options.h"'),
    ("workers/a.cpp", '// fork() and #include <mpi.h> are for others'),
    ("workers/a.cpp", 'Log("fork() failed");'),
    ("workers/a.cpp", "tree.clone(); other->clone();"),
    ("verify/a.cpp", "const pid_t child = fork();"),
]

wrong = [case for case in REPORTED if not list(problems_of(*case))]
wrong += [case for case in PASSED if list(problems_of(*case))]
for path, text in wrong:
    print(f"FAILED: {path}: {text}")
where = list(problems_of("workers/a.cpp", "/* two\nlines */\n#include <mpi.h>"))
if len(where) != 1 or not where[0].startswith("workers/a.cpp:3:"):
    print(f"FAILED: the line is not told: {where}")
    wrong.append(where)
sys.exit(1 if wrong else 0)
