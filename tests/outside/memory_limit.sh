#!/usr/bin/env bash
# A server that may have only 48 MiB more than it begins with, under large events for silent receivers.
# Expected (F9): it stays within or is ended; the next start delivers all that was acknowledged.
# Needs: python3 and prlimit.
source "$(dirname "$0")/common.sh"
needs python3 prlimit
build
drill 300 faults memory_limit
