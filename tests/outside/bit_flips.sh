#!/usr/bin/env bash
# A closed file that is damaged in 2,000 ways (COUNT): bits flipped, cut short, pages zeroed, pages
# swapped. Expected (F6): it is refused in one plain line and the check finds it, or everything in it
# is as it was; never other bytes, never a panic.
# Needs: nothing but a Rust toolchain.
source "$(dirname "$0")/common.sh"
build
outside 180 flips --count "${COUNT:-2000}"
