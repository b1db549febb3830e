#!/usr/bin/env bash
# Usage: kill_test.sh MODE PROGRAM MPIEXEC
# Runs PROGRAM on 4 ranks with a rank that kills itself (MODE: leases, train or coordinator) and checks what the
# survivors wrote. mpirun's exit code is not looked at: with recovery on it is 0 whatever happened.
set -u
mode=$1 program=$2 mpiexec=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder OMP_NUM_THREADS=1

fail() {
  echo "kill_test $mode: $1" >&2
  cat "$folder/output" >&2
  exit 1
}

timeout -k 5 100 "$mpiexec" --allow-run-as-root --oversubscribe --bind-to none --enable-recovery \
  --mca pml ob1 --mca btl self,vader --mca mpi_yield_when_idle 1 \
  --mca btl_vader_backing_directory "$folder" -n 4 "$program" "$mode" "$folder/record" \
  >"$folder/output" 2>&1
code=$?
[ $code -ne 124 ] && [ $code -ne 137 ] || fail "mpirun did not come back"

if [ "$mode" = coordinator ]; then
  [ ! -e "$folder/record" ] || fail "rank 0 finished although it was killed"
  for rank in 1 2 3; do
    [ "$(cat "$folder/record.$rank")" = 75 ] || fail "rank $rank did not leave with 75"
  done
else
  [ "$(cat "$folder/record")" = done ] || fail "rank 0 left no record of success"
  [ ! -e "$folder/record.2" ] || fail "the victim lived"
fi
! pgrep -f "$folder/record" >/dev/null || fail "processes were left behind"
