#!/usr/bin/env python3
"""Writes the tiny reference model of tests/policy/golden; make_tokenizer_goldens.py writes the tokenizers.

Needs the packages transformers, torch and numpy; the tests themselves need none of them.
Usage: make_policy_goldens.py tests/policy/golden
"""
import json
import random
import sys
from pathlib import Path

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM


def write_model(out):
    torch.manual_seed(0)
    config = Qwen2Config(vocab_size=260, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, max_position_embeddings=128, rope_theta=10000.0, tie_word_embeddings=True,
                         initializer_range=0.2)
    model = Qwen2ForCausalLM(config).to(torch.float32).eval()
    folder = out / "tiny_qwen2"
    model.save_pretrained(folder)
    rng = random.Random(3)
    with torch.no_grad(), open(folder / "logits.jsonl", "w", encoding="utf-8") as file:
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
        model.save_pretrained(folder)
        for length in (1, 5, 40):
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
    write_model(target)
