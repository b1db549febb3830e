#!/bin/bash
# Installs what is missing, builds with tests and runs them all. Arguments go to ctest: scripts/test.sh -R schemas
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh
scripts/build.sh -DGRADUS_TESTS=ON
# Open MPI refuses to start as root unless told twice; tests that start mpirun themselves inherit this.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
exec ctest --test-dir "${GRADUS_BUILD:-build}" --output-on-failure --no-tests=error -j2 "$@"
