#!/usr/bin/env bash
# A disk of 64 MiB that is filled from outside, below the reserve and to the last byte, and freed
# again. Expected (F4): 507 with Retry-After, deliveries go on as far as they can, service comes back
# without a restart, nothing is lost.
# Needs: root, to mount a tmpfs.
source "$(dirname "$0")/common.sh"
needs_root
needs mount umount
mkdir "$work/disk"
mount -t tmpfs -o size=64m tmpfs "$work/disk" 2>"$work/why" ||
  left_out "no tmpfs can be mounted here: $(head -n 1 "$work/why")"
mounted=$work/disk
build
outside 180 full --disk "$work/disk"
