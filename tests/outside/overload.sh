#!/usr/bin/env bash
# Two hundred clients send large events as fast as they are answered, for LASTS_S (60) seconds. With SLOW=1 each sync of the
# disk takes half a second more, so that long runs need less of it. Expected (P19): resends and recoveries are shed
# before events or with them, all with Retry-After, memory is bounded, and all that was acknowledged is delivered.
# Needs: python3; with SLOW=1 a C compiler and a dynamically linked binary. Takes two minutes; runs where it is named.
source "$(dirname "$0")/common.sh"
needs python3
library=
if [ -n "${SLOW:-}" ]; then
  needs cc
  library=$work/slow_sync.so
  cc -shared -fPIC -O2 -o "$library" "$repository/tests/outside/slow_sync.c" -ldl
fi
build
lasts=${LASTS_S:-60}
drill $((lasts + 400)) overload overload "$lasts" "$library"
