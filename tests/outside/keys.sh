#!/usr/bin/env bash
# SIGKILL at random moments, 25 times (KILLS), while 16 clients post under an idempotency key each and
# repeat what got no answer. Expected (P5, row A71): one event a key, the same id in every answer, before and
# after a restart, whether the first try was durable or lost; another body under the key is refused.
# Needs: nothing but a Rust toolchain. Takes less than a minute.
source "$(dirname "$0")/common.sh"
build
outside 60 keys --kills "${KILLS:-25}"
