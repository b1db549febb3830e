# Sourced. forward COMMAND...: runs a command; signals that ask this shell to end ask it to stop with its state saved.
# shellcheck disable=SC2034  # The variables it sets are read where it is sourced.
# Sets `code` (its exit status) and `asked` (how often it was asked). The first INT, TERM, HUP or USR1 becomes USR1;
# later ones become TERM. The command gets its own session, so that Ctrl-C of the terminal reaches it only from here.
# A function `started` is told the command's process id, if there is one.
# Handlers only assign and kill: command substitution in a handler has crashed bash when two signals met.
asked=0
ask_to_stop() {
  asked=$((asked + 1))
  if [ "$asked" = 1 ]; then kill -USR1 "$child"; else kill -TERM "$child"; fi 2> /dev/null || true
}

forward() {
  code=0
  setsid "$@" &
  child=$!
  if declare -F started > /dev/null; then started "$child"; fi
  trap ask_to_stop INT TERM HUP USR1
  wait "$child" || code=$?
  while kill -0 "$child" 2> /dev/null; do # A signal ended the wait, not the command.
    code=0
    wait "$child" || code=$?
  done
  trap - INT TERM HUP USR1
}
