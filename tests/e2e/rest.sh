#!/bin/sh
# One part of the system tests: all others. See part_of() in conftest.py.
exec sh "$(dirname "$0")/run.sh" --part rest "$@"
