#!/usr/bin/env bash
# How much more memory than an idle server 500 receivers need whose bodies never end: one event to all
# of them at once, then twenty in a row. Fails if the first is over 28 MiB or the second over 160, of which
# 64 are the store's cache. Needs python3. Takes half a minute.
. "$(dirname "$0")/common.sh"
needs python3
[ -w /proc/self/clear_refs ] || left_out "this system does not tell the peak of a process's memory"
cd "$repository"
if [ -z "${FANFARE:-}" ]; then
  cargo build --locked --quiet --release
  FANFARE=$target/release/fanfare
fi
timeout --kill-after=10 300 python3 "$repository/tests/outside/memory.py" "$FANFARE" "$work/run"
