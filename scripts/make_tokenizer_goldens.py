#!/usr/bin/env python3
"""Writes tokenizer.json files and vectors of the reference implementation for tests/workers/models/golden.

Needs the package tokenizers; the tests themselves do not. A vector is a text, its ids, and the decoded text where it is another.
Usage: make_tokenizer_goldens.py tests/workers/models/golden
       make_tokenizer_goldens.py --qwen qwen.tiktoken FOLDER   a full-size Qwen2.5 tokenizer from the ranks of the package dashscope
"""
import base64
import json
import random
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import tokenizer_texts

QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+")
LLAMA = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
QWEN_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
                "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
QWEN_PLAIN = ["<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"]
MARK = "\u2581"


def corpus():
    rng = random.Random(7)
    for _ in range(4000):
        yield tokenizer_texts.prose(rng) + rng.choice([" ", "\n", ""]) + tokenizer_texts.code(rng) + tokenizer_texts.number(rng)


def byte_level(pattern, size, ignore_merges=False, normalizer=None, digits=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    stages = [pre_tokenizers.Split(Regex(pattern), "isolated")] if pattern else []
    if digits:
        stages.append(pre_tokenizers.Digits(individual_digits=True))
    stages.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not pattern))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(stages) if len(stages) > 1 else stages[0]
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, size, ["<|endoftext|>"], pre_tokenizers.ByteLevel.alphabet())
    return tokenizer


def train(tokenizer, size, special, alphabet):
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)


def qwen(size):
    tokenizer = byte_level(QWEN, size, normalizer=normalizers.NFC())
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in ("<|im_start|>", "<|im_end|>")])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in ("<step>", "<steps>")])
    return tokenizer


def llama(size):
    tokenizer = byte_level(LLAMA, size, ignore_merges=True)
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in ("<|begin_of_text|>", "<|eot_id|>", "<s>")])
    begin = "<|begin_of_text|>"
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single=f"{begin} $A", pair=f"{begin} $A {begin}:1 $B:1",
                                      special_tokens=[(begin, tokenizer.token_to_id(begin))])])
    return tokenizer


def odd(size):
    """What the others lack: no split pattern of its own, all flags of added tokens."""
    tokenizer = byte_level(None, size, normalizer=normalizers.NFC(), digits=True)
    tokenizer.add_tokens([AddedToken("<step>", lstrip=True), AddedToken("<pad>", rstrip=True), AddedToken("word", single_word=True),
                          AddedToken("Å", normalized=True), AddedToken("<|im_end|>", lstrip=True, rstrip=True),
                          AddedToken(" <in>", normalized=False), AddedToken("ab", single_word=True, lstrip=True, normalized=False)])
    return tokenizer


def sentencepiece(size):
    """Llama 2's and Phi-3's kind: no pre-tokenizer, visible spaces, bytes for unknown characters."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])
    tokenizer.decoder = decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    # Words are only cut for training: without that, merges would run over whole lines.
    tokenizer.pre_tokenizer = pre_tokenizers.Split(MARK, "merged_with_next")
    train(tokenizer, size, ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)], [])
    content = json.loads(tokenizer.to_str())
    content["pre_tokenizer"] = None
    content["added_tokens"] = content["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.add_special_tokens([AddedToken("<|end|>", normalized=False, rstrip=True), AddedToken("<|user|>", normalized=True)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return tokenizer


def metaspace(size):
    """Mistral's later kind: the visible space comes from the pre-tokenizer."""
    content = json.loads(sentencepiece(size).to_str())
    content["normalizer"] = None
    content["pre_tokenizer"] = {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "first", "split": False}
    content["decoder"] = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Metaspace", "replacement": MARK,
                          "prepend_scheme": "always", "split": False}]}
    # Without one of the bytes: some characters are unknown.
    content["model"]["vocab"] = {entry.replace("<0xF0>", "<none>"): i for entry, i in content["model"]["vocab"].items()}
    return Tokenizer.from_str(json.dumps(content))


def write(folder, tokenizer, count, seed):
    folder.mkdir(parents=True, exist_ok=True)
    content = json.loads(tokenizer.to_str())
    (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    added = [token["content"] for token in content["added_tokens"]]
    texts = tokenizer_texts.PARTS + added + ["", "ab" * 200, " " * 300]
    texts += [t for t in tokenizer_texts.texts(seed, 6 * count, added) if len(t) <= 24]
    with open(folder / "vectors.jsonl", "w", encoding="utf-8") as file:
        for text in texts[:count]:
            ids = tokenizer.encode(text).ids
            decoded = tokenizer.decode(ids, skip_special_tokens=False)
            vector = {"text": text, "ids": ids} | ({} if decoded == text else {"decoded": decoded})
            file.write(json.dumps(vector, ensure_ascii=False, separators=(",", ":")) + "\n")


def symbols():
    """The byte alphabet, by byte."""
    printable = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(0x100 + i) for i, b in enumerate(others)}


def last_merge(token, ranks):
    """The two parts that the merges of lower rank leave of a token: its own merge."""
    parts = [token[i:i + 1] for i in range(len(token))]
    while len(parts) > 2:
        found = [(ranks.get(parts[i] + parts[i + 1], len(ranks)), i) for i in range(len(parts) - 1)]
        rank, i = min(found)
        if rank >= ranks[token]:
            raise ValueError(f"token {token} cannot be made by merging")
        parts[i:i + 2] = [parts[i] + parts[i + 1]]
    return parts


def full_qwen(path):
    lines = [line.split() for line in path.read_bytes().splitlines() if line]
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    alphabet = symbols()
    spell = lambda token: "".join(alphabet[b] for b in token)
    ordered = sorted(ranks, key=ranks.get)
    merges = [tuple(spell(part) for part in last_merge(token, ranks)) for token in ordered if len(token) > 1]
    tokenizer = Tokenizer(models.BPE(vocab={spell(token): ranks[token] for token in ordered}, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN), "isolated"),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in QWEN_SPECIAL])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in QWEN_PLAIN])
    return tokenizer


def main():
    if sys.argv[1] == "--qwen":
        write(Path(sys.argv[3]), full_qwen(Path(sys.argv[2])), 20000, 6)
        return
    target = Path(sys.argv[1])
    write(target / "qwen", qwen(900), 2600, 0)
    write(target / "llama", llama(900), 2600, 1)
    write(target / "odd", odd(500), 400, 2)
    write(target / "sentencepiece", sentencepiece(900), 500, 3)
    write(target / "metaspace", metaspace(700), 300, 4)


if __name__ == "__main__":
    main()
