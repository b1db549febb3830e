#!/usr/bin/env bash
# Usage: error_test.sh PROGRAM MPIEXEC
# A run that rank 0 refuses: mpirun ends with the exit code of bad input, and the reason is told once.
set -u
program=$1 mpiexec=$2
export OMP_NUM_THREADS=1
output=$(timeout -k 5 50 "$mpiexec" --allow-run-as-root --oversubscribe --bind-to none --mca pml ob1 \
  --mca btl self,vader --mca mpi_yield_when_idle 1 -n 2 "$program" error 2>&1)
code=$?
told=$(grep -c 'min_workers is 100' <<< "$output")
if [ "$code" != 2 ] || [ "$told" != 1 ]; then
  echo "exit $code, wanted 2; the reason was told $told times, wanted once" >&2
  echo "$output" >&2
  exit 1
fi
