#!/bin/sh
# One part of the system tests: those of a cluster. See part_of() in conftest.py.
exec sh "$(dirname "$0")/run.sh" --part cluster "$@"
