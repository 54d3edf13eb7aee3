#!/usr/bin/env bash
# SIGKILL at random moments, 50 times (KILLS), under load, restarted on the same data folder.
# Expected (F1): nothing acknowledged is lost, nothing is half there, requests beyond the recorded
# attempts only right before a kill, the lists agree, the file is whole.
# Needs: nothing but a Rust toolchain. Never left out.
source "$(dirname "$0")/common.sh"
build
outside 240 sigkill --kills "${KILLS:-50}"
