#!/usr/bin/env bash
# Four of five receivers, each on a host of its own, are down for DOWN_S (20) seconds, some refusing, some
# silent, some failing, under steady load, and come back at once. HOSTS (200) says how many there are.
# Expected (F19): all that was acknowledged is delivered, goodput is back at 80 % of before, no host that comes back
# gets more than twice its usual rate, and those that stayed well do not wait.
# Needs: python3, and four open files for each host.
source "$(dirname "$0")/common.sh"
needs python3
hosts=${HOSTS:-200}
[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge $((hosts * 4 + 200)) ] ||
  left_out "a process may have only $(ulimit -Hn) files open here"
build
timeout --kill-after=10 600 python3 "$repository/tests/outside/outage.py" "$FANFARE" "$work/run" "$hosts" "${DOWN_S:-20}"
