#!/usr/bin/env python3
"""Writes the tiny reference models of tests/workers/models/golden; make_tokenizer_goldens.py writes the tokenizers.

Needs the packages transformers, torch and numpy; the tests themselves need none of them.
Usage: make_policy_goldens.py tests/workers/models/golden
"""
import json
import random
import sys
from pathlib import Path

import torch
from transformers import (LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Phi3Config, Phi3ForCausalLM,
                          Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

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
    if "partial_rotary_factor" in rope:
        config["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
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
    for name, kind, config, options in tiny_models():
        write_model(target / name, kind, config, options)
