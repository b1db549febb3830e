#!/bin/bash
# scripts/gradus.sbatch on a one-machine Slurm cluster, with the stand-in for gradus. Takes two minutes; not part of ctest,
# since it needs root and slurm-wlm:  tests/slurm/sbatch_test.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/slurm/fixture.bash
. tests/slurm/fixture.bash
work=$(mktemp -d)
trap 'stop_slurm; rm -rf "$work"' EXIT
start_slurm "$work/slurm"
export GRADUS=$PWD/tests/scripts/stand_in.sh GRADUS_RELAUNCHES=3 GRADUS_EXIT_GRACE=3
# Ranks of one machine that believe to be on several nodes must not meet in shared memory; root must insist.
export OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=lo
failed=0

# expect NAME STATE LAUNCHES PLAN...: how the job ends, and how often the program was started.
expect() {
  local name=$1 state=$2 launches=$3 run job i got
  shift 3
  run=$(mktemp -d "$work/run.XXXXXX")
  job=$(sbatch --parsable -o "$work/%j.out" -N 2 --ntasks-per-node=2 scripts/gradus.sbatch "$run" "$run" "$@")
  for ((i = 0; i < 240; ++i)); do
    if [ -e "$run/waiting" ] && [ ! -e "$run/signalled" ]; then
      touch "$run/signalled"
      scancel --batch --signal=USR1 "$job"
    fi
    got=$(squeue -h -t all -j "$job" -o %T)
    case $got in COMPLETED | FAILED | CANCELLED | TIMEOUT) break ;; esac
    sleep 0.5
  done
  if [ "$got" = "$state" ] && [ "$(cat "$run/launches")" = "$launches" ]; then
    echo "ok: $name"
  else
    echo "FAILED: $name: $got, wanted $state; launches $(cat "$run/launches"), wanted $launches"
    tail -n 30 "$work/$job.out"
    failed=1
  fi
}

expect "a job that is done is completed" COMPLETED 1 0
expect "a lost coordinator is started again in the same job" COMPLETED 3 die 76 0
expect "bad input fails the job at once" FAILED 1 2
expect "a job stopped by a signal is requeued and continues" COMPLETED 2 wait 0
exit $failed
