#!/usr/bin/env bash
# The published client libraries drive a real server: see ../clients/run.
# Needs: python3, node and npm with their registries.
exec "$(dirname "$0")/../clients/run"
