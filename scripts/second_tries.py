#!/usr/bin/env python3
"""Names the tests that passed or failed only after they were run again, from a log of ctest --repeat until-pass:2.

  scripts/second_tries.py LOG
"""
import collections
import re
import sys

# " 2/7 Test  #3: name ....***Failed  0.01 sec", or the same without the counter for a later try.
RESULT = re.compile(r"\s*(?:\d+/\d+ )?Test +#(\d+): (\S+) \.*(?:\*\*\*|  )")
START = re.compile(r"\s+Start +(\d+): (\S+)$")


def second_tries(log):
    """Tests that were both started and finished more than once, in the order of their first start."""
    started, finished = collections.Counter(), collections.Counter()
    for line in log.splitlines():
        if start := START.match(line):
            started[start.groups()] += 1
        elif result := RESULT.match(line):
            finished[result.groups()] += 1
    return [name for (number, name), count in started.items() if count > 1 and finished[number, name] > 1]


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    with open(arguments[0], encoding="utf-8", errors="replace") as file:
        names = second_tries(file.read())
    print("needed a second try:", " ".join(names) or "none")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
