#!/usr/bin/env bash
# SIGTERM under load, five times. Expected (P16): it ends within 30 s with 0, nothing is lost and
# nothing sent twice; the next start delivers the rest.
# Needs: nothing but a Rust toolchain.
source "$(dirname "$0")/common.sh"
build
outside 120 sigterm
