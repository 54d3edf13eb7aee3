#!/usr/bin/env bash
# 4,000 connections from 16 addresses drip heads. Expected (A10, A12): ordinary requests' p99 is at most
# twice that without them, three rounds in turn, and each slow connection is closed in its time.
# Needs: python3, and 10,000 open files.
source "$(dirname "$0")/common.sh"
needs python3
[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 10000 ] ||
  left_out "a process may have only $(ulimit -Hn) files open here"
ulimit -n "$(ulimit -Hn)"
build
key=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
FANFARE_ADMIN_KEY=$key FANFARE_LOG_FORMAT=json "$FANFARE" serve --listen 127.0.0.1:0 \
  --data-dir "$work/data" 2>"$work/messages" &
server=$!
trap 'kill "$server" 2>/dev/null || true; tidy_up' EXIT
for _ in $(seq 100); do
  port=$(sed -n 's/.*"url":"http:\/\/127.0.0.1:\([0-9]*\)".*/\1/p' "$work/messages")
  [ -n "$port" ] && break
  sleep 0.1
done
timeout --kill-after=10 300 python3 "$repository/tests/outside/slow_clients.py" 127.0.0.1 "$port" "$key"
kill "$server"
wait "$server"
