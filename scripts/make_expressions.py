#!/usr/bin/env python3
"""Writes the arithmetic problems of the quick start: train.jsonl, eval.jsonl, demonstrations.jsonl.

A problem of level k is an expression of k operators + - * over distinct digits 1-9. It grows like a
caterpillar: each operator joins one more digit to what is there, as its left operand with probability
0.2, else as its right; no intermediate value leaves -999..999. Parentheses stand only where the text
would otherwise parse to another tree, so a text has exactly one order of evaluation. A demonstration
solves its problem one operation a step. The same seed gives the same files everywhere.

  scripts/make_expressions.py --out data/expressions
  scripts/make_expressions.py --check            # makes the sets in memory and tests them
"""
import argparse
import itertools
import json
import os
import pathlib
import random
import subprocess
import sys

LEVELS = range(1, 7)
DEMONSTRATIONS = {1: 40, 2: 60, 3: 60, 4: 60, 5: 20}
LEFT_OPERAND = 0.2
LARGEST_VALUE = 999
PRECEDENCE = {"+": 1, "-": 1, "*": 2, "": 3}
# A level counts as used up after this many draws without a new expression (level 1 has only 216).
DRY_DRAWS = 20000


class Expression:
    """An expression's text, its value and the statements that compute it from the inside out."""

    def __init__(self, digit):
        self.text, self.value, self.top, self.steps = str(digit), digit, "", []

    def joined(self, operator, digit, as_left):
        # Between equals, Python groups from the left: only a right operand needs parentheses then.
        bare = PRECEDENCE[self.top] >= PRECEDENCE[operator] + (1 if as_left else 0)
        inner = self.text if bare else f"({self.text})"
        name = "a" if self.steps else self.text
        left, right = (str(digit), name) if as_left else (name, str(digit))
        new = Expression(digit)
        new.text = f"{digit}{operator}{inner}" if as_left else f"{inner}{operator}{digit}"
        a, b = (digit, self.value) if as_left else (self.value, digit)
        new.value = a + b if operator == "+" else a - b if operator == "-" else a * b
        new.top = operator
        new.steps = self.steps + [f"a={left}{operator}{right}"]
        return new

    def solution(self):
        code = "".join(f"{step}<end_of_step>" for step in self.steps + ["print(a)"])
        return (f"<code>{code}<end_of_code><output>{self.value}<end_of_output>"
                f"<answer>\\boxed{{{self.value}}}<end_of_answer>")


def below(rng, bound):
    # random() is the one draw whose sequence Python promises to keep between versions.
    return int(rng.random() * bound)


def draw(rng, level):
    """One expression of `level` operators, or None where a value grew too large."""
    digits = list(range(1, 10))
    expression = Expression(digits.pop(below(rng, len(digits))))
    for _ in range(level):
        operator = "+-*"[below(rng, 3)]
        digit = digits.pop(below(rng, len(digits)))
        expression = expression.joined(operator, digit, rng.random() < LEFT_OPERAND)
        if abs(expression.value) > LARGEST_VALUE:
            return None
    return expression


def distinct(rng, level):
    """Expressions of a level, none twice, until no new one turns up."""
    seen, dry = set(), 0
    while dry < DRY_DRAWS:
        expression = draw(rng, level)
        if expression is None or expression.text in seen:
            dry += 1
            continue
        dry = 0
        seen.add(expression.text)
        yield expression


def make_sets(seed, train_count, eval_count):
    """The three files as lists of rows. Evaluation is drawn first: it stays when `train_count` changes."""
    sets = {"eval": [], "demonstrations": [], "train": []}
    counts = {"eval": lambda level: eval_count,
              "demonstrations": lambda level: DEMONSTRATIONS.get(level, 0),
              "train": lambda level: train_count}
    for level in LEVELS:
        source = distinct(random.Random(f"expressions {seed} {level}"), level)
        number = 0
        for name, count in counts.items():
            for expression in itertools.islice(source, count(level)):
                row = {"id": f"expr-L{level}-{number:06d}", "problem": expression.text,
                       "answer": str(expression.value), "level": level, "source": "expressions"}
                if name == "demonstrations":
                    row["solution"] = expression.solution()
                sets[name].append(row)
                number += 1
    return sets


def as_text(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def write(folder, sets):
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in sets.items():
        path = folder / f"{name}.jsonl"
        temporary = path.with_suffix(".partial")
        temporary.write_text(as_text(rows))
        os.replace(temporary, path)
        print(f"{path}: {len(rows)} problems")


def run(program):
    return subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True,
                          check=True).stdout


def check_demonstrations(rows):
    """Runs every demonstration's program, all in one Python process."""
    program, expected = "", ""
    for row in rows:
        code, rest = row["solution"].split("<end_of_code>")
        assert code.startswith("<code>") and code.endswith("print(a)<end_of_step>"), row
        answer = row["answer"]
        assert rest == (f"<output>{answer}<end_of_output><answer>\\boxed{{{answer}}}<end_of_answer>"), row
        steps = code[len("<code>"):].split("<end_of_step>")[:-1]
        assert len(steps) == row["level"] + 1, row
        program += "\n".join(steps) + "\ndel a\n"
        expected += answer + "\n"
    assert run(program) == expected, "a demonstration does not print its answer"


def check(seed, train_count, eval_count):
    sets = make_sets(seed, train_count, eval_count)
    again = make_sets(seed, train_count, eval_count)
    other = make_sets(seed + 1, train_count, eval_count)
    fewer = make_sets(seed, train_count // 2, eval_count)
    for name, rows in sets.items():
        assert as_text(rows) == as_text(again[name]), f"{name} differs for the same seed"
        assert as_text(rows) != as_text(other[name]), f"{name} is the same for another seed"
    assert sets["eval"] == fewer["eval"], "the evaluation set depends on the training set's size"
    rows = [row for part in sets.values() for row in part]
    assert len({row["id"] for row in rows}) == len(rows), "an id appears twice"
    assert len({row["problem"] for row in rows}) == len(rows), "a problem appears twice"
    for row in rows:
        operators = [c for c in row["problem"] if c in "+-*"]
        digits = [c for c in row["problem"] if c.isdigit()]
        assert len(operators) == row["level"] and len(set(digits)) == row["level"] + 1, row
        assert str(eval(row["problem"], {"__builtins__": {}})) == row["answer"], row
    for level in LEVELS:
        count = {name: sum(row["level"] == level for row in part) for name, part in sets.items()}
        assert count["eval"] == eval_count, count
        assert count["demonstrations"] == DEMONSTRATIONS.get(level, 0), count
        assert count["train"] == (80 if level == 1 else train_count), count
    check_demonstrations(sets["demonstrations"])
    print("expressions: " + ", ".join(f"{len(part)} {name}" for name, part in sets.items()) + ": ok")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, help="folder to write to")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--train", type=int, default=1200, help="training problems a level, at most")
    parser.add_argument("--eval", type=int, default=96, help="evaluation problems a level")
    parser.add_argument("--check", action="store_true", help="test the sets, write nothing")
    options = parser.parse_args()
    if options.check:
        check(options.seed, options.train, options.eval)
    elif options.out:
        write(options.out, make_sets(options.seed, options.train, options.eval))
    else:
        parser.error("give --out FOLDER or --check")


if __name__ == "__main__":
    main()
