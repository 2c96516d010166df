#!/bin/sh
# Replays the scenarios that once failed, then as many seeds as are quick; sanitizers take ten times as long.
seeds=10000
[ -n "${AEGISLB_SANITIZED:-}" ] && seeds=1000
exec ./tests/sim/sim --check "${srcdir:-.}/tests/sim/scenarios" "${SIM_SEEDS:-$seeds}"
