#!/bin/bash
# Keeps a run going: starts it again after a lost coordinator, a lost trainer group or a crash, until it is done, stopped
# on request, wrongly configured, or has died several times without getting any further.
#   scripts/relaunch.sh RUN_FOLDER RANKS run CONFIG [key=value...]
# RUN_FOLDER is the run's directory (run.folder/run.name of the configuration); its files tell progress.
#   GRADUS_RELAUNCHES=5   launches without progress after which to give up
# Exit codes are those of `gradus run`; the launcher's options are those of scripts/mpirun.sh.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: scripts/relaunch.sh RUN_FOLDER RANKS gradus-arguments..." >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/forward.bash
. "$here/forward.bash"
run=$1
shift
limit=${GRADUS_RELAUNCHES:-5}

# Published files, and the ledger in steps that the records of a mere start do not reach.
progress() {
  {
    find "$run/CURRENT" "$run/rounds" -type f ! -name '*.tmp*' -printf '%p %s\n' 2> /dev/null || true
    find "$run/ledger" -type f -printf '%s\n' 2> /dev/null | awk '{ n += $1 } END { print int(n / 16384) }' || true
  } | sort | cksum
}

say() { printf '%(%T)T relaunch: %s\n' -1 "$*" >&2; }

stuck=0
while :; do
  before=$(progress)
  forward "$here/mpirun.sh" "$@"
  case $code in
    0 | 2 | 85) exit "$code" ;;
  esac
  [ "$asked" = 0 ] || exit "$code"
  if [ "$(progress)" = "$before" ]; then stuck=$((stuck + 1)); else stuck=0; fi
  if [ "$stuck" -ge "$limit" ]; then
    say "exit $code, and no progress in $limit launches: giving up"
    exit "$code"
  fi
  say "exit $code: starting again ($stuck launches without progress)"
  # A machine that fails at once should not be hammered.
  [ "$stuck" = 0 ] || sleep "$stuck"
done
