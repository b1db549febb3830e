#!/bin/bash
# Builds build/gradus. Arguments go to CMake: scripts/build.sh -DCMAKE_BUILD_TYPE=Debug
# GRADUS_BUILD names another build folder, GRADUS_JOBS another number of compilers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${GRADUS_BUILD:-build}
torch=()
[ -z "${GRADUS_TORCH:-}" ] || torch=("-DGRADUS_TORCH=$GRADUS_TORCH")
cmake -S . -B "$build" -G Ninja "${torch[@]}" "$@"
exec cmake --build "$build" --parallel "${GRADUS_JOBS:-$(nproc)}"
