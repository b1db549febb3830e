#!/usr/bin/env python3
"""Runs hostile programs through `gradus exec` and checks after each that nothing outside was touched.

  attack_runner.py GRADUS [--level L3|L2|L1|L0] [--user self|root|nobody|NUMBER] [--slots 2] [--passes 3] [--seed N]
                   [--rows FILE...] [--only ID...] [--expect-violations]

README.md beside this file says what a row is and what is observed. A row that violates is one line; the last line
of the output is a summary in JSON. Exit status 0: no violation. With --expect-violations, for a level that is known
to leak: 0 when rows of at least five categories violate and all control rows are served.
"""
import argparse
import collections
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import sys
import tempfile
import time

from exec_client import GradusExec, Gone, become_subreaper, user_id
from observers import Canaries, Host, below, end_all_below, memory_available, processes

HERE = pathlib.Path(__file__).resolve().parent
OWN_ROWS = HERE / "attacks.jsonl"
SHARED_ROWS = HERE.parents[2] / "shared" / "data" / "sandbox_attacks.jsonl"

WALL_SLACK_S = 0.5            # What a job may take beyond its wall limit.
OUTER_SLACK_S = 1.5           # More for our own clock: both slots and we share the processors.
MEMORY_DROP = 2.6e9           # Bytes of the host's available memory that one round may take.
SETTLE_S = 1.0                # For processes to be gone after the verdict.
ERROR_CHARACTERS = 8192       # A message is bounded, whatever the program raises.
COMPLAINTS_SHOWN = 4
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FEWEST_CATEGORIES = 5         # That must violate at a level without isolation.
CONTROL = {"program": "print('pong')\n", "limits": {"wall_s": 10, "cpu_s": 8, "mem_mb": 512, "out_kb": 64}}
THEN_LIMITS = {"wall_s": 10, "cpu_s": 8, "mem_mb": 1024, "out_kb": 64}

OUTCOME_CLASSES = {
    "ok": {"ok"},
    "exception": {"contained_error"},
    "signal": {"contained_error"},
    "killed_unknown": {"contained_error"},
    "protocol_violation": {"contained_error"},
    "exit_call": {"exit_call", "contained_error"},
    "no_result": {"no_result", "contained_error"},
    "cpu_timeout": {"timeout"},
    "wall_timeout": {"timeout"},
    "memory_limit": {"memory_limit"},
    "oom_kill": {"memory_limit"},
    "output_limit": {"output_limit"},
    "sandbox_error": set(),   # Never an answer to a program.
}


# ---- rows

def read_rows(paths):
    rows = []
    for path in paths:
        with open(path) as file:
            rows += [json.loads(line) for line in file if line.strip()]
    ids = collections.Counter(row["id"] for row in rows)
    doubles = [name for name, count in ids.items() if count > 1]
    if doubles:
        raise SystemExit(f"rows with the same id: {', '.join(doubles)}")
    return rows


def row_files(chosen):
    if chosen:
        return chosen
    if SHARED_ROWS.exists():
        return [OWN_ROWS, SHARED_ROWS]
    print(f"{SHARED_ROWS} is not there: own rows only")
    return [OWN_ROWS]


def fill_in(value, tokens):
    """The value with the canaries' names in place of the tokens, in all its strings."""
    if isinstance(value, str):
        for token, text in tokens.items():
            value = value.replace(token, text)
        return value
    if isinstance(value, list):
        return [fill_in(item, tokens) for item in value]
    if isinstance(value, dict):
        return {key: fill_in(item, tokens) for key, item in value.items()}
    return value


# ---- judgement of one record

def class_complaints(row, record):
    allowed = {row["must"], *row.get("accept", [])}
    outcome, text = record["outcome"], record["stdout"].strip()
    short = f"outcome {outcome}" + (f" ({record['error'][:120]})" if record.get("error") else "")
    if outcome not in OUTCOME_CLASSES:
        return [f"unknown {short}"]
    if outcome == "sandbox_error":
        return [short]
    if "not_accepted" in allowed:
        accepted = outcome == "ok" and text == row["expected_answer"].strip()
        return ["accepted as ok with the expected answer"] if accepted else []
    if "no_effect" in allowed:
        return []
    if not OUTCOME_CLASSES[outcome] & allowed:
        return [f"{short} instead of {' or '.join(sorted(allowed))}"]
    if outcome == "ok" and row["must"] == "ok" and "expected_answer" in row and text != row["expected_answer"].strip():
        return [f"stdout {text[:80]!r} instead of {row['expected_answer'].strip()[:80]!r}"]
    return []


def bound_complaints(row, record):
    found = []
    limits = row["limits"]
    if record["wall_s"] > limits["wall_s"] + WALL_SLACK_S:
        found.append(f"took {record['wall_s']:.2f} s of {limits['wall_s']} s")
    elif record["outer_s"] > limits["wall_s"] + WALL_SLACK_S + OUTER_SLACK_S:
        found.append(f"answered after {record['outer_s']:.2f} s, limit {limits['wall_s']} s")
    if len(record["stdout"].encode("utf-8", "surrogatepass")) > (limits["out_kb"] << 10) * 3 + 16:
        found.append(f"{len(record['stdout'])} characters of stdout, limit {limits['out_kb']} KiB")
    if len(record["error"] or "") > ERROR_CHARACTERS:
        found.append(f"error message of {len(record['error'])} characters")
    return found


def leak_complaints(row, record):
    """Forbidden patterns in anything that leaves the sandbox."""
    text = "\n".join(str(record.get(key) or "") for key in ("stdout", "value", "error"))
    hits = [(pattern, re.search(pattern, text)) for pattern in row.get("forbid_stdout", [])]
    return [f"forbidden output {text[hit.start():].splitlines()[0][:100]!r}" for _, hit in hits if hit]


def record_complaints(row, record):
    return class_complaints(row, record) + bound_complaints(row, record) + leak_complaints(row, record)


def in_short(complaints):
    """One line; a row may change a thousand files."""
    more = len(complaints) - COMPLAINTS_SHOWN
    return "; ".join(complaints[:COMPLAINTS_SHOWN]) + (f"; and {more} more" if more > 0 else "")


# ---- one round of rows, one on each slot

class Runner:
    """Runs rounds; restarts what a row broke, so that the next one starts clean."""

    def __init__(self, options, folder):
        self.options = options
        self.uid = user_id(options.user)
        self.log = folder / "gradus.log"
        self.canaries = Canaries()
        self.exec = None
        self.host = None
        self.lowest_memory = 0
        self.jobs = 0
        self.level = "?"
        self.restarts = 0

    # -- the supervisor

    def start(self):
        """Starts `gradus exec` and learns what the observers need to know about it."""
        self.stop()
        options = self.options
        self.exec = GradusExec(options.gradus, options.slots, options.level, self.uid, self.canaries.environment,
                               self.log)
        warm = self.exec.run([dict(CONTROL, limits={"wall_s": 60, "cpu_s": 60})] * options.slots, 180)
        if any(record["stdout"] != "pong\n" for record in warm):
            raise SystemExit(f"gradus exec does not run a plain program: {warm[0]}")
        if options.in_steps:  # The calculator starts with the first step: it belongs to the family.
            for _ in range(200):
                [record] = self.exec.run([{"program": ["x = 1\n", "print(x)\n"]}], 60)
                if record["cpu_s"] == 0:
                    break
        self.level = warm[0].get("level", "?")
        if options.level and self.level != options.level:
            raise SystemExit(f"asked for level {options.level}, records say {self.level}")
        if self.host is None:
            self.learn()
        self.host.remember(self.exec.pid)

    def learn(self):
        """The user of the jobs as the host sees it, and the interpreter's folders."""
        uid = self.job_user()
        others = processes()
        inside = {process.pid for process in below(self.exec.pid, others)} | {self.exec.pid}
        alone = uid != 0 and not any(p.uid == uid and p.pid not in inside for p in others.values())
        if self.level == "L0" and not alone:
            raise SystemExit("level L0 holds nothing back: give it a user that has no other process "
                             "(as root: --user nobody, or a number that nobody has)")
        [record] = self.exec.run([{"program": "import sys\nprint('\\n'.join(sys.path))"}], 60)
        self.host = Host(uid, alone, [path for path in record["stdout"].splitlines() if os.path.isdir(path)])
        self.canaries.start_process(uid)
        print(f"level {self.level}, {self.options.slots} slots, supervisor as user {self.uid}, jobs as user {uid}"
              + ("" if alone else " (shared with other processes)"), flush=True)

    def job_user(self):
        """Looks at the process of a job from outside: inside a namespace the number may be another."""
        before = {process.key for process in below(self.exec.pid, processes())}
        found = []

        def look():
            found.extend(p.uid for p in below(self.exec.pid, processes()) if p.key not in before)

        self.exec.run([{"program": "import time\ntime.sleep(0.4)"}], 60, look)
        return found[-1] if found else self.uid

    def stop(self):
        if self.exec is not None:
            self.exec.close()
            self.exec = None

    def close(self):
        """Leaves nothing behind, even if one part of the cleaning fails."""
        with contextlib.ExitStack() as stack:
            stack.callback(end_all_below, os.getpid())
            stack.callback(self.canaries.close)
            if self.host is not None:
                stack.callback(self.host.clean)
            stack.callback(self.stop)

    def recover(self):
        """After a violation: a new supervisor, whole canaries, no traces."""
        self.restarts += 1
        self.stop()
        self.host.clean()
        self.canaries.restore()
        self.start()

    # -- rounds

    def watch_memory(self):
        self.lowest_memory = min(self.lowest_memory, memory_available())

    def send(self, jobs):
        self.jobs += len(jobs)
        patience = 2 * max(job["limits"]["wall_s"] for job in jobs) + 10
        return self.exec.run(jobs, patience, self.watch_memory)

    def form(self, program):
        """The program as it is sent: whole, or as what comes before the step of a search."""
        return [program, "pass\n"] if self.options.in_steps else program

    def on_all_slots(self, program, limits):
        """The same program on every slot, as one cannot choose a slot."""
        return self.send([{"program": self.form(program), "limits": limits}] * self.options.slots)

    def play(self, rows):
        """Complaints of each row, and those that belong to the round as a whole."""
        own = {row["id"]: [] for row in rows}
        shared = []
        free = self.lowest_memory = memory_available()
        tokens = self.canaries.tokens()
        rows = [fill_in(row, tokens) for row in rows]
        try:
            jobs = [{"program": self.form(row["program"]), "limits": row["limits"]} for row in rows]
            records = self.send(jobs)
            for row, record in zip(rows, records):
                own[row["id"]] += record_complaints(row, record)
                if self.options.verbose:
                    print(f"  {row['id']}: {record['outcome']} {record['wall_s']:.2f} s {record['error'][:100]!r} "
                          f"{record['stdout'][:200]!r}", flush=True)
            for row in rows:
                own[row["id"]] += self.next_job_complaints(row)
            shared += self.control_complaints()
        except Gone as error:
            shared.append(str(error))
        if self.options.verbose:
            print(f"  available memory fell by {(free - self.lowest_memory) / 1e9:.2f} GB", flush=True)
        if free - self.lowest_memory > MEMORY_DROP:
            shared.append(f"available memory fell by {(free - self.lowest_memory) / 1e9:.1f} GB")
        return own, shared + self.trace_complaints()

    def next_job_complaints(self, row):
        if "then" not in row:
            return []
        found = []
        for record in self.on_all_slots(row["then"], THEN_LIMITS):
            text = record["stdout"].strip()
            if record["outcome"] != "ok" or text != row["then_expected"].strip():
                found.append(f"next job: {record['outcome']} {text[:80]!r} {(record['error'] or '')[:80]}"
                             f" instead of {row['then_expected']!r}")
            found += leak_complaints(row, record)
        return found[:1]

    def control_complaints(self):
        bad = [record for record in self.on_all_slots(CONTROL["program"], CONTROL["limits"])
               if record["outcome"] != "ok" or record["stdout"] != "pong\n"]
        return [f"control job: {record['outcome']} {record['stdout'][:40]!r} {(record['error'] or '')[:80]}"
                for record in bad[:1]]

    def trace_complaints(self):
        return self.canaries.changes() + self.host.traces(SETTLE_S)

    def round(self, rows):
        """(row, what was seen) of this round. Rows that ran side by side are tried again alone to tell them apart."""
        own, shared = self.play(rows)
        if not shared and not any(own.values()):
            return []
        self.recover()
        if len(rows) == 1:
            return [(rows[0], in_short(own[rows[0]["id"]] + shared))]
        found = []
        for row in rows:
            found += self.round([row])
        if not found:
            # Only together, or only now and then: both are named.
            names = " with ".join(row["id"] for row in rows)
            seen = shared + [f"{name}: {text}" for name, texts in own.items() for text in texts]
            guilty = next((row for row in rows if own[row["id"]]), rows[0])
            found = [(guilty, f"{in_short(seen)} (seen once, {names})")]
        return found


# ---- passes

class Tally:
    """Violations so far (a row counts once in each pass), and the summary."""

    def __init__(self):
        self.violations = []
        self.finished_passes = 0
        self.rows = 0

    def add(self, row, level, number, text):
        self.violations.append((row["id"], row["category"]))
        print(f"VIOLATION {row['id']} [{row['category']}] {level} pass {number}: {text}", flush=True)

    def categories(self):
        """Category: number of its rows that violated."""
        return dict(collections.Counter(category for _, category in sorted(set(self.violations))))

    def summary(self, runner):
        bad = sorted({name for name, _ in self.violations})
        return {"level": runner.level, "user": runner.uid, "slots": runner.options.slots, "rows": self.rows,
                "passes": self.finished_passes, "jobs": runner.jobs, "violations": len(self.violations),
                "rows_violating": len(bad), "by_category": self.categories(), "which": bad}

    def status(self, expect_violations):
        if not expect_violations:
            return 1 if self.violations else 0
        categories = self.categories()
        served = "control" not in categories
        return 0 if len(categories) >= FEWEST_CATEGORIES and served else 1


def run_passes(runner, rows, options, tally):
    for number in range(1, options.passes + 1):
        order = rows[:]
        random.Random(options.seed * 1000 + number).shuffle(order)
        started = time.monotonic()
        for at in range(0, len(order), options.slots):
            for row, text in runner.round(order[at:at + options.slots]):
                tally.add(row, runner.level, number, text)
        tally.finished_passes = number
        print(f"pass {number}: {len(order)} rows in {time.monotonic() - started:.0f} s, "
              f"{len(tally.violations)} violations so far", flush=True)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gradus", type=pathlib.Path, help="the program under test")
    parser.add_argument("--level", help="L3, L2, L1, L0; left out: what gradus chooses")
    parser.add_argument("--user", default="self", help="of the supervisor: self, root, nobody, another, or a number")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", nargs="+", type=pathlib.Path, help="files of rows in place of the usual ones")
    parser.add_argument("--only", nargs="+", metavar="ID", help="these rows, or categories")
    parser.add_argument("--in-steps", action="store_true", help="run each as what comes before the step of a search")
    parser.add_argument("--expect-violations", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="print the outcome of each row")
    options = parser.parse_args(arguments)
    options.gradus = options.gradus.resolve()
    if not options.gradus.is_file():
        parser.error(f"no program {options.gradus}")
    if options.slots < 1 or options.passes < 1:
        parser.error("--slots and --passes must be at least 1")
    return options


def choose(rows, only):
    if not only:
        return rows
    unknown = set(only) - {row["id"] for row in rows} - {row["category"] for row in rows}
    if unknown:
        raise SystemExit(f"no such row: {', '.join(sorted(unknown))}")
    return [row for row in rows if row["id"] in only or row["category"] in only]


def interrupt(*unused):
    """Once: a second signal must not cut the cleaning short."""
    for number in INTERRUPTS:
        signal.signal(number, lambda *unused: None)
    raise KeyboardInterrupt


def listen_for_interrupts():
    for number in INTERRUPTS:
        signal.signal(number, interrupt)


def main(arguments):
    options = parse(arguments)
    rows = choose(read_rows(row_files(options.rows)), options.only)
    if options.in_steps:
        rows = [row for row in rows if not row.get("last_step")]
    listen_for_interrupts()
    become_subreaper()
    tally = Tally()
    tally.rows = len(rows)
    with tempfile.TemporaryDirectory(prefix="gradus-runner-") as folder:
        runner = Runner(options, pathlib.Path(folder))
        try:
            runner.start()
            run_passes(runner, rows, options, tally)
            status = tally.status(options.expect_violations)
        except KeyboardInterrupt:
            print("interrupted")
            status = 130
        except Gone as error:
            raise SystemExit(f"gradus exec does not start: {error}") from None
        finally:
            runner.close()
    print(json.dumps(tally.summary(runner)))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
