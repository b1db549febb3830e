#!/usr/bin/env python3
"""Speed of `gradus bench rollout` beside transformers, same weights, same machine, one thread, in turn.

Needs the packages transformers and torch. Makes a random Qwen2 model (hidden 256, 8 layers, 8 heads, 2 key/value heads,
ffn 1024, vocabulary 4096, float32) unless a folder is given.
Usage: compare_generation.py build/gradus [--model FOLDER] [--repeat 3]
"""
import argparse
import json
import os
import subprocess
import tempfile
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
import torch  # noqa: E402
from transformers import AutoModelForCausalLM, DynamicCache, Qwen2Config, Qwen2ForCausalLM  # noqa: E402

PROMPT, NEW, EXPANSIONS, SIBLINGS, PREFIX, STEP = 128, 64, 8, 8, 384, 32


def make_model(folder):
    torch.manual_seed(0)
    config = Qwen2Config(vocab_size=4096, hidden_size=256, intermediate_size=1024, num_hidden_layers=8, num_attention_heads=8,
                         num_key_value_heads=2, max_position_embeddings=2048, tie_word_embeddings=True,
                         rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    Qwen2ForCausalLM(config).to(torch.float32).save_pretrained(folder)


def prompts(count, length):
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, length), generator=generator)


def timed(work):
    start = time.monotonic()
    work()
    return time.monotonic() - start


def flat(model, batch):
    ids = prompts(batch, PROMPT)
    return timed(lambda: model.generate(ids, max_new_tokens=NEW, min_new_tokens=NEW, do_sample=False, eos_token_id=None,
                                        pad_token_id=0))


def tree_generate(model):
    """Every sibling's whole prefix in one plain batch per expansion."""
    def work():
        for ids in prompts(EXPANSIONS, PREFIX):
            model.generate(ids.repeat(SIBLINGS, 1), max_new_tokens=STEP, min_new_tokens=STEP, do_sample=True, top_k=0,
                           eos_token_id=None, pad_token_id=0)
    return timed(work)


def tree_loop(model):
    """Each prefix once, its cache repeated for the siblings, all expansions decoded as one batch."""
    def work():
        ids = prompts(EXPANSIONS, PREFIX)
        cache = DynamicCache(config=model.config)
        logits = model(ids, past_key_values=cache, logits_to_keep=1).logits[:, -1]
        cache.batch_repeat_interleave(SIBLINGS)
        logits = logits.repeat_interleave(SIBLINGS, 0)
        for step in range(STEP):
            chosen = torch.multinomial(torch.softmax(logits, -1), 1)
            if step + 1 < STEP:
                logits = model(chosen, past_key_values=cache).logits[:, -1]
    return timed(work)


def gradus(program, model):
    output = subprocess.run([program, "bench", "rollout", "--model", model], check=True, capture_output=True, text=True).stdout
    return json.loads(output)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gradus")
    parser.add_argument("--model")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.model or scratch
        if not arguments.model:
            make_model(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        best = {}

        def keep(name, seconds):
            best[name] = min(seconds, best.get(name, seconds))

        with torch.inference_mode():
            for _ in range(arguments.repeat):
                ours = gradus(arguments.gradus, folder)
                for figures in ours["flat"]:
                    keep(f"gradus flat {figures['batch']}", figures["seconds"])
                keep("gradus tree", ours["tree"]["seconds"])
                for batch in (16, 64):
                    keep(f"transformers flat {batch}", flat(model, batch))
                keep("transformers tree", tree_generate(model))
                keep("loop tree", tree_loop(model))
    ratios = {f"flat {batch}": best[f"transformers flat {batch}"] / best[f"gradus flat {batch}"] for batch in (16, 64)}
    ratios["tree, against the loop"] = best["loop tree"] / best["gradus tree"]
    ratios["tree, against generate"] = best["transformers tree"] / best["gradus tree"]
    print(json.dumps({"best_seconds": best, "times_faster": ratios, "last_run": ours}, indent=1))


if __name__ == "__main__":
    main()
