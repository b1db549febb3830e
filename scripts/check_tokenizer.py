#!/usr/bin/env python3
"""Compares `gradus tokenize` with the package tokenizers on random texts: ids and the decoded text.

Usage: check_tokenizer.py FOLDER [--count N] [--seed S] [--gradus PATH]
FOLDER holds tokenizer.json. Prints each difference, shortened to the part that matters, and a summary; exit code 1 when there is one.
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

from tokenizers import Tokenizer

import tokenizer_texts


def ours(gradus, folder, texts):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    run = subprocess.run([gradus, "tokenize", "--model", str(folder)], input=lines, capture_output=True, text=True, encoding="utf-8", check=False)
    if run.returncode != 0:
        sys.exit(run.stderr.strip())
    return [json.loads(line) for line in run.stdout.split("\n") if line]


def reference(tokenizer, text):
    ids = tokenizer.encode(text).ids
    return {"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)}


def shorten(gradus, folder, tokenizer, text):
    """Drops characters while the difference stays: halves first, then smaller parts."""
    size = max(1, len(text) // 2)
    while True:
        shorter = [text[:i] + text[i + size:] for i in range(0, len(text), size)]
        found = [t for t, mine in zip(shorter, ours(gradus, folder, shorter)) if t and mine != reference(tokenizer, t)]
        if found:
            text = found[0]
        elif size == 1:
            return text
        size = max(1, min(size, len(text)) // (1 if found else 2))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gradus", default="build/gradus")
    parser.add_argument("--show", type=int, default=10, help="differences to print")
    arguments = parser.parse_args()
    path = arguments.folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    added = [token["content"] for token in json.loads(path.read_text(encoding="utf-8"))["added_tokens"]]
    texts = list(tokenizer_texts.texts(arguments.seed, arguments.count, added))
    different = [text for text, mine in zip(texts, ours(arguments.gradus, arguments.folder, texts)) if mine != reference(tokenizer, text)]
    for text in different[:arguments.show]:
        short = shorten(arguments.gradus, arguments.folder, tokenizer, text)
        mine, theirs = ours(arguments.gradus, arguments.folder, [short])[0], reference(tokenizer, short)
        print(f"{json.dumps(short)}\n  gradus    {json.dumps(mine)}\n  reference {json.dumps(theirs)}")
    print(f"{arguments.folder}: {len(texts)} texts, {sum(map(len, texts))} characters, {len(different)} differences")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
