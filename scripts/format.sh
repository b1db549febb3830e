#!/bin/bash
# Checks the C++ sources against .clang-format; --fix rewrites them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mode=(--dry-run --Werror)
case "${1:-}" in
  '') ;;
  --fix) mode=(-i) ;;
  *) echo "usage: scripts/format.sh [--fix]" >&2; exit 2 ;;
esac
find schemas verify workers trainer orchestrator tests \( -name '*.h' -o -name '*.cpp' \) -print0 |
  xargs -0 clang-format-14 "${mode[@]}"
