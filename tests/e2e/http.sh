#!/bin/sh
# One part of the system tests: those of HTTP and TLS. See part_of() in conftest.py.
exec sh "$(dirname "$0")/run.sh" --part http "$@"
