#!/usr/bin/env bash
# Syncs and writes that fail with EIO, from a random one on. Expected (F3): it acknowledges nothing
# more, says one plain line and ends with 1; the restart recovers all that was acknowledged.
# Needs: strace, and the right to trace.
source "$(dirname "$0")/common.sh"
needs strace
strace -D -f -qq -o "$work/probe" -e trace=fsync -e inject=fsync:error=EIO true 2>"$work/why" ||
  left_out "strace may not trace here: $(head -n 1 "$work/why")"
build
outside 180 eio
