#!/usr/bin/env bash
# h5py 3.16.0 with HDF5 2.0.0: locking="best-effort" ignores a file system without locks only where it says ENOSYS.
#
# Seen: where flock() fails with ENOSYS (38, Lustre mounted without -o flock), "best-effort" opens the file. Where it
# fails with ENOLCK (37, NFS without a lock manager) or EOPNOTSUPP (95, some FUSE file systems), "best-effort" refuses
# the file just as locking=True does, for reading too. h5py's default is "best-effort" as well. Only locking=False
# opens the file everywhere.
# Expected by its name, and by HDF5's "ignore when disabled": the three errors all say that there are no locks.
#
# Needs python3 with venv, gcc and Linux. Exits 0 while this is so, 1 once it has changed, 2 if it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
command -v gcc >/dev/null || { echo "gcc is missing"; exit 2; }
python3 -m venv venv && venv/bin/pip install --quiet h5py==3.16.0 numpy==2.4.6 || exit 2

cat >flock.c <<'C'
#include <errno.h>
#include <stdlib.h>
int flock(int file, int operation) { errno = atoi(getenv("FLOCK_ERRNO")); return -1; }
C
gcc -shared -fPIC -o flock.so flock.c

cat >open.py <<'PY'
import errno, os, h5py

tried = []
for locking in ("best-effort", None, False):
    outcome = []
    for mode in "wr":
        try:
            h5py.File("file.h5", mode, locking=locking).close()
            outcome.append("opens")
        except OSError as error:
            outcome.append(errno.errorcode.get(error.errno, str(error)))
    tried.append(f"{locking}: {' and '.join(outcome)}")
print("; ".join(tried))
PY

status=0
for number in 38 37 95; do
    # A file that can be opened must be there: it is made without the failing flock.
    venv/bin/python -c 'import h5py; h5py.File("file.h5", "w", locking=False).close()'
    got=$(FLOCK_ERRNO=$number LD_PRELOAD=$PWD/flock.so venv/bin/python open.py)
    case $number in
        38) expected="best-effort: opens and opens; None: opens and opens; False: opens and opens" ;;
        37) expected="best-effort: ENOLCK and ENOLCK; None: ENOLCK and ENOLCK; False: opens and opens" ;;
        95) expected="best-effort: ENOTSUP and ENOTSUP; None: ENOTSUP and ENOTSUP; False: opens and opens" ;;
    esac
    echo "flock fails with errno $number: $got"
    [ "${got//EOPNOTSUPP/ENOTSUP}" = "$expected" ] || { echo "  not as before: $expected"; status=1; }
done
exit $status
