#!/bin/bash
# scripts/mpirun.sh and scripts/relaunch.sh under the real mpirun, with a stand-in for gradus.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export GRADUS=$PWD/tests/scripts/stand_in.sh GRADUS_RELAUNCHES=3
work=$(mktemp -d)
export TMPDIR=$work
trap 'rm -rf "$work"' EXIT
failed=0

launches() { cat "$run/launches" 2> /dev/null || echo 0; }

# expect NAME CODE LAUNCHES COMMAND...: the command's exit code and how often the program was started.
expect() {
  local name=$1 code=$2 launches=$3 got=0
  shift 3
  timeout 60 "$@" > "$work/log" 2>&1 || got=$?
  if [ "$got" = "$code" ] && [ "$(launches)" = "$launches" ]; then
    echo "ok: $name"
  else
    echo "FAILED: $name: exit $got, wanted $code; launches $(launches), wanted $launches"
    tail -n 20 "$work/log"
    failed=1
  fi
}
fresh() { run=$(mktemp -d "$work/run.XXXXXX"); }

fresh; expect "rank 0's exit code is the launch's" 85 1 scripts/mpirun.sh 2 "$run" 85
fresh; expect "bad input is told" 2 1 scripts/mpirun.sh 2 "$run" 2
fresh; expect "a killed coordinator is told" 75 1 scripts/mpirun.sh 2 "$run" die
fresh; expect "done ends the loop" 0 1 scripts/relaunch.sh "$run" 2 "$run" 0
fresh; expect "bad input is not tried again" 2 1 scripts/relaunch.sh "$run" 2 "$run" 2
fresh; expect "a stop on request is not tried again" 85 1 scripts/relaunch.sh "$run" 2 "$run" 85
fresh; expect "lost coordinator and trainers are started again" 0 3 scripts/relaunch.sh "$run" 2 "$run" die 76 0
fresh; expect "launches without progress come to an end" 75 3 scripts/relaunch.sh "$run" 2 "$run" die
fresh; expect "progress renews the patience" 0 7 scripts/relaunch.sh "$run" 2 "$run" 76 76 work 76 work 76 0

# stop_when_waiting SIGNAL: sends it to the loop as soon as the program runs.
stop_when_waiting() {
  scripts/relaunch.sh "$run" 2 "$run" wait &
  local loop=$! i
  for ((i = 0; i < 300; ++i)); do
    [ ! -e "$run/waiting" ] || break
    read -rt 0.1 <> <(:) || :
  done
  kill -"$1" "$loop"
  wait "$loop"
}
export -f stop_when_waiting
for signal in USR1 TERM HUP; do
  fresh
  export run
  expect "$signal stops the run with its state saved" 85 1 bash -c "stop_when_waiting $signal"
done
if compgen -G "$work/.gradus-exit.*"; then echo "FAILED: exit files are left over"; failed=1; fi
exit $failed
