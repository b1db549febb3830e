#!/usr/bin/env python3
"""Training by `gradus train` beside a plain PyTorch loop on transformers, same weights, same batches.

Needs the packages torch, transformers, tokenizers and safetensors. Without --speed: trains tiny random Qwen2 and Llama models
for 50 steps, supervised and on pairs by every objective, prints the largest difference of the losses of a step, and fails
when one exceeds 1e-4. With --speed: whole steps on one core in turn with the fastest of three ways to write the loop (packed
with restarting positions, padded batches of like length, one row at a time), all with fused AdamW and logits at supervised
positions only; compared by processor seconds, so that neighbours on the machine disturb less.
Usage: compare_training.py build/gradus [--steps 50]
       compare_training.py build/gradus --speed [--rows 24] [--pack-tokens 1280] [--repeat 3]
"""
import argparse
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers  # noqa: E402
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM  # noqa: E402
import transformers  # noqa: E402

LIMIT = 1e-4
EOS = 256
LR, DECAY, CLIP, BETA2 = 2e-3, 0.1, 1.0, 0.999
SIZES = dict(vocab_size=260, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=128, eos_token_id=EOS, bos_token_id=None,
             rope_parameters={"rope_type": "default", "rope_theta": 10000.0})


def byte_tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True)])
    return tokenizer


def make_model(folder, family, tokenizer):
    torch.manual_seed(7)
    config = Qwen2Config(**SIZES, tie_word_embeddings=True) if family == "qwen2" else LlamaConfig(**SIZES, tie_word_embeddings=False)
    model = (Qwen2ForCausalLM if family == "qwen2" else LlamaForCausalLM)(config).to(torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


def add_head(folder):
    torch.manual_seed(8)
    head = {"value_head.weight": 0.2 * torch.randn(1, SIZES["hidden_size"]), "value_head.bias": torch.tensor([0.1])}
    save_file(head, folder / "value_head.safetensors")
    return head


def words(rng, least, most):
    return "".join(rng.choice("abcdefgh +=\n") for _ in range(rng.randint(least, most))) + "x"


def make_data(folder):
    rng = random.Random(3)
    sft = [{"prompt": words(rng, 3, 20), "response": words(rng, 3, 30)} for _ in range(12)]
    prompts = [words(rng, 4, 20) for _ in range(5)]
    pairs = [{"prompt": prompts[i % 5], "chosen": words(rng, 2, 15), "rejected": words(rng, 2, 15), "q_chosen": rng.uniform(0, 1),
              "q_rejected": rng.uniform(-1, 0), "final_step": i % 2} for i in range(12)]
    for name, rows in (("sft", sft), ("pairs", pairs), ("whole", [p for p in pairs if p["final_step"]])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return sft, pairs


def gradus_losses(program, model, data, output, steps, batch, extra):
    command = [program, "train", "--model", model, "--data", data, "--output", output, "--steps", steps, "--batch", batch,
               "--micro-batches", 2, "--lr", LR, "--weight-decay", DECAY, "--clip", CLIP, "--beta2", BETA2, "--decay", "linear",
               "--max-tokens", 128, "--progress-steps", 1, *extra]
    run = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{run.stderr}")
    return [float(loss) for loss in re.findall(r"step \d+/\d+\s+loss ([-+.\de]+)", run.stderr)]


def torch_losses(parameters, loss_of_step, steps):
    groups = [{"params": [p for p in parameters if p.dim() >= 2], "weight_decay": DECAY},
              {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LR, betas=(0.9, BETA2), eps=1e-8)
    losses = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = LR * (1 - step / steps)
        optimizer.zero_grad()
        loss = loss_of_step()
        loss.backward()
        norm = torch.sqrt(sum(p.grad.double().square().sum() for p in parameters))
        if norm > CLIP:
            for p in parameters:
                p.grad.mul_(float(CLIP / norm))
        optimizer.step()
        losses.append(loss.item())
    return losses


def supervised(model, tokenizer, rows):
    """The mean over all supervised tokens of the step: the response and the end-of-text token."""
    def loss():
        total, count = 0, 0
        for row in rows:
            prompt = tokenizer.encode(row["prompt"]).ids
            ids = torch.tensor([prompt + tokenizer.encode(row["response"]).ids + [EOS]])
            logits = model(ids, use_cache=False).logits[0, len(prompt) - 1:-1]
            total = total + F.cross_entropy(logits, ids[0, len(prompt):], reduction="sum")
            count += ids.size(1) - len(prompt)
        return total / count
    return loss


def on_pairs(model, head, tokenizer, pairs, objective):
    def value(text_a, text_b):
        ids = torch.tensor([tokenizer.encode(text_a).ids + tokenizer.encode(text_b).ids])
        hidden = model.model(ids, use_cache=False).last_hidden_state[0, -1]
        return F.linear(hidden, head["value_head.weight"], head["value_head.bias"])[0]

    def loss():
        terms = []
        for pair in pairs:
            chosen, rejected = (value(pair["prompt"], pair[side]) for side in ("chosen", "rejected"))
            if objective == "orm":
                terms.append((F.softplus(-chosen) + F.softplus(rejected)) / 2)
            elif objective == "pqm":
                q = (1, -1) if pair["final_step"] else (pair["q_chosen"], pair["q_rejected"])
                terms.append(((chosen.tanh() - q[0]) ** 2 + (rejected.tanh() - q[1]) ** 2) / 2)
            elif objective == "sum":
                terms.append(F.softplus(rejected - chosen) * len(pairs))
            else:
                terms.append(F.softplus(rejected.tanh() - chosen.tanh()))
        return torch.stack(terms).mean()
    return loss


def compare_losses(program, steps):
    worst = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        tokenizer = byte_tokenizer()
        sft, pairs = make_data(folder)
        whole = [pair for pair in pairs if pair["final_step"]]
        runs = [("sft", "sft", sft, ["--kind", "sft"]), ("bradley_terry", "pairs", pairs, ["--kind", "ppm"]),
                ("sum", "pairs", pairs, ["--kind", "ppm", "--sum", "--raw-scores"]),
                ("pqm", "pairs", pairs, ["--kind", "ppm", "--objective", "pqm", "--recompute"]),
                ("orm", "whole", whole, ["--kind", "ppm", "--objective", "orm", "--pack-tokens", "60"])]
        for family in ("qwen2", "llama"):
            make_model(folder / family, family, tokenizer)
            for name, file, rows, extra in runs:
                model = AutoModelForCausalLM.from_pretrained(folder / family, dtype=torch.float32)
                parameters = list(model.parameters())
                if name == "sft":
                    loss = supervised(model, tokenizer, rows)
                else:
                    head = {key: torch.nn.Parameter(tensor) for key, tensor in add_head(folder / family).items()}
                    # The language head has no part in this: it gets no gradient and must not decay.
                    parameters = [p for p in model.model.parameters()] + list(head.values())
                    loss = on_pairs(model, head, tokenizer, rows, name)
                ours = gradus_losses(program, folder / family, folder / f"{file}.jsonl", folder / f"{family}-{name}", steps, len(rows),
                                     extra)
                theirs = torch_losses(parameters, loss, steps)
                if len(ours) != steps:
                    sys.exit(f"{family} {name}: gradus reported {len(ours)} of {steps} steps")
                differences = [abs(a - b) for a, b in zip(ours, theirs)]
                worst = max(worst, *differences)
                print(f"{family:6} {name:14} loss {theirs[0]:.6f} -> {theirs[-1]:.6f}  largest difference of a step "
                      f"{max(differences):.2e} (step {differences.index(max(differences)) + 1}), mean "
                      f"{statistics.mean(differences):.2e}", flush=True)
                (folder / family / "value_head.safetensors").unlink(missing_ok=True)
    print(f"largest difference {worst:.2e}, limit {LIMIT:.0e}")
    return worst <= LIMIT


def first_fit_decreasing(sizes, capacity):
    packs = []
    for item in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        pack = next((p for p in packs if p[0] + sizes[item] <= capacity), None)
        if pack is None:
            packs.append(pack := [0, []])
        pack[0] += sizes[item]
        pack[1].append(item)
    return [items for _, items in packs]


class Loop:
    """A plain training loop: `texts` are lists of ids, `wanted` by text the positions whose hidden state the loss reads."""

    def __init__(self, folder, texts, wanted, capacity, head):
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").train()
        self.texts, self.wanted, self.capacity = texts, wanted, capacity
        self.head = torch.nn.Linear(self.model.config.hidden_size, 1) if head else None
        parameters = list(self.model.parameters()) + (list(self.head.parameters()) if head else [])
        self.optimizer = torch.optim.AdamW(parameters, lr=1e-5, fused=True)
        self.parameters = parameters

    def batches(self, way):
        """(ids, position ids, rows of the flattened hidden states that are wanted, by text) of each forward pass."""
        lengths = [len(text) for text in self.texts]
        if way == "packed":
            for items in first_fit_decreasing(lengths, self.capacity):
                starts, ids, positions = [], [], []
                for i in items:
                    starts.append(len(ids))
                    ids += self.texts[i]
                    positions += range(lengths[i])
                yield torch.tensor([ids]), torch.tensor([positions]), list(zip(items, starts))
            return
        order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
        while order:
            width = lengths[order[0]]
            count = max(1, self.capacity // width) if way == "padded" else 1
            items, order = order[:count], order[count:]
            ids = torch.zeros(len(items), width, dtype=torch.long)
            for r, i in enumerate(items):
                ids[r, :lengths[i]] = torch.tensor(self.texts[i])
            yield ids, None, [(i, r * width) for r, i in enumerate(items)]

    def step(self, way, loss_of):
        self.optimizer.zero_grad()
        for ids, positions, places in self.batches(way):
            hidden = self.model.model(ids, position_ids=positions, use_cache=False).last_hidden_state.flatten(0, 1)
            rows = torch.tensor([start + at for i, start in places for at in self.wanted[i]])
            loss_of(self, hidden[rows], [i for i, _ in places]).backward()
        torch.nn.utils.clip_grad_norm_([p for p in self.parameters if p.grad is not None], 1.0)
        self.optimizer.step()


def sft_loop(folder, capacity):
    rows = [json.loads(line) for line in open(folder / "sft.jsonl")]
    wanted = [[at - 1 for at in range(1, len(row["mask"])) if row["mask"][at]] for row in rows]
    targets = sum(len(positions) for positions in wanted)

    def loss(loop, hidden, items):
        expected = torch.tensor([rows[i]["tokens"][at + 1] for i in items for at in wanted[i]])
        return F.cross_entropy(loop.model.lm_head(hidden), expected, reduction="sum") / targets
    return Loop(folder / "model", [row["tokens"] for row in rows], wanted, capacity, False), loss


def pair_loop(folder, capacity):
    """Both whole texts of every pair, one after the other; packs hold whole pairs."""
    pairs = [json.loads(line) for line in open(folder / "pairs.jsonl")]
    texts = [pair["prefix"] + pair[side] for pair in pairs for side in ("chosen", "rejected")]

    def loss(loop, hidden, items):
        scores = dict(zip(items, loop.head(hidden).squeeze(-1).tanh()))
        return sum(F.softplus(scores[i + 1] - scores[i]) for i in items if i % 2 == 0) / len(pairs)
    return Loop(folder / "model", texts, [[len(text) - 1] for text in texts], capacity // 640 * 640, True), loss


def compare_speed(program, rows, pack_tokens, repeat, steps):
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "inputs"

        def gradus(*extra):
            command = [program, "bench", "train", "--steps", steps, "--rows", rows, "--pack-tokens", pack_tokens, *extra]
            run = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
            return json.loads(run.stdout)
        last = gradus("--keep-inputs", folder)
        tokens = {kind: last[kind]["tokens"] for kind in ("sft", "pairs")}
        loops = {"sft": sft_loop(folder, pack_tokens), "pairs": pair_loop(folder, pack_tokens)}
        # Pairs need both sides in one pass; single texts would not have them.
        ways = {"sft": ("packed", "padded", "single"), "pairs": ("packed", "padded")}
        seconds = {(kind, way): [] for kind in ways for way in (*ways[kind], "gradus")}
        for kind, (loop, loss) in loops.items():
            for way in ways[kind]:
                loop.step(way, loss)  # Warm-up.
        for _ in range(repeat):
            last = gradus()
            for kind, (loop, loss) in loops.items():
                seconds[kind, "gradus"].append(last[kind]["step_processor_s"])
                for way in ways[kind]:
                    start = time.process_time()
                    loop.step(way, loss)
                    seconds[kind, way].append(time.process_time() - start)
            print({" ".join(key): round(times[-1], 2) for key, times in seconds.items()}, flush=True)
    for kind in ways:
        rates = {way: tokens[kind] / statistics.median(seconds[kind, way]) for way in (*ways[kind], "gradus")}
        best = max(ways[kind], key=lambda way: rates[way])
        print(kind + ": " + ", ".join(f"{way} {rate:.0f}" for way, rate in rates.items()) + f" tokens per processor second; gradus is "
              f"{rates['gradus'] / rates[best]:.2f} times the fastest loop ({best})")
    print(json.dumps(last, indent=1))
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gradus")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--pack-tokens", type=int, default=1280)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    if arguments.speed:
        good = compare_speed(arguments.gradus, arguments.rows, arguments.pack_tokens, arguments.repeat, arguments.steps or 2)
    else:
        good = compare_losses(arguments.gradus, arguments.steps or 50)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
