#!/usr/bin/env bash
# A server in a memory cgroup, under large events for silent receivers and beside 500 whose answers never end. Expected
# (F9): with 256 MiB it lives; with 128 it is ended at most, and the next start delivers all that was acknowledged.
# Needs: python3, root and a memory cgroup that it may make. Takes a minute; runs where it is named.
source "$(dirname "$0")/common.sh"
needs python3
needs_root

# Makes a group of so many bytes; says where it is.
grouped() {
  local parent group
  for parent in /sys/fs/cgroup/memory /sys/fs/cgroup; do
    group=$parent/fanfare-$$-$1
    mkdir "$group" 2>/dev/null || continue
    # What is moved to the disk is needed, too: of version 1 a second limit counts both.
    if echo "$1" 2>/dev/null >"$group/memory.limit_in_bytes"; then
      echo "$1" 2>/dev/null >"$group/memory.memsw.limit_in_bytes" || true
      echo "$group"
      return
    elif echo "$1" 2>/dev/null >"$group/memory.max"; then
      echo 0 2>/dev/null >"$group/memory.swap.max" || true
      echo "$group"
      return
    fi
    rmdir "$group"
  done
}

build
for try in 256:lives 128:may-end; do
  group=$(grouped $((${try%:*} * 1024 * 1024)))
  [ -n "$group" ] || left_out "no memory cgroup can be made here"
  code=0
  drill 300 faults memory_group "$group" "${try#*:}" || code=$?
  # Its files in memory are let go once no process is in it.
  rmdir "$group" || true
  [ "$code" -eq 0 ] || exit "$code"
  rm -rf "$work/run"
done
