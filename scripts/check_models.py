#!/usr/bin/env python3
"""Proves that gradus computes what transformers computes, for every family, and that what it trains loads there.

Makes random models (every family, tied and untied heads, whole and sharded, float32 and bfloat16, configuration keys of
transformers 4 and 5), and compares logits, log-probabilities and greedy tokens on prompts of 1 to 1,000 tokens with
`gradus generate`. Then trains each by `gradus train`, as a policy and as a PPM, and compares again.
Needs the packages transformers and torch. Exit 1 on a difference.
Usage: check_models.py build/gradus [--only NAME]
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
import torch  # noqa: E402
import transformers as hf  # noqa: E402
from make_policy_goldens import to_old_keys  # noqa: E402

TOKENIZER = Path(__file__).resolve().parent.parent / "tests/workers/models/golden/qwen/tokenizer.json"
LENGTHS = (1, 2, 3, 7, 31, 64, 65, 200, 511, 1000)
LOGITS, GREEDY = 2e-3, 32

BASE = dict(vocab_size=640, hidden_size=64, intermediate_size=112, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=2048, initializer_range=0.12, bos_token_id=None,
            eos_token_id=None, pad_token_id=None)
PLAIN = {"rope_type": "default", "rope_theta": 10000.0}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 256}
YARN = {"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 4.0, "original_max_position_embeddings": 512}


def longrope(dims):
    return {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1 + 0.02 * i for i in range(dims // 2)],
            "long_factor": [1 + 0.5 * i for i in range(dims // 2)]}


CASES = {
    "qwen2": ("Qwen2", dict(rope_parameters=PLAIN, tie_word_embeddings=True), {}),
    "qwen2 untied, old keys, bfloat16": ("Qwen2", dict(rope_parameters=PLAIN, tie_word_embeddings=False),
                                         {"old": True, "bf16": True}),
    "qwen2 yarn": ("Qwen2", dict(rope_parameters=YARN, tie_word_embeddings=True), {}),
    "qwen2 window on upper layers": ("Qwen2", dict(rope_parameters=PLAIN, tie_word_embeddings=True, use_sliding_window=True,
                                                   sliding_window=50, max_window_layers=1), {}),
    "qwen3": ("Qwen3", dict(rope_parameters=PLAIN, tie_word_embeddings=True, head_dim=32), {}),
    "qwen3 untied, sharded": ("Qwen3", dict(rope_parameters=YARN, tie_word_embeddings=False, head_dim=24), {"shard": "200KB"}),
    "llama 3": ("Llama", dict(rope_parameters=LLAMA3, tie_word_embeddings=False), {"shard": "200KB"}),
    "llama 3 tied, old keys": ("Llama", dict(rope_parameters=LLAMA3, tie_word_embeddings=True), {"old": True}),
    "llama linear": ("Llama", dict(rope_parameters=LINEAR, tie_word_embeddings=False), {}),
    "mistral": ("Mistral", dict(rope_parameters=PLAIN, tie_word_embeddings=False, sliding_window=100), {"old": True}),
    "mistral without window": ("Mistral", dict(rope_parameters=PLAIN, tie_word_embeddings=False, sliding_window=None,
                                               head_dim=32), {}),
    "phi 3": ("Phi3", dict(rope_parameters=PLAIN, tie_word_embeddings=False, sliding_window=63), {}),
    "phi 3 longrope": ("Phi3", dict(rope_parameters=longrope(16), tie_word_embeddings=False,
                                    original_max_position_embeddings=512), {"shard": "200KB"}),
    "phi 3 longrope, part of the head, old keys": ("Phi3", dict(rope_parameters={**longrope(12), "partial_rotary_factor": 0.75},
                                                                tie_word_embeddings=True,
                                                                original_max_position_embeddings=64), {"old": True}),
}


def make(folder, family, config, options):
    torch.manual_seed(1)
    model = getattr(hf, family + "ForCausalLM")(getattr(hf, family + "Config")(**BASE, **config)).to(torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
    if options.get("bf16"):
        model = model.to(torch.bfloat16)
    model.save_pretrained(folder, max_shard_size=options.get("shard", "1GB"))
    shutil.copy(TOKENIZER, folder / "tokenizer.json")
    if options.get("old"):
        to_old_keys(folder)


def run(*arguments, lines=""):
    done = subprocess.run([str(a) for a in arguments], input=lines, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def compare(program, folder, lengths):
    """Largest logit and relative log-probability difference, and prompts whose greedy tokens differ."""
    model = hf.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    rng = random.Random(5)
    prompts = [[rng.randrange(500) for _ in range(length)] for length in lengths]
    lines = "".join(json.dumps({"ids": ids}) + "\n" for ids in prompts)
    replies = [json.loads(line) for line in run(program, "generate", "--model", folder, "--max-tokens", GREEDY, "--greedy",
                                                lines=lines).splitlines()]
    logits = logprob = 0.0
    greedy = 0
    original = model.config.rope_parameters.get("original_max_position_embeddings", 10**9)
    with torch.inference_mode():
        for ids, reply in zip(prompts, replies, strict=True):
            out = model(torch.tensor([ids])).logits[0]
            logits = max([logits] + [abs(out[-1, i].item() - value) for i, value in reply["top"]])
            exact = torch.log_softmax(out, -1)
            total = sum(exact[i, ids[i + 1]].item() for i in range(len(ids) - 1))
            logprob = max(logprob, abs(total - reply["logprob_prompt"]) / max(1.0, abs(total)))
            count = len(reply["ids"])
            if model.config.rope_parameters["rope_type"] == "longrope" and len(ids) <= original:
                count = min(count, original - len(ids))  # Beyond, positions turn otherwise; gradus ends the sample.
            expected = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                                      max_new_tokens=max(count, 1), do_sample=False, eos_token_id=None,
                                      pad_token_id=0)[0].tolist()[len(ids):]
            greedy += reply["ids"][:count] != expected[:count]
    return logits, logprob, greedy


def train(program, folder, scratch):
    rows = scratch / "rows.jsonl"
    rows.write_text("".join(json.dumps({"prompt": f"{a} + {b} = ", "response": str(a + b)}) + "\n"
                            for a in range(6) for b in range(6)))
    pairs = scratch / "pairs.jsonl"
    pairs.write_text("".join(json.dumps({"prompt": f"{a} = ", "chosen": str(a), "rejected": str(a + 1)}) + "\n"
                             for a in range(12)))
    common = ["--steps", 4, "--batch", 8, "--max-tokens", 64, "--lr", "1e-3"]
    run(program, "train", "--model", folder, "--data", rows, "--output", scratch / "policy", *common)
    run(program, "train", "--kind", "ppm", "--model", folder, "--data", pairs, "--output", scratch / "ppm", *common)
    return scratch / "policy", scratch / "ppm"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gradus")
    parser.add_argument("--only")
    arguments = parser.parse_args()
    hf.logging.set_verbosity_error()
    hf.logging.disable_progress_bar()
    failures = 0
    for name, (family, config, options) in CASES.items():
        if arguments.only and arguments.only not in name:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            scratch = Path(scratch)
            make(scratch / "model", family, config, options)
            policy, ppm = train(arguments.gradus, scratch / "model", scratch)
            for what, folder, lengths in (("made", scratch / "model", LENGTHS), ("trained", policy, (5, 100)),
                                          ("ppm", ppm, (5, 100))):
                logits, logprob, greedy = compare(arguments.gradus, folder, lengths)
                good = logits < LOGITS and logprob < 1e-4 and greedy == 0
                failures += not good
                print(f"{'ok  ' if good else 'FAIL'} {name:45} {what:8} logits within {logits:.1e}, log-probabilities "
                      f"{logprob:.1e}, {greedy} of {len(lengths)} greedy texts differ", flush=True)
    print("all equal" if failures == 0 else f"{failures} differ")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
