#!/bin/sh
# Runs libFuzzer targets one after the other, each for FUZZ_SECONDS, from the kept corpus; new inputs and crashes go
# to ./fuzz-NAME in the build tree. Used by `make fuzz`.
# usage: run.sh CORPUS TARGET…
set -eu
corpus=$1
shift
for target in "$@"; do
	name=$(basename "$target" | sed 's/^fuzz_//')
	found="fuzz-$name"
	mkdir -p "$found"
	echo "== $name: ${FUZZ_SECONDS:-60} s"
	"./$target" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=1024 \
		-artifact_prefix="$found/" -print_final_stats=1 "$found" "$corpus/$name" 2>&1 |
		tee "$found.log" | tail -12
	# the pipe hides the fuzzer's exit status; its artifacts do not
	for artifact in "$found"/crash-* "$found"/oom-* "$found"/timeout-* "$found"/leak-*; do
		[ ! -e "$artifact" ] || { echo "$name: found $artifact"; exit 1; }
	done
done
