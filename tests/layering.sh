#!/bin/sh
# The layers of doc/architecture.md, enforced: who may include whom, and that each header compiles alone.
# Speaks TAP. Needs nothing but a compiler; `CC` and `CPPFLAGS` are taken from the environment.
set -u
cd "${srcdir:-$(dirname "$0")/..}" || exit 99

pure='sni proxyproto hostmatch http balance health prefixset ratelimit wheel ring expo gossip'
count=0
failed=0

# result NAME TEXT: one TAP line; TEXT, if any, says what is wrong
result() {
	count=$((count + 1))
	if [ -z "$2" ]; then
		echo "ok $count - $1"
	else
		failed=$((failed + 1))
		echo "not ok $count - $1"
		printf '%s\n' "$2" | sed 's/^/# /'
	fi
}

# own FOLDER…: every line `FILE:LINE:#include "X"` in these folders, as `FILE LINE X`; what configure found is nobody's
own() {
	find "$@" -name '*.[ch]' -exec grep -Hn '^#[[:space:]]*include[[:space:]]*"' {} + 2>/dev/null |
		sed 's/^\([^:]*\):\([0-9]*\):[^"]*"\([^"]*\)".*/\1 \2 \3/' | grep -v ' config-build.h$'
}

# outside FOLDER…: the same for <X>
outside() {
	find "$@" -name '*.[ch]' -exec grep -Hn '^#[[:space:]]*include[[:space:]]*<' {} + 2>/dev/null |
		sed 's/^\([^:]*\):\([0-9]*\):[^<]*<\([^>]*\)>.*/\1 \2 \3/'
}

# lib/: a folder sees itself and lib/base
for folder in lib/*/; do
	name=$(basename "$folder")
	result "lib/$name includes only lib/base and itself" \
		"$(own "$folder" | awk -v me="$name/" 'index($3, "base/") != 1 && index($3, me) != 1')"
done

# pure folders ask the system for nothing: time, sockets, threads and randomness come in as arguments
# (arpa/inet.h is no way to it: it only turns addresses into text and back)
system='^(sys/(socket|epoll|eventfd|time|un|uio|random)\.h|netinet/|netdb\.h|pthread\.h|threads\.h|unistd\.h'
system="$system"'|fcntl\.h|poll\.h|syslog\.h|event2/|openssl/|libconfig\.h|sodium\.h|jansson\.h)'
for name in $pure; do
	[ -d "lib/$name" ] || continue
	result "lib/$name is pure" "$(outside "lib/$name" | awk -v bad="$system" '$3 ~ bad')"
done

# src/: the two halves do not know each other, and what lies between them knows neither
halves() { awk -v bad="$1" 'index($3, bad) == 1'; }
result 'src/data does not include src/control' "$(own src/data | halves control/)"
result 'src/control does not include src/data' "$(own src/control | halves data/)"
result 'src/config includes lib, itself and what a configuration is made of' "$(
	own src/config | awk '$3 !~ /\// && $3 !~ /^(certs|users)\.h$/ || $3 ~ /^(data|control|ctl)\//'
)"
result 'src/ctl knows lib/base and itself only' "$(own src/ctl | awk '$3 !~ /^(base|ctl)\//')"
result 'between the halves nothing includes either' "$(
	own src | awk '$1 !~ /^src\/(data|control|ctl)\// && $1 !~ /^src\/(daemon|main)\.c$/ && $3 ~ /^(data|control)\//'
)"
result 'lib does not include src' "$(
	own lib | while read -r file line name; do
		[ -f "lib/$name" ] || echo "$file $line $name"
	done
)"
result 'every include is written from the root of lib or src' "$(
	own lib src | while read -r file line name; do
		[ -f "lib/$name" ] || [ -f "src/$name" ] || echo "$file $line $name"
	done
)"
result 'nothing is a drawer for odds and ends' "$(
	find lib src tests -name '*.[ch]' | grep -E '/(utils?|common|helpers?|misc)\.[ch]$'
)"

# a header is a contract, and stands alone
if ${CC:-cc} --version >/dev/null 2>&1; then
	alone=$(
		find lib src -name '*.h' | sort | while read -r header; do
			# shellcheck disable=SC2086 # CPPFLAGS is a list
			${CC:-cc} ${CPPFLAGS:-} -std=gnu17 -Ilib -Isrc -fsyntax-only -Wall -Wextra -x c - 2>&1 <<-END
				#include "${header#*/}"
			END
		done
	)
	result 'each header compiles alone' "$alone"
else
	count=$((count + 1))
	echo "ok $count - each header compiles alone # SKIP no compiler"
fi

echo "1..$count"
[ "$failed" -eq 0 ]
