#!/usr/bin/env python3
"""`gradus train` under mpirun: the same bytes on any number of ranks and after kills and stops; a dead or hanging rank
is named within the deadline; bad input gets one line.

  train_test.py GRADUS ranks|kill|lost|start|stop|input [--soak]
  train_test.py GRADUS speed      # step times of 1 and 2 ranks, alternating; measured, not asserted
  train_test.py GRADUS gpu        # on a machine with GPUs: losses beside the CPU's, all GPUs beside one, a killed rank
  train_test.py GRADUS mfu MODEL  # share of the GPU's bfloat16 rate when this model is trained on one
"""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from launching import MPIRUN, environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRADUS, CASE = sys.argv[1], sys.argv[2]
SOAK = "--soak" in sys.argv
DEADLINE_S = 200


def write_rows(folder, count=60):
    draw = random.Random(11)
    with open(folder / "rows.jsonl", "w") as file:
        for _ in range(count):
            a, b = draw.randrange(100), draw.randrange(100)
            print(json.dumps({"prompt": f"{a}+{b}=", "response": f"{a + b}"}), file=file)
    with open(folder / "pairs.jsonl", "w") as file:
        for _ in range(count):
            a, b = draw.randrange(100), draw.randrange(100)
            print(json.dumps({"prompt": f"{a}+{b}=", "chosen": str(a + b), "rejected": str(a + b + 1)}), file=file)


def make_model(folder, config=ROOT / "configs/tests/tiny.yaml"):
    """A small random model: the base of a run that is stopped before it searches."""
    process = subprocess.Popen([GRADUS, "run", str(config), f"run.folder={folder}", "run.name=base"],
                               cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = folder / "base/rounds/0000/base"
    end = time.monotonic() + 60
    while not (base / "config.json").exists() and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    assert (base / "model.safetensors").exists(), "no base model was made"
    return base


class Training:
    """One `gradus train` on so many ranks; may be started again and again."""

    def __init__(self, folder, model, name, kind="sft", steps=30, flags=()):
        self.folder, self.name = folder, name
        self.output = folder / name
        data = folder / ("rows.jsonl" if kind == "sft" else "pairs.jsonl")
        self.arguments = [GRADUS, "train", "--model", str(model), "--data", str(data), "--output", str(self.output),
                          "--kind", kind, "--steps", str(steps), "--batch", "12", "--micro-batches", "5",
                          "--lr", "1e-3", "--checkpoint-steps", "3", "--progress-steps", "1", "--json"]
        self.set(flags)

    def set(self, flags):
        """Flags and values, instead of those that are there."""
        for flag, value in zip(flags[::2], flags[1::2]):
            if flag in self.arguments:
                self.arguments[self.arguments.index(flag) + 1] = value
            else:
                self.arguments += [flag, value]

    def start(self, ranks):
        launcher = [*MPIRUN, "-n", str(ranks)] if ranks > 1 else []
        self.log = open(self.folder / f"{self.name}.log", "w+")
        exit_file = self.folder / f"{self.name}.exit"
        exit_file.unlink(missing_ok=True)
        self.process = subprocess.Popen([*launcher, *self.arguments], cwd=ROOT, stdout=self.log, stderr=self.log,
                                        env=environment(exit_file), start_new_session=True)
        return self.process

    def text(self):
        return (self.folder / f"{self.name}.log").read_text()

    def code(self):
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise SystemExit(f"{self.name} hung:\n" + self.text()[-4000:])
        file = self.folder / f"{self.name}.exit"
        return int(file.read_text()) if file.exists() else self.process.returncode

    def run(self, ranks):
        self.start(ranks)
        code = self.code()
        assert code == 0, f"{self.name} ended with {code}:\n" + self.text()[-4000:]
        return self.bytes()

    def bytes(self):
        head = self.output / "value_head.safetensors"
        return (self.output / "model.safetensors").read_bytes() + (head.read_bytes() if head.exists() else b"")

    def step(self):
        steps = re.findall(r"step (\d+)/", self.text())
        return int(steps[-1]) if steps else 0

    def ranks_alive(self):
        """Process ids by rank."""
        found, todo = {}, [self.process.pid]
        while todo:
            for children in pathlib.Path(f"/proc/{todo.pop()}/task").glob("*/children"):
                try:
                    pids = [int(p) for p in children.read_text().split()]
                except OSError:
                    continue
                todo += pids
                for pid in pids:
                    try:
                        env = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                        if not os.path.samefile(f"/proc/{pid}/exe", GRADUS):
                            continue
                    except OSError:
                        continue
                    found.update({int(e.split(b"=")[1]): pid for e in env if e.startswith(b"OMPI_COMM_WORLD_RANK=")})
        return found

    def wait_for_step(self, step):
        end = time.monotonic() + DEADLINE_S
        while self.process.poll() is None and time.monotonic() < end:
            if self.step() >= step:
                return True
            time.sleep(0.002)
        return False


def check_ranks(folder, model):
    for kind in ("sft", "ppm"):
        expected = Training(folder, model, f"{kind}1", kind).run(1)
        for ranks in (2, 4):
            assert Training(folder, model, f"{kind}{ranks}", kind).run(ranks) == expected, f"{kind}: {ranks} ranks"
            print(f"{kind} on {ranks} ranks: same bytes")


def check_kill(folder, model):
    """SIGKILL of a random rank at a seeded moment of the training; the others name it and end with 76; resumed on
    another number of ranks."""
    expected = Training(folder, model, "reference").run(1)
    draw = random.Random(29)
    codes, resumes = [], 0
    for trial in range(20 if SOAK else 3):
        training = Training(folder, model, f"kill{trial}", flags=("--deadline", "2"))
        ranks, moment, wait = draw.choice([2, 3, 4]), draw.randrange(1, 28), draw.uniform(0, 0.1)
        victim, after = draw.randrange(ranks), draw.choice([1, 2, 3, 4])
        training.start(ranks)
        assert training.wait_for_step(moment), training.text()
        alive = training.ranks_alive()
        time.sleep(wait)
        os.kill(alive[victim], signal.SIGKILL)
        at, code = training.step(), training.code()
        assert code in (0, 76), f"{training.name} ended with {code}:\n" + training.text()[-3000:]
        named = f"rank {victim} sent nothing" in training.text()
        assert named or code == 0, training.text()[-3000:]
        training.set(("--deadline", "60"))
        assert training.run(after) == expected, f"{training.name} differs: rank {victim} of {ranks} killed at step {at}"
        resumed = re.findall(r"resumes after step (\d+)", training.text())
        codes.append(code)
        resumes += bool(resumed)
        print(f"{training.name}: rank {victim} of {ranks} killed at step {at}, the others exit {code}; on {after} ranks from step "
              f"{resumed[0] if resumed else 0} to the same bytes", flush=True)
    assert 76 in codes, "no kill came before the end of its training"
    assert resumes > 0, "no training went on from a checkpoint"


def check_lost(folder, model):
    """A killed rank and a hanging one: the others end with 76 within the deadline and name it."""
    deadline = 3
    for name, how, victim in (("killed", signal.SIGKILL, 1), ("hanging", signal.SIGSTOP, 2), ("first", signal.SIGKILL, 0)):
        training = Training(folder, model, name, steps=100000, flags=("--deadline", str(deadline)))
        training.start(3)
        assert training.wait_for_step(5), training.text()
        pid = training.ranks_alive()[victim]
        os.kill(pid, how)
        began = time.monotonic()
        exit_file = folder / f"{name}.exit"
        while time.monotonic() < began + 30 and not (exit_file.exists() and exit_file.read_text()):
            time.sleep(0.05)
        took = time.monotonic() - began
        if how == signal.SIGSTOP:
            os.kill(pid, signal.SIGKILL)
        assert training.code() == 76, f"{name}: {training.code()}\n" + training.text()[-3000:]
        assert f"rank {victim} sent nothing for" in training.text(), training.text()[-3000:]
        assert took < deadline + 10, f"{name}: named after {took:.1f} s"
        print(f"rank {victim} {name}: exit 76, named after {took:.1f} s")


def check_start(folder, model):
    """SIGKILL of a rank between its first moment and the first step: the others end with 76 within the deadline, and the
    same command then trains to the end."""
    expected = Training(folder, model, "reference").run(1)
    draw = random.Random(31)
    codes = []
    for trial in range(12 if SOAK else 3):
        training = Training(folder, model, f"start{trial}", flags=("--deadline", "5"))
        victim, wait = trial % 3, draw.uniform(0, 1.0)
        training.start(3)
        end = time.monotonic() + DEADLINE_S
        while victim not in training.ranks_alive() and time.monotonic() < end:
            time.sleep(0.002)
        pid = training.ranks_alive()[victim]
        time.sleep(wait)
        at = training.step()
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        code = training.code()
        codes.append(code)
        took = time.monotonic() - began
        said = [line for line in training.text().splitlines() if "gradus: " in line]
        assert code == 76 and said or code == 0, f"{training.name} ended with {code}:\n" + training.text()[-3000:]
        training.set(("--deadline", "60"))
        assert training.run(2) == expected, training.name
        print(f"rank {victim} killed {wait:.2f} s after its start, at step {at}: exit {code} after {took:.1f} s; then trained to "
              f"the same bytes;", *said[:1], flush=True)
    assert 76 in codes, "no kill came before the end of its training"


def check_stop(folder, model):
    """Ctrl-C saves and ends with 85; the same command goes on, alone or in a group."""
    expected = Training(folder, model, "whole", steps=60).run(1)
    for ranks in (1, 3):
        training = Training(folder, model, f"stopped{ranks}", steps=60)
        training.start(ranks)
        assert training.wait_for_step(7), training.text()
        # mpirun forwards SIGUSR1; at SIGINT it gives its ranks a second only.
        training.process.send_signal(signal.SIGINT if ranks == 1 else signal.SIGUSR1)
        assert training.code() == 85, training.text()[-3000:]
        at = training.step()
        assert at < 60 and not training.output.exists()
        assert training.run(4 - ranks) == expected, f"stopped on {ranks} ranks"
        assert f"resumes after step {at}" in training.text(), training.text()
        print(f"{ranks} ranks stopped at step {at}: exit 85, resumed on {4 - ranks} to the same bytes")


def check_input(folder, model):
    (folder / "bad.jsonl").write_text('{"prompt": "1+1=", "response": "2"}\n{"prompt": \n')
    (folder / "empty.jsonl").write_text("")
    cases = [("no/such/model", ["--model", "no/such/model"]), ("bad.jsonl:2", ["--data", str(folder / "bad.jsonl")]),
             ("empty.jsonl: the file is empty", ["--data", str(folder / "empty.jsonl")]),
             ("no/such.jsonl", ["--data", "no/such.jsonl"]), ("must have {prompt} in it", ["--template", "Q"]),
             ("are for --kind ppm", ["--eval-steps", "3"]), ("--kind sft knows supervised", ["--objective", "pqm"])]
    for ranks in (1, 2):
        for expected, flags in cases:
            training = Training(folder, model, "refused")
            training.set(flags)
            training.start(ranks)
            assert training.code() == 2, training.text()
            lines = [line for line in training.text().splitlines() if "gradus:" in line]
            assert len(lines) == 1 and expected in lines[0], training.text()
            print("refused:", lines[0])


def measure_speed(folder, _):
    """Medians over steps of the quick-start's model, the first two left out, of one rank, of two, and of two trainings at
    once that know nothing of each other: what the machine's second core is worth at most."""
    model = make_model(folder / "larger", ROOT / "configs/quickstart.yaml")
    draw = random.Random(5)
    with open(folder / "rows.jsonl", "w") as file:
        for _ in range(2000):
            terms = [str(draw.randrange(100)) for _ in range(draw.randrange(6, 20))]
            print(json.dumps({"prompt": "+".join(terms) + "=", "response": str(sum(map(int, terms)))}), file=file)
    seconds = {"alone": [], "apart": [], "together": []}

    def start(name, ranks):
        log = folder / f"{name}.steps"
        training = Training(folder, model, name, steps=24, flags=(
            "--batch", "128", "--micro-batches", "8", "--checkpoint-steps", "0", "--progress-steps", "100", "--log", str(log)))
        training.start(ranks)
        return training, log

    def finish(kind, training, log):
        assert training.code() == 0, training.text()[-3000:]
        steps = [json.loads(line)["step_s"] for line in (log / "steps.jsonl").open()]
        seconds[kind].append(statistics.median(steps[2:]))

    for trial in range(7):
        finish("alone", *start(f"alone{trial}", 1))
        for one in [start(f"apart{trial}-{i}", 1) for i in range(2)]:
            finish("apart", *one)
        finish("together", *start(f"together{trial}", 2))
    medians = {kind: statistics.median(values) for kind, values in seconds.items()}
    print({kind: [round(value * 1e3, 1) for value in values] for kind, values in seconds.items()}, "ms")
    print(f"two ranks are {medians['alone'] / medians['together']:.2f} times one; two trainings apart do "
          f"{2 * medians['alone'] / medians['apart']:.2f} times the work of one")


def losses(training):
    return [json.loads(line)["loss"] for line in (training.output.with_suffix(".steps") / "steps.jsonl").open()]


def train_on(folder, model, name, ranks, flags):
    training = Training(folder, model, name, flags=("--log", str((folder / name).with_suffix(".steps")), *flags))
    training.run(ranks)
    return losses(training)


def gpu_count():
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    return listed.count("GPU ")


def check_gpu(folder, model):
    def compare(name, got, expected, tolerance):
        worst = max(abs(a - b) for a, b in zip(got, expected, strict=True))
        print(f"{name}: losses of {len(got)} steps within {worst:.2e} (allowed {tolerance:.0e})", flush=True)
        assert worst <= tolerance, name

    cpu = train_on(folder, model, "cpu", 1, ())
    one = train_on(folder, model, "gpu-fp32", 1, ("--device", "gpu"))
    compare("GPU in float32 beside the CPU", one, cpu, 2e-3)
    half = train_on(folder, model, "gpu-bf16", 1, ("--device", "gpu", "--precision", "bf16"))
    compare("GPU in bfloat16 beside the CPU", half, cpu, 0.1)
    gpus = gpu_count()
    if gpus < 2:
        print("one GPU: groups of several and a killed rank were not tried")
        return
    compare(f"{gpus} GPUs beside one", train_on(folder, model, "gpus", gpus, ("--device", "gpu")), one, 1e-3)
    training = Training(folder, model, "killed", steps=100000, flags=("--device", "gpu", "--deadline", "5"))
    training.start(gpus)
    assert training.wait_for_step(5), training.text()
    os.kill(training.ranks_alive()[1], signal.SIGKILL)
    assert training.code() == 76, training.text()[-3000:]
    print("rank 1 killed: the others left with 76")


def measure_mfu(folder, tokenizer):
    model = pathlib.Path(sys.argv[3])
    for file in ("tokenizer.json", "tokenizer_config.json"):
        if not (model / file).exists() and (tokenizer / file).exists():
            shutil.copy(tokenizer / file, model / file)
    with open(folder / "rows.jsonl", "w") as file:
        for i in range(64):
            print(json.dumps({"prompt": "12+34=" * 30, "response": f"{i}+" * 500}), file=file)
    flags = ("--device", "gpu", "--precision", "bf16", "--steps", "12", "--batch", "16", "--micro-batches", "2",
             "--pack-tokens", "8192", "--checkpoint-steps", "0", "--lr", "1e-6")
    for recompute in (False, True):
        log = folder / f"mfu-{recompute}.steps"
        training = Training(folder, model, f"mfu-{recompute}", flags=(*flags, "--log", str(log)))
        training.arguments += ["--recompute"] if recompute else []
        training.run(1)
        steps = [json.loads(line) for line in (log / "steps.jsonl").open()][2:]
        rate, flops = (statistics.median(step[key] for step in steps) for key in ("tokens_per_s", "flops"))
        seconds = statistics.median(step["step_s"] for step in steps)
        share = f"MFU {flops / seconds / steps[0]['bound']:.1%} of {steps[0]['bound'] / 1e12:.0f} TFLOP/s (aim 25 %, stretch 40 %)" \
            if "share_of_bound" in steps[0] else "a device whose peak is not in the table"
        print(f"recompute {recompute}: {rate:.0f} tokens/s, {flops / seconds / 1e12:.1f} TFLOP/s, {share}", flush=True)


def main():
    with tempfile.TemporaryDirectory(prefix="gradus-train-") as name:
        folder = pathlib.Path(name)
        write_rows(folder)
        model = make_model(folder)
        {"ranks": check_ranks, "kill": check_kill, "lost": check_lost, "start": check_start, "stop": check_stop, "input": check_input,
         "speed": measure_speed, "gpu": check_gpu, "mfu": measure_mfu}[CASE](folder, model)


if __name__ == "__main__":
    main()
