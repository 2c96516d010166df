#!/bin/sh
# Runs the system tests as TAP; `run.sh --long` runs the long ones too, other arguments go to pytest.
# To see one test alone, as pytest shows it: AEGISLB=…/aegislb AEGISCTL=…/aegisctl pytest tests/e2e -k NAME
here=$(cd "$(dirname "$0")" && pwd) || exit 99
if [ "${AEGISLB_E2E-yes}" = no ]; then
	echo '1..0 # SKIP by AEGISLB_E2E=no'
	exit 0
fi
# Namespaces take a root: the real one, or that of a user namespace, which can do all but change users.
if [ "$(id -u)" -ne 0 ]; then
	unshare --user --map-root-user true 2>/dev/null && as_root='unshare --user --map-root-user'
fi
if ! ${as_root-} unshare --net true 2>/dev/null; then
	echo '1..0 # SKIP network namespaces cannot be made here'
	exit 0
fi
exec ${as_root-} "${PYTHON3:-/usr/bin/python3}" -B -m pytest -p no:cacheprovider --rootdir "$here" --tap "$here" "$@"
