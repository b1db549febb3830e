#!/bin/bash
# From a fresh clone to a finished demonstration: installs what is missing, builds, makes the problems, trains a small
# model for a few rounds on 3 ranks, and ends with the table of rounds and the report's path.
#   scripts/quickstart.sh [--fresh] [key=value...]    --fresh starts over; else a second run continues the first
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
usage() { echo "usage: scripts/quickstart.sh [--fresh] [key=value...]" >&2; exit 2; }
fresh=
overrides=()
for argument in "$@"; do
  case "$argument" in
    --fresh) fresh=1 ;;
    -*) usage ;;
    run.name=* | run.folder=*) echo "the quick start works in runs/quickstart; scripts/relaunch.sh is for others" >&2; exit 2 ;;
    *=*) overrides+=("$argument") ;;
    *) usage ;;
  esac
done
run=runs/quickstart
began=$SECONDS

scripts/setup.sh
scripts/build.sh -DGRADUS_TESTS=OFF
python3 scripts/make_expressions.py --out data/expressions
[ -z "$fresh" ] || rm -rf "$run"
scripts/relaunch.sh "$run" "${GRADUS_RANKS:-3}" run configs/quickstart.yaml \
  run.folder=runs run.name=quickstart "${overrides[@]}"
build/gradus status "$run"
echo "finished in $((SECONDS - began)) s; report: $PWD/$run/report.html"
