#!/usr/bin/env python3
"""Whole runs of other recipes than rStar-Math's with the real program: reasoning in words, a checker of the user's own that
crashes, hangs, floods and lies, and markers that are plain text.

  recipe_test.py GRADUS words|checker|text_markers|extension|fit
"""
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

from launching import MPIRUN, environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRADUS, CASE = sys.argv[1], sys.argv[2]
DEADLINE_S = 400


def run(folder, name, config, *overrides, ranks=2, program=GRADUS):
    command = [str(program), "run", config, f"run.folder={folder}", f"run.name={name}", *overrides]
    if ranks > 1:
        command = [*MPIRUN, "-n", str(ranks), *command]
    exit_file = folder / f"{name}.exit"
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S,
                            env=environment(exit_file))
    code = int(exit_file.read_text()) if exit_file.exists() and exit_file.read_text() else result.returncode
    return code, result.stdout + result.stderr


def finished(folder, name, *arguments, **options):
    code, log = run(folder, name, *arguments, **options)
    assert code == 0, f"{name} ended with {code}:\n{log[-4000:]}"
    return folder / name


def gradus(*arguments):
    result = subprocess.run([GRADUS, *map(str, arguments)], capture_output=True, text=True, env=environment(), cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def trees(run_folder, least=20):
    found = [json.loads(line) for line in gradus("inspect", run_folder, "--json", "--tree", "--limit", "9999").splitlines()]
    assert len(found) >= least, len(found)
    return found


def gold():
    problems = {}
    for name in ("train", "eval"):
        for line in (ROOT / f"configs/tests/tiny/{name}.jsonl").read_text().splitlines():
            problem = json.loads(line)
            problems[problem["id"]] = problem["answer"]
    return problems


def nodes_of(all_trees, kind):
    return [(tree, node) for tree in all_trees for node in tree["nodes"] if node["kind"] == kind]


def check_words(folder):
    config = "configs/tests/words.yaml"
    first = finished(folder, "one", config, ranks=1)
    second = finished(folder, "three", config, ranks=3)
    assert gradus("fsck", first, "--digest") == gradus("fsck", second, "--digest"), "digests differ by ranks"
    all_trees = trees(first)
    answers = nodes_of(all_trees, "answer")
    steps = nodes_of(all_trees, "step")
    correct = [node for _, node in answers if node["verdict"] == "correct"]
    assert correct, "nothing was solved: the run proves nothing"
    assert steps and all(node["text"].endswith("\n") and "outcome" not in node for _, node in steps)
    assert all(tree["programs"] == 0 for tree in all_trees), "words are not run"
    summary = json.loads((first / "rounds/0002/selection/summary.json").read_text())
    assert summary["sft_rows"] > 0, summary
    print(f"words: {len(all_trees)} trees, {len(correct)} of {len(answers)} answers correct, {summary}")


def check_checker(folder):
    checker = ROOT / "tests/e2e/checker.py"
    done = finished(folder, "checker", "configs/tests/words.yaml", "verifier.kind=command",
                    f"checker.command=[python3, {checker}]", "checker.limits={wall_s: 2, cpu_s: 2, mem_mb: 256, out_kb: 64}")
    all_trees, expected = trees(done), gold()
    answers = nodes_of(all_trees, "answer")
    for tree, node in answers:
        right = node["answer"] == expected[tree["problem"]]
        assert node["verdict"] in ("unverifiable", "correct" if right else "wrong"), (tree["problem"], node)
    reasons = collections.Counter(node["reason"] for _, node in answers if node["verdict"] == "unverifiable")
    correct = sum(node["verdict"] == "correct" for _, node in answers)
    assert correct, "nothing was solved: the run proves nothing"
    for reason in ("checker-crashed", "checker-silent", "checker-flood", "checker-nonsense"):
        assert reasons[reason], f"no candidate met {reason}: {reasons}"
    assert all("command" in tree["verifier"] or "checker" in tree["verifier"] for tree in all_trees)
    gradus("fsck", done)
    print(f"checker: {len(answers)} answers, {correct} correct, unverifiable: {dict(reasons)}")


def check_text_markers(folder):
    letters = "abcdefghijklmnopqrstuvwxyz"
    done = finished(folder, "text", "configs/tests/tiny.yaml", "environment.markers=text", "run.rounds=1",
                    "environment.max_step_tokens=48", "policy.random.max_positions=320", "policy.train.max_tokens=320",
                    "bootstrap.train.max_tokens=320", "ppm.max_tokens=320", "environment.extra_tokens=[]",
                    f"policy.random.alphabet=0123456789+-*()=<>_{letters}\\{{}}")
    all_trees = trees(done)
    ran = [node for _, node in nodes_of(all_trees, "step") if node.get("outcome") == "ok"]
    assert ran, "no step of plain text was read and run"
    tokens = json.loads((done / "rounds/0000/policy/tokenizer.json").read_text())["added_tokens"]
    assert not any("end_of_step" in token["content"] for token in tokens), tokens
    print(f"text markers: {len(ran)} steps ran")


def check_extension(folder):
    """docs/example, built and run outside of the tree as docs/extending.md says."""
    build, program = folder / "build", folder / "build/think_answer"
    for command in (["cmake", "-S", ROOT / "docs/example", "-B", build, "-G", "Ninja",
                     f"-Dgradus_DIR={pathlib.Path(GRADUS).resolve().parent}"], ["cmake", "--build", build]):
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
    done = finished(folder, "recipe", "docs/example/recipe.yaml", program=program)
    all_trees = trees(done, least=8)
    thoughts = nodes_of(all_trees, "step")
    assert thoughts and all(node["text"].endswith("</think>") for _, node in thoughts)
    expected, near, right = gold(), 0, 0
    for tree, node in nodes_of(all_trees, "answer"):
        try:
            distance = abs(int(node["answer"]) - int(expected[tree["problem"]]))
        except ValueError:
            distance = 2
        assert node["verdict"] == ("correct" if distance <= 1 else "wrong") and node["reason"] == "within-one", node
        near, right = near + (distance == 1), right + (distance <= 1)
    assert right, "nothing was solved: the run proves nothing"
    print(f"extension: {len(all_trees)} trees, {right} answers that its own checker accepts, {near} of them by one off")


def check_fit(folder):
    """Parts that do not go together are refused in one line, before anything is made."""
    words = "configs/tests/words.yaml"
    folder.chmod(0o755)  # The checker is an unprivileged user.
    chatty = folder / "chatty.py"
    chatty.write_text("import json, sys\nfor line in sys.stdin:\n"
                      "    answer = json.dumps({'id': json.loads(line)['id'], 'end': 'fine', 'shown': ''})\n"
                      "    print(answer)\n    print(answer, flush=True)\n")
    for text, *overrides in [
        ("environment.kind", "environment.kind=jigsaw"),
        ("verifier.kind", "verifier.kind=oracle"),
        ("no/such/checker", "verifier.kind=command", "checker.command=[no/such/checker]"),
        ("checker", "verifier.kind=command"),
        ("more than its answers", "verifier.kind=command", f"checker.command=[python3, {chatty}]"),
        ("environment.shots", "environment.shots=2"),
        ("environment.markers", "environment.markers=text"),
        ("environment.step", "environment.kind=python_steps", "environment.step=whole"),
        ("selection.mask_output", "selection.mask_output=true"),
        ("{problem}", "environment.prompt=Solve it."),
        ("ppm.enabled", "environment.step=whole", "selection.final_answer_pairs=false"),
        ("examples", "environment.examples=configs/tests/words/demonstrations.jsonl", "environment.shots=999"),
    ]:
        code, log = run(folder, "refused", words, *overrides, ranks=1)
        lines = [line for line in log.splitlines() if line]
        assert code == 2 and len(lines) == 1 and text in lines[0], (overrides, code, log)
        assert not (folder / "refused").exists(), overrides
        print("refused:", lines[0])
    problems = folder / "theorems.jsonl"
    problems.write_text(json.dumps({"id": "t", "problem": "prove", "level": 1, "goal": {
        "kind": "theorem", "statement": "1 = 1", "header_sha256": "", "axioms": []}}) + "\n")
    code, log = run(folder, "refused", words, f"problems.train={problems}", ranks=1)
    assert code == 2 and "problem t has a goal of kind theorem" in log, (code, log)


def main():
    with tempfile.TemporaryDirectory(prefix="gradus-e2e-") as name:
        {"words": check_words, "checker": check_checker, "text_markers": check_text_markers,
         "extension": check_extension, "fit": check_fit}[CASE](pathlib.Path(name))


if __name__ == "__main__":
    main()
