#!/usr/bin/env python3
"""A checker of one's own: an answer is correct when it is within one of what is expected."""
import json
import sys

for line in sys.stdin:
    request = json.loads(line)
    verdict = "unverifiable"
    if request["mode"] == "check" and request["goal"]:
        try:
            verdict = "correct" if abs(int(request["answer"]) - int(request["goal"]["expected"])) <= 1 else "wrong"
        except ValueError:
            verdict = "wrong"
    print(json.dumps({"id": request["id"], "end": "fine", "shown": "", "judgement": verdict, "reason": "within-one"}),
          flush=True)
