#!/usr/bin/env bash
# SIGTERM while 500 receivers hold an attempt each and never answer. Expected (F22): it ends within 35 s with 0,
# and the next start delivers all of them.
# Needs: python3, and 2,500 open files.
source "$(dirname "$0")/common.sh"
needs python3
[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 2500 ] ||
  left_out "a process may have only $(ulimit -Hn) files open here"
build
drill 240 faults stuck
