#!/usr/bin/env bash
# One tenant has a hundred thousand events that wait, another one ten now and then. Expected (P20): the ten do not
# wait for the others, and all are delivered.
# Needs: python3. Takes some minutes; runs where it is named.
source "$(dirname "$0")/common.sh"
needs python3
build
drill 600 overload neighbours
