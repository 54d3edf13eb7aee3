#!/usr/bin/env bash
# The name server is silent for 15 s. Expected (F12): what goes to addresses does not wait, no threads pile up,
# and once it answers everything is delivered.
# Needs: python3.
source "$(dirname "$0")/common.sh"
needs python3
build
drill 180 faults names
