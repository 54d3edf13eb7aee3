#!/usr/bin/env bash
# 200 clients and 20 receivers on a server that may have 64 files open. Expected (F8): files are shared out, so clients
# wait for a place and none is closed on or refused, and each delivery is made at the first attempt.
# Needs: python3 and prlimit.
source "$(dirname "$0")/common.sh"
needs python3 prlimit
build
drill 240 faults descriptors
