#!/usr/bin/env bash
# SIGKILL while attempts are in flight and retries wait. Expected: after the restart what was broken
# off goes out at once, a scheduled retry at its time.
# Needs: nothing but a Rust toolchain.
source "$(dirname "$0")/common.sh"
build
outside 120 schedule
