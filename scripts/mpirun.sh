#!/bin/bash
# Runs gradus on N ranks with the flags its fault tolerance needs, and ends with rank 0's exit code.
#   scripts/mpirun.sh N run configs/quickstart.yaml
# Ctrl-C, TERM or USR1 stop the run with its state saved (exit 85); a second one ends it at once.
#   GRADUS=FILE           another program (default build/gradus)
#   GRADUS_LAUNCHER=srun  start by srun inside a Slurm allocation (default mpirun)
#   GRADUS_EXIT_GRACE=30  seconds after rank 0's end in which the launcher has to return
#   GRADUS_MPI_FLAGS=...  more flags for the launcher, e.g. "--hostfile hosts"
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: scripts/mpirun.sh RANKS gradus-arguments..." >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/forward.bash
. "$here/forward.bash"
ranks=$1
shift
gradus=${GRADUS:-$here/../build/gradus}
[ -x "$gradus" ] || { echo "$gradus is missing; run scripts/build.sh" >&2; exit 2; }

# The transports for which surviving a dead rank holds; the heavy data of GPU training goes through NCCL.
export OMPI_MCA_pml=ob1 OMPI_MCA_btl=${OMPI_MCA_btl:-self,vader,tcp}
case "${GRADUS_LAUNCHER:-mpirun}" in
  mpirun)
    # Open MPI refuses to start as root unless told twice.
    [ "$(id -u)" != 0 ] || export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    # --enable-recovery: the job outlives a dead rank. Idle ranks yield: there may be more ranks than cores.
    launch=(mpirun -n "$ranks" --oversubscribe --bind-to none --enable-recovery --mca pml ob1
            --mca btl "$OMPI_MCA_btl" --mca mpi_yield_when_idle 1 -x GRADUS_EXIT_FILE)
    exit_folder=${TMPDIR:-/tmp}
    ;;
  srun)
    # Slurm rejects the variable that belongs to this option.
    unset SLURM_NO_KILL
    launch=(srun --mpi=pmix -n "$ranks" --no-kill --kill-on-bad-exit=0 --wait=0)
    exit_folder=$PWD # Rank 0 may be on another node: a shared folder.
    ;;
  *) echo "GRADUS_LAUNCHER=$GRADUS_LAUNCHER is neither mpirun nor srun" >&2; exit 2 ;;
esac

# With recovery on, a launcher's own exit status does not tell how the run ended: mpirun's is always 0, srun's that of
# any dead rank. So rank 0 leaves its exit code in this file; a rank 0 that was killed leaves none.
GRADUS_EXIT_FILE=$(mktemp "$exit_folder/.gradus-exit.XXXXXX")
export GRADUS_EXIT_FILE
watcher=
trap 'rm -f "$GRADUS_EXIT_FILE"; [ -z "$watcher" ] || kill "$watcher" 2> /dev/null || true' EXIT

# A launcher that has lost ranks may not notice that all have left: it is ended some time after rank 0 said it was done.
watch() { # LAUNCHER_PID
  local nap=
  trap 'kill "$nap" 2> /dev/null; exit' TERM
  rest() { sleep "$1" & nap=$!; wait "$nap"; }
  until [ -s "$GRADUS_EXIT_FILE" ]; do rest 1; done
  rest "${GRADUS_EXIT_GRACE:-30}"
  kill -TERM "$1"
  rest 10
  kill -KILL "$1"
}
started() {
  watch "$1" > /dev/null 2>&1 &
  watcher=$!
}
# shellcheck disable=SC2086  # The extra flags are several words.
forward "${launch[@]}" ${GRADUS_MPI_FLAGS:-} "$gradus" "$@"
if [ -s "$GRADUS_EXIT_FILE" ]; then
  code=$(< "$GRADUS_EXIT_FILE")
elif [ "$code" = 0 ]; then
  code=75
fi
exit "$code"
