#!/usr/bin/env bash
# A hundred clients send large events as fast as they are answered, for a minute. Expected (P19): resends are shed
# before events, both with Retry-After, memory is bounded, and all that was acknowledged is delivered.
# Needs: python3. Takes two minutes; runs where it is named.
source "$(dirname "$0")/common.sh"
needs python3
build
drill 400 overload overload
