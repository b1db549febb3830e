#!/usr/bin/env python3
"""Streams mixed jobs through one `gradus exec` and checks that nothing grows and nothing is lost.

  soak_sandbox.py GRADUS [--jobs 100000] [--hostile 0.01] [--slots 2] [--level L] [--user self|nobody|NUMBER] [--seed N]

Every job must have exactly one outcome, in order; ordinary jobs their exact stdout. Every five seconds the stream
pauses until no job runs, and descriptors, processes, memory and temporary files are counted: what is left then is
what leaks. Exit status 1: growth over the bounds below, a lost or double record, a wrong stdout. Ctrl-C prints the
summary so far.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "sandbox"))
sys.dont_write_bytecode = True

from attack_runner import OWN_ROWS, Runner, fill_in, listen_for_interrupts, read_rows  # noqa: E402
from exec_client import Gone, become_subreaper  # noqa: E402
from observers import below, processes  # noqa: E402

WINDOW_PER_SLOT = 16
SAMPLE_S = 5
SILENCE_S = 60                 # No record for so long: lost.
HOSTILE_LIMITS = {"wall_s": 0.5, "cpu_s": 1, "mem_mb": 256, "out_kb": 16}
LIMITS = {"wall_s": 20, "cpu_s": 18, "mem_mb": 512, "out_kb": 64}
# At level L0 nothing keeps a row from its neighbours, whose stdout is checked here.
HARMLESS_AT_L0 = {"cpu", "exits", "output", "late"}

# Growth that is allowed between the first and the last tenth of the samples.
MAX_DESCRIPTORS, MAX_PROCESSES, MAX_FILES, MAX_MEMORY = 2, 0, 0, 16 << 20
MAX_P99_FACTOR = 3.0


# ---- jobs

def trivial(draw):
    a, b = draw.randrange(1000), draw.randrange(1000)
    return f"print({a} + {b})\n", f"{a + b}\n"


def loop(draw):
    n, k = draw.randrange(100, 3000), draw.randrange(2, 9)
    return f"total = 0\nfor i in range({n}):\n    if i % {k}:\n        total += i\nprint('total', total)\n", \
        f"total {sum(i for i in range(n) if i % k)}\n"


def text(draw):
    words = [draw.choice(["alpha", "beta", "gamma", "error", "π"]) for _ in range(draw.randrange(1, 30))]
    return f"from collections import Counter\nwords = {words!r}\nfor word, n in sorted(Counter(words).items()):\n" \
           f"    print(word, n)\n", "".join(f"{word} {n}\n" for word, n in sorted(collections.Counter(words).items()))


def raising(draw):
    n = draw.randrange(5)
    return f"print('before')\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    print('caught')\n[][{n}]\n", \
        "before\ncaught\n"


def sympy_step(draw):
    a, b = sorted(draw.sample(range(-20, 20), 2))
    return "import sympy\nx = sympy.symbols('x')\n" \
           f"print(sorted(sympy.solve(x**2 - ({a + b})*x + ({a * b}), x)))\n", f"[{a}, {b}]\n"


def numpy_step(draw):
    n = draw.randrange(2, 40)
    return f"import numpy as np\na = np.arange({n * n}).reshape({n}, {n})\n" \
           f"print(int(np.trace(a @ np.eye({n}, dtype=int))))\n", \
        f"{sum(i * n + i for i in range(n))}\n"


# (share, name, maker, outcome)
ORDINARY = [(0.45, "trivial", trivial, "ok"), (0.2, "loop", loop, "ok"), (0.1, "text", text, "ok"),
            (0.1, "raising", raising, "exception"), (0.05, "sympy", sympy_step, "ok"), (0.1, "numpy", numpy_step, "ok")]


class Stream:
    """The jobs, from a seed: (kind, job, expected outcome or None, expected stdout or None)."""

    def __init__(self, seed, share_hostile, hostile_rows):
        self.draw = random.Random(seed)
        self.share_hostile, self.rows = share_hostile, hostile_rows

    def next(self):
        if self.rows and self.draw.random() < self.share_hostile:
            row = self.draw.choice(self.rows)
            return "hostile", {"program": row["program"], "limits": HOSTILE_LIMITS}, None, None
        _, kind, make, outcome = self.draw.choices(ORDINARY, [share for share, *_ in ORDINARY])[0]
        program, stdout = make(self.draw)
        return kind, {"program": program, "limits": LIMITS}, outcome, stdout


# ---- samples

def memory_of(pid):
    """Resident and proportional bytes of a process; 0 when it is gone or closed to us."""
    values = {}
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                name, _, rest = line.partition(":")
                if name in ("Rss", "Pss"):
                    values[name] = int(rest.split()[0]) << 10
    except OSError:
        pass
    return values.get("Rss", 0), values.get("Pss", 0)


def descriptors_of(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def sample(runner):
    """What exists while no job runs."""
    left = runner.host.wait_for_processes(1.0)
    root = runner.exec.pid
    family = below(root, processes())
    supervisor = memory_of(root)
    interpreters = [memory_of(process.pid) for process in family]
    return {"descriptors": descriptors_of(root) + sum(descriptors_of(process.pid) for process in family),
            "processes": len(family) + len([p for p in left if p.key not in {q.key for q in family}]),
            "supervisor_rss": supervisor[0], "supervisor_pss": supervisor[1],
            "interpreters_rss": sum(rss for rss, _ in interpreters),
            "interpreters_pss": sum(pss for _, pss in interpreters),
            "files": len(runner.host.new_files()) + len(runner.host.new_sysv())}


def growth(samples):
    """Per quantity: means of the first and of the last tenth, and whether their difference is allowed."""
    if len(samples) < 2:
        return {}
    tenth = max(1, len(samples) // 10)
    bounds = {"descriptors": MAX_DESCRIPTORS, "processes": MAX_PROCESSES, "files": MAX_FILES}
    table = {}
    for key in samples[0]:
        first = sum(s[key] for s in samples[:tenth]) / tenth
        last = sum(s[key] for s in samples[-tenth:]) / tenth
        table[key] = {"first": round(first, 1), "last": round(last, 1),
                      "ok": last - first <= bounds.get(key, MAX_MEMORY)}
    return table


# ---- the run

class Soak:
    def __init__(self, runner, stream, jobs):
        self.runner, self.stream, self.jobs = runner, stream, jobs
        self.window = WINDOW_PER_SLOT * runner.options.slots
        self.expected = {}            # By id, of jobs without a record.
        self.order = collections.deque()
        self.sent = self.done = 0
        self.problems, self.samples = [], []
        self.outcomes = collections.defaultdict(collections.Counter)
        self.walls = []               # Of ordinary jobs, in order.
        self.started = time.monotonic()

    def problem(self, line):
        self.problems.append(line)
        if len(self.problems) <= 20:
            print("PROBLEM", line, flush=True)

    def fill(self):
        batch = [self.stream.next() for _ in range(min(self.window - len(self.expected), self.jobs - self.sent))]
        if batch:
            for number, what in zip(self.runner.exec.send([job for _, job, _, _ in batch]), batch):
                self.expected[number] = what
                self.order.append(number)
            self.sent += len(batch)

    def check(self, record):
        number = record.get("id")
        if number not in self.expected:
            return self.problem(f"record for job {number}, which has one already or never existed")
        if self.order.popleft() != number:
            self.problem(f"record of job {number} out of order")
        kind, _, outcome, stdout = self.expected.pop(number)
        self.done += 1
        self.outcomes["hostile" if kind == "hostile" else "ordinary"][record["outcome"]] += 1
        if kind == "hostile":
            if record["outcome"] == "sandbox_error":
                self.problem(f"job {number} (hostile): sandbox_error {record['error'][:100]}")
            return None
        self.walls.append(record["wall_s"])
        if record["outcome"] != outcome or record["stdout"] != stdout:
            self.problem(f"job {number} ({kind}): {record['outcome']} {record['stdout'][:60]!r} "
                         f"{(record['error'] or '')[:80]} instead of {outcome} {stdout[:60]!r}")
        return None

    def receive(self):
        """Takes the records that come within a moment; complains when none comes for long."""
        silent_since = time.monotonic()
        while self.expected:
            records = self.runner.exec.records(0.2)
            for record in records:
                self.check(record)
            if records:
                return
            if time.monotonic() - silent_since > SILENCE_S:
                raise Gone(f"no record for {SILENCE_S} s, {len(self.expected)} jobs have none")

    def progress(self):
        elapsed = time.monotonic() - self.started
        rate = self.done / elapsed if elapsed else 0
        left = (self.jobs - self.done) / rate if rate else 0
        now = self.samples[-1]
        print(f"{self.done}/{self.jobs} jobs, {rate:.0f}/s, {left:.0f} s left; {now['descriptors']} descriptors, "
              f"{now['processes']} processes, supervisor {now['supervisor_rss'] >> 20} MiB, interpreters "
              f"{now['interpreters_pss'] >> 20} MiB PSS, {now['files']} files, {len(self.problems)} problems",
              flush=True)

    def run(self):
        next_sample = self.started + SAMPLE_S
        while self.done < self.jobs:
            pause = time.monotonic() >= next_sample
            if not pause:
                self.fill()
            self.receive()
            if pause and not self.expected:
                self.samples.append(sample(self.runner))
                self.progress()
                next_sample = time.monotonic() + SAMPLE_S
        self.samples.append(sample(self.runner))

    def summary(self):
        table = growth(self.samples)
        for key, row in table.items():
            if not row["ok"]:
                self.problem(f"{key} grew from {row['first']} to {row['last']}")
        walls, tenth = sorted(self.walls), max(1, len(self.walls) // 10)
        tail = [percentile(sorted(part), 0.99) for part in (self.walls[:tenth], self.walls[-tenth:])]
        if len(self.walls) >= 10000 and tail[1] > MAX_P99_FACTOR * tail[0]:
            self.problem(f"p99 of wall rose from {tail[0]:.4f} s to {tail[1]:.4f} s")
        return {"level": self.runner.level, "slots": self.runner.options.slots, "jobs": self.done,
                "seconds": round(time.monotonic() - self.started, 1),
                "wall_s": {"p50": percentile(walls, 0.5), "p99": percentile(walls, 0.99), "max": percentile(walls, 1)},
                "wall_p99_first_last": tail, "outcomes": {kind: dict(c) for kind, c in self.outcomes.items()},
                "growth": table, "unanswered": len(self.expected), "problems": len(self.problems)}


def percentile(ordered, share):
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 4) if ordered else 0.0


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gradus", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=100000)
    parser.add_argument("--hostile", type=float, default=0.01, help="share of hostile programs")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--level")
    parser.add_argument("--user", default="self")
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(in_steps=False)  # An option of the runner.
    options = parser.parse_args(arguments)
    options.gradus, options.verbose = options.gradus.resolve(), False
    return options


def hostile_rows(runner):
    rows = [row for row in read_rows([OWN_ROWS]) if row["category"] != "control"]
    if runner.level == "L0":
        rows = [row for row in rows if row["category"] in HARMLESS_AT_L0]
    tokens = runner.canaries.tokens()
    return [fill_in(row, tokens) for row in rows]


def main(arguments):
    options = parse(arguments)
    listen_for_interrupts()
    become_subreaper()
    soak, status = None, 0
    with tempfile.TemporaryDirectory(prefix="gradus-runner-") as folder:
        runner = Runner(options, pathlib.Path(folder))
        try:
            runner.start()
            stream = Stream(options.seed, options.hostile, hostile_rows(runner))
            soak = Soak(runner, stream, options.jobs)
            soak.run()
            for change in runner.canaries.changes():
                soak.problem(change)
        except KeyboardInterrupt:
            print("interrupted: so far")
            status = 130
        except Gone as error:
            if soak is None:
                raise SystemExit(f"gradus exec does not start: {error}") from None
            soak.problem(str(error))
        finally:
            runner.close()
    if soak is not None:
        print(json.dumps(soak.summary(), indent=1))
        status = status or (1 if soak.problems else 0)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
