#!/bin/sh
# Everything a tool can say about the sources without running them. Names each step, ends 0 only if all are silent.
# CPPFLAGS may add include paths. A tool that is not installed is a failure: see contrib/packages.
set -u
cd "$(dirname "$0")/.." || exit 2

bad=''
flags="-std=gnu17 -Ilib -Isrc -DTOP_SRCDIR=\"\" ${CPPFLAGS:-}"
sources=$(find lib src tests -name '*.c' | sort)
code=$(find lib src tests -name '*.[ch]' | sort)
manuals=$(find doc/man -name '*.[1-8]' | sort)
scripts='contrib/packages contrib/check contrib/quickstart contrib/lab/lab tests/layering.sh tests/lint.sh tests/fuzz/run.sh tests/e2e/run.sh tests/e2e/cluster.sh tests/e2e/http.sh tests/e2e/rest.sh tests/sim/sim.sh .ci/run'

# step NAME COMMAND…
step() {
	name=$1
	shift
	echo "lint: $name"
	"$@" || bad="$bad $name"
}

# one file a call: with more, clang-tidy 14 takes every va_list of the second for uninitialized
tidy() {
	# shellcheck disable=SC2016,SC2086 # expanded by the inner shell; flags is a list
	printf '%s\n' $sources | xargs -P "$(nproc)" -n 1 sh -c 'clang-tidy --quiet "$1" -- '"$flags"' 2>/dev/null' tidy
}

check_cpp() {
	# shellcheck disable=SC2086
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability \
		--suppress=missingIncludeSystem -Ilib -Isrc lib src
}

manual() {
	findings=$(for page in $manuals; do mandoc -T lint -W warning "$page"; done)
	[ -z "$findings" ] || { echo "$findings"; return 1; }
}

# shellcheck disable=SC2086 # lists of files
{
	step clang-format clang-format --dry-run -Werror $code
	step clang-tidy tidy
	step cppcheck check_cpp
	step shellcheck shellcheck $scripts
	step mandoc manual
	step layering sh tests/layering.sh
}

[ -z "$bad" ] || { echo "lint: findings by:$bad"; exit 1; }
echo 'lint: nothing found'
