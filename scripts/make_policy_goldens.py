#!/usr/bin/env python3
"""Writes tests/policy/golden: vectors of the reference tokenizers and of tiny reference models.

Needs the packages tokenizers, transformers, torch and numpy; the tests themselves need none of them.
Usage: make_policy_goldens.py tests/policy/golden
"""
import json
import random
import sys
from pathlib import Path

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Phi3Config, Phi3ForCausalLM,
                          Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+")
LLAMA = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
CORPUS = [
    "Let us think step by step. The answer is \\boxed{42}.", "def solve(x):\n    return x ** 2 + 2 * x + 1\n",
    "We have $\\frac{a}{b} = \\frac{c}{d}$, so that's what they'll need; it isn't 1234567 or 3.14159.",
    "你好，世界。数学题的答案是多少？", "Καλημέρα κόσμε, Привет мир, café naïve Zürich",
    "for i in range(10):\n\tprint(i)\r\n\r\n", "   leading and trailing   ", "x = (3+5)*2-(4*6)\n",
] * 30
PARTS = ["the", " answer", "'s", "'LL", "'ſ", "1", "234", "56789", " ", "  ", "   ", "\n", "\r\n", "\n\n", "\t",
         "\u00a0", "\u2003", "\u180e", "\u0085", "\u2028", "e\u0301", "é", "Å", "\u212b", "한국", "\u1112\u1161\u11ab",
         "你好", "😀", "👩\u200d🚀", "\u0661\u0662", "½", "Ⅷ", "\\frac{1}{2}", "def f(x):", "_a", "<", ">", "|", "<|end", "im_end|>",
         "<|im_end|>", "<|im_start|>", "<step>", "<steps>", "word", "<pad>", "!?", "...", "\0", "ﬁ", "ß", "İ", "\ud7a3", "\U0010ffff"]


def base(pattern, pairs, normalizer, digits=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=pairs == "llama"))
    if normalizer:
        tokenizer.normalizer = normalizers.NFC()
    stages = []
    if pattern:
        stages.append(pre_tokenizers.Split(Regex(pattern), "isolated"))
    if digits:
        stages.append(pre_tokenizers.Digits(individual_digits=True))
    stages.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not pattern))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(stages) if len(stages) > 1 else stages[0]
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=520, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  special_tokens=["<|endoftext|>"], show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def tokenizers():
    qwen = base(QWEN, "qwen", True)
    qwen.add_special_tokens([AddedToken("<|im_start|>", normalized=False), AddedToken("<|im_end|>", normalized=False)])
    qwen.add_tokens([AddedToken("<step>", normalized=False), AddedToken("<steps>", normalized=False)])
    yield "qwen", qwen
    llama = base(LLAMA, "llama", False)
    llama.add_special_tokens([AddedToken("<|im_end|>", normalized=False), AddedToken("<s>", normalized=False)])
    llama.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", llama.token_to_id("<s>"))])])
    yield "llama", llama
    odd = base(None, "gpt2", True, digits=True)
    odd.add_tokens([AddedToken("<step>", lstrip=True), AddedToken("<pad>", rstrip=True), AddedToken("word", single_word=True),
                    AddedToken("Å", normalized=True), AddedToken("<|im_end|>", lstrip=True, rstrip=True)])
    yield "odd", odd


def texts(seed):
    rng = random.Random(seed)
    for part in PARTS:
        yield part
    for line in sorted(set(CORPUS)):
        yield line
    for _ in range(90):
        yield "".join(rng.choice(PARTS) for _ in range(rng.randrange(1, 12)))
    for _ in range(25):
        yield "".join(chr(rng.choice([rng.randrange(32, 0x250), rng.randrange(0x300, 0x370), rng.randrange(0x600, 0x700),
                                      rng.randrange(0x2000, 0x2100), rng.randrange(0x4e00, 0x4f00)])) for _ in range(8))
    yield "ab" * 200
    yield " " * 300


def write_tokenizers(out):
    for index, (name, tokenizer) in enumerate(tokenizers()):
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        with open(folder / "vectors.jsonl", "w", encoding="utf-8") as file:
            for text in texts(index):
                ids = tokenizer.encode(text).ids
                decoded = tokenizer.decode(ids, skip_special_tokens=False)
                file.write(json.dumps({"text": text, "ids": ids, "decoded": decoded}) + "\n")


SMALL = dict(vocab_size=260, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.2)
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 32}
LONGROPE = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0, 1.1, 1.2], "long_factor": [1.5, 2.0, 4.0]}


def tiny_models():
    """Folder name, model class, configuration, and what to write differently: old configuration keys, shards."""
    plain = {"rope_type": "default", "rope_theta": 10000.0}
    yield "tiny_qwen2", Qwen2ForCausalLM, Qwen2Config(**SMALL, rope_parameters=plain, tie_word_embeddings=True), {}
    yield "tiny_qwen2_old", Qwen2ForCausalLM, Qwen2Config(**SMALL, rope_parameters=YARN, tie_word_embeddings=False), {
        "old": True, "bf16": True}
    yield "tiny_qwen3", Qwen3ForCausalLM, Qwen3Config(**SMALL, head_dim=8, rope_parameters=plain, tie_word_embeddings=True,
                                                      use_sliding_window=True, sliding_window=7, max_window_layers=1), {}
    yield "tiny_llama3", LlamaForCausalLM, LlamaConfig(**SMALL, rope_parameters=LLAMA3, tie_word_embeddings=False), {
        "shard": "20KB"}
    yield "tiny_mistral", MistralForCausalLM, MistralConfig(**SMALL, head_dim=8, rope_parameters=plain, sliding_window=9,
                                                            tie_word_embeddings=False), {"old": True}
    yield "tiny_phi3", Phi3ForCausalLM, Phi3Config(**SMALL, original_max_position_embeddings=32, rope_parameters=LONGROPE,
                                                   tie_word_embeddings=False, sliding_window=50, pad_token_id=0, eos_token_id=0), {}


def to_old_keys(folder):
    """Rewrites config.json with the keys of transformers 4."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = None if rope["rope_type"] == "default" else {"type": rope.pop("rope_type"), **rope}
    config["torch_dtype"] = config.pop("dtype")
    config.pop("layer_types", None)
    path.write_text(json.dumps(config, indent=2) + "\n")


def write_model(folder, kind, config, options):
    torch.manual_seed(0)
    model = kind(config).to(torch.float32).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
    if options.get("bf16"):
        model = model.to(torch.bfloat16)
    model.save_pretrained(folder, max_shard_size=options.get("shard", "1GB"))
    model = kind.from_pretrained(folder, dtype=torch.float32).eval()
    if options.get("old"):
        to_old_keys(folder)
    rng = random.Random(3)
    with torch.no_grad(), open(folder / "logits.jsonl", "w", encoding="utf-8") as file:
        for length in (1, 5, 20, 40, 100):
            ids = [rng.randrange(260) for _ in range(length)]
            logits = model(torch.tensor([ids])).logits[0]
            logprob = torch.log_softmax(logits, -1)
            total = sum(logprob[i, ids[i + 1]].item() for i in range(length - 1))
            last = [round(v, 5) for v in logits[-1].tolist()]
            greedy = model.generate(torch.tensor([ids]), max_new_tokens=8, do_sample=False, eos_token_id=None,
                                    pad_token_id=0)[0].tolist()[length:]
            file.write(json.dumps({"ids": ids, "last": last, "logprob": total, "greedy": greedy}) + "\n")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write_tokenizers(target)
    for name, kind, config, options in tiny_models():
        write_model(target / name, kind, config, options)
