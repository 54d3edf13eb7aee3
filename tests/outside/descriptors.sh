#!/usr/bin/env bash
# 200 clients and 20 receivers on a server that may have 64 files open. Expected (F8): it waits where it has
# none left, goes on, loses nothing that was acknowledged, and serves as ever once the clients are gone.
# Needs: python3 and prlimit. Takes up to five minutes; runs where it is named: connections to receivers are kept for a
# minute, and clients wait for them.
source "$(dirname "$0")/common.sh"
needs python3 prlimit
build
drill 420 faults descriptors
