#!/usr/bin/env python3
"""A checker for whole runs: right when the answer equals the goal's as text. On a small share of requests, chosen by a
hash of what they ask, it crashes, hangs, floods, or lies; an empty state is always answered."""
import hashlib
import json
import os
import sys
import time

SHARE = 5  # One request of so many misbehaves, in one of the ways below.


def misbehaviour(request):
    asked = [request[key] for key in ("mode", "context", "steps", "answer", "goal")]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()
    if request["steps"] == [] and request["answer"] == "" or digest[0] % SHARE:
        return None
    return ("crash", "hang", "flood", "lie", "nonsense")[digest[1] % 5]


def answer(request):
    reply = {"id": request["id"], "end": "fine", "shown": ""}
    if request["goal"] is not None:
        right = request["answer"] == request["goal"].get("expected")
        reply.update(judgement="correct" if right else "wrong", reason="same-text" if right else "other-text")
    return reply


for line in sys.stdin:
    request = json.loads(line)
    reply = answer(request)
    way = misbehaviour(request)
    if way == "crash":
        os._exit(3)
    if way == "hang":
        time.sleep(1e6)
    if way == "flood":
        reply["shown"] = "x" * (request["limits"]["out_kb"] << 11)
    if way == "lie":
        reply.update(id="0" * 32, judgement="correct")
    print("correct" if way == "nonsense" else json.dumps(reply), flush=True)
