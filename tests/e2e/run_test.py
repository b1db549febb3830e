#!/usr/bin/env python3
"""Whole runs of configs/tests/tiny.yaml with the real program: same digests on any number of ranks, after kills of
everything, after the death of one worker in each part; every flipped byte is found; bad input gets one line.

  run_test.py GRADUS ranks|kill|worker|damage|input [--soak]
"""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from launching import MPIRUN, environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRADUS, CASE = sys.argv[1], sys.argv[2]
SOAK = "--soak" in sys.argv
CONFIG = "configs/tests/tiny.yaml"
# Everything below a run must end by itself; this is what stops a hang.
DEADLINE_S = 300


def command(ranks, folder, name, *overrides):
    run = [GRADUS, "run", CONFIG, f"run.folder={folder}", f"run.name={name}", *overrides]
    return run if ranks == 1 else [*MPIRUN, "-n", str(ranks), *run]


def start(ranks, folder, name, *overrides):
    log = open(folder / f"{name}.log", "a")
    return subprocess.Popen(command(ranks, folder, name, *overrides), cwd=ROOT, stdout=log, stderr=log,
                            env=environment(folder / f"{name}.exit"), start_new_session=True)


def finish(process, folder, name):
    try:
        process.wait(DEADLINE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise SystemExit(f"{name} hung; its log:\n" + (folder / f"{name}.log").read_text()[-4000:])
    exit_file = folder / f"{name}.exit"
    code = int(exit_file.read_text()) if exit_file.exists() and exit_file.read_text() else process.returncode
    if code != 0:
        raise SystemExit(f"{name} ended with {code}:\n" + (folder / f"{name}.log").read_text()[-4000:])


def fsck(run, *flags):
    return subprocess.run([GRADUS, "fsck", str(run), *flags], capture_output=True, text=True, env=environment())


def digest(run):
    result = fsck(run, "--digest")
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.strip().splitlines()
    assert len(lines) >= 3, result.stdout
    return lines


def reference(folder):
    finish(start(1, folder, "reference"), folder, "reference")
    return digest(folder / "reference")


def check_ranks(folder):
    expected = reference(folder)
    for ranks in (2, 3, 5):
        name = f"ranks{ranks}"
        began = time.monotonic()
        finish(start(ranks, folder, name), folder, name)
        assert digest(folder / name) == expected, f"{ranks} ranks: {digest(folder / name)} is not {expected}"
        print(f"{ranks} ranks: same digests, {time.monotonic() - began:.1f} s")


def descendants(pid):
    """All processes below `pid`; mpirun starts its ranks from several threads, and each has children of its own."""
    found, todo = [], [pid]
    while todo:
        for children in pathlib.Path(f"/proc/{todo.pop()}/task").glob("*/children"):
            try:
                pids = [int(p) for p in children.read_text().split()]
            except OSError:
                continue
            found += pids
            todo += pids
    return found


def kill_all(process):
    """SIGKILL for mpirun and everything below it. mpirun is stopped first, so that it starts nothing meanwhile."""
    os.kill(process.pid, signal.SIGSTOP)
    for pid in [*descendants(process.pid), process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()


def progress_of(run):
    try:
        return json.loads((run / "progress.json").read_text())
    except (OSError, ValueError):
        return {}


def check_kill(folder):
    began = time.monotonic()
    expected = reference(folder)
    length = time.monotonic() - began
    draw = random.Random(17)
    total = 0
    for trial in range(10 if SOAK else 3):
        name = f"kill{trial}"
        kills = 0
        while True:
            process = start(3, folder, name)
            # A moment anywhere in what an uninterrupted run takes; a run that is over by then is simply finished.
            try:
                process.wait(draw.uniform(0.3, length))
                break
            except subprocess.TimeoutExpired:
                kill_all(process)
                kills += 1
            if kills >= 3:
                process = start(3, folder, name)
                break
        finish(process, folder, name)
        assert digest(folder / name) == expected, f"{name} differs after {kills} kills"
        print(f"{name}: same digests after {kills} kills")
        total += kills
    assert total > 0, "every run was over before its first kill"


def rank_of(pid):
    try:
        pairs = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    for pair in pairs:
        if pair.startswith(b"OMPI_COMM_WORLD_RANK="):
            return int(pair.split(b"=")[1])
    return None


def is_gradus(pid):
    try:
        return os.path.samefile(f"/proc/{pid}/exe", GRADUS)
    except OSError:
        return False


def kill_worker_in(process, run, round_index, phase):
    """Ends rank 2 by SIGKILL once the run shows this part; False when the part went by unseen."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        shown = progress_of(run)
        if (shown.get("round"), shown.get("phase")) == (round_index, phase):
            for pid in descendants(process.pid):
                if is_gradus(pid) and rank_of(pid) == 2:
                    os.kill(pid, signal.SIGKILL)
                    return True
        time.sleep(0.005)
    return False


def check_worker(folder):
    expected = reference(folder)
    phases = [(0, "train_bootstrap"), (1, "rollout")]
    if SOAK:
        phases += [(0, "evaluate"), (1, "hard1"), (1, "train_policy"), (1, "train_control"), (1, "train_ppm"),
                   (1, "evaluate"), (2, "control"), (2, "hard2")]
    for round_index, phase in phases:
        name = f"worker_{round_index}_{phase}"
        process = start(3, folder, name, "cluster.dead_s=2")
        killed = kill_worker_in(process, folder / name, round_index, phase)
        finish(process, folder, name)
        assert digest(folder / name) == expected, f"{name} differs"
        print(f"{name}: {'worker killed' if killed else 'PHASE WENT BY TOO QUICKLY'}, same digests")
        assert killed or SOAK


def check_damage(folder):
    """Flips one byte in each file of a finished run: fsck must name the file, and only then."""
    reference(folder)
    run = folder / "reference"
    draw = random.Random(3)
    clean = fsck(run)
    assert clean.returncode == 0, clean.stdout
    unchecked = {"progress.json", "report.html", "metrics.jsonl"}  # Remade from the rest, or for people only.
    kinds = {}
    for file in sorted(p for p in run.rglob("*") if p.is_file() and p.name not in unchecked):
        if file.relative_to(run).parts[0] == "log":
            continue  # For people only.
        key = (file.parent.name, file.suffix, file.name if file.suffix != ".h5" else file.name[:4])
        if not SOAK and kinds.setdefault(key, file) != file:
            continue
        data = bytearray(file.read_bytes())
        if not data:
            continue
        at = draw.randrange(len(data))
        data[at] ^= 1 << draw.randrange(8)
        original = file.read_bytes()
        file.write_bytes(data)
        result = fsck(run)
        file.write_bytes(original)
        assert result.returncode == 1, f"a flipped byte at {at} of {file} was not found"
        assert file.name in result.stdout + result.stderr, f"{file} is not named:\n{result.stdout}"
    assert fsck(run).returncode == 0
    assert SOAK or len(kinds) > 8, sorted(kinds)
    print(f"{len(kinds)} kinds of file: every flipped byte was found")


def expect_refusal(folder, text, *overrides, config=None, ranks=1, env=None):
    arguments = command(ranks, folder, "refused", *overrides)
    if config is not None:
        file = folder / "bad.yaml"
        file.write_text(config)
        arguments[arguments.index(CONFIG)] = str(file)
    exit_file = folder / "refused.exit"
    exit_file.unlink(missing_ok=True)
    result = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, env=environment(exit_file), timeout=60)
    lines = [line for line in result.stderr.splitlines() if "gradus:" in line]
    assert int(exit_file.read_text()) == 2, (result.returncode, result.stderr)
    assert len(lines) == 1 and text in lines[0], f"expected one line with {text!r}, got {result.stderr!r}"
    print("refused:", lines[0])


def check_input(folder):
    tiny = (ROOT / CONFIG).read_text()
    expect_refusal(folder, "did you mean 'candidates'", config=tiny.replace("candidates: 4\n  rollouts: 4", "candidats: 4"))
    expect_refusal(folder, "bad.yaml:", config=tiny.replace("steps: 20", "steps: many"))
    expect_refusal(folder, "no/such/model", "policy.init=no/such/model")
    expect_refusal(folder, "/dev/null", "run.folder=/dev/null/runs")
    bad = folder / "bad.jsonl"
    bad.write_text('{"id": "a", "problem": "1+1", "answer": "2", "level": 1}\n{"id": "b", "problem": \n')
    expect_refusal(folder, "bad.jsonl:2", f"problems.train={bad}")
    expect_refusal(folder, "rank", "cluster.placement=split", "cluster.train_ranks=4", ranks=3)
    expect_refusal(folder, "execution.level", "execution.level=L9")
    expect_refusal(folder, "no/such/file", "problems.train=no/such/file.jsonl")


def main():
    with tempfile.TemporaryDirectory(prefix="gradus-e2e-") as name:
        folder = pathlib.Path(name)
        {"ranks": check_ranks, "kill": check_kill, "worker": check_worker, "damage": check_damage,
         "input": check_input}[CASE](folder)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()


if __name__ == "__main__":
    main()
