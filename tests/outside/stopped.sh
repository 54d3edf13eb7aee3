#!/usr/bin/env bash
# SIGSTOP for 15 s and SIGCONT, while receivers fail and are silent. Expected (F11): what fell due meanwhile
# does not come at once, and nothing is lost.
# Needs: python3.
source "$(dirname "$0")/common.sh"
needs python3
build
drill 240 faults stopped
