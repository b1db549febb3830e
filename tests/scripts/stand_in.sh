#!/bin/bash
# Stands in for gradus under the launch scripts: stand_in.sh FOLDER PLAN... does on its Nth launch what the Nth word says
# (the last word holds on): an exit code, "die" (rank 0 is killed) or "wait" (until USR1, then 85).
[ "$1" != run ] || shift
folder=$1
shift
rank=${OMPI_COMM_WORLD_RANK:-${SLURM_PROCID:-0}}
if [ "$rank" != 0 ]; then exit 0; fi
launch=$(cat "$folder/launches" 2> /dev/null || echo 0)
echo $((launch + 1)) > "$folder/launches"
plan=("$@")
word=${plan[$((launch < $# ? launch : $# - 1))]}
[ "$word" != work ] || { mkdir -p "$folder/rounds"; echo "$launch" > "$folder/rounds/$launch"; word=76; }
case $word in
  die) kill -KILL $$ ;;
  wait)
    trap 'echo 85 > "$GRADUS_EXIT_FILE"; exit 85' USR1
    touch "$folder/waiting"
    while :; do read -rt 1 <> <(:) || :; done ;;
  *) echo "$word" > "$GRADUS_EXIT_FILE"; exit "$word" ;;
esac
