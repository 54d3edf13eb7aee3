#!/usr/bin/env bash
# Each sync takes half a second more for a while, under more events than that lets in. Expected (F7): answers
# are late, resends and then events are shed with Retry-After, nothing is lost, and then all is as before.
# Needs: python3, a C compiler and a dynamically linked binary.
source "$(dirname "$0")/common.sh"
needs python3 cc
build
cc -shared -fPIC -O2 -o "$work/slow_sync.so" "$repository/tests/outside/slow_sync.c" -ldl
drill 240 faults slow_disk "$work/slow_sync.so"
