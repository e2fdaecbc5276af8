#!/usr/bin/env bash
# Pillow 13.0.0: Image.resize gives other grey levels than Pillow 12 where the height shrinks by more than the width.
#
# Up to 12, resize changed the width first and the height second, and rounded to whole grey levels in between. 13.0.0
# changes the height first where that is less work, as for pictures that are more than about twice as high as wide, and
# rounds in between too: the result differs. Seen: a picture of 264 x 549 pixels of noise resized to 242 x 503 (bicubic)
# differs on 31 % of its values between 12.1.1 and 13.0.0, by up to 21; one of 320 x 240 resized to 341 x 256 does not.
# Networks whose numbers were published with Pillow up to 12, such as timm's and TSM's, see slightly other pictures of
# upright videos. Two calls, one for each side, give the same bytes in both versions.
#
# Needs python3 with venv. Exits 0 while this is so, 1 once it has changed, 2 if it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >resize.py <<'PY'
import sys
import numpy as np
from PIL import Image

def noise(width, height):
    return Image.fromarray(np.random.RandomState(0).randint(0, 256, (height, width, 3)).astype(np.uint8))

wide, tall = noise(320, 240), noise(264, 549)
filter = Image.Resampling.BICUBIC
np.savez(
    sys.argv[1],
    wide=np.asarray(wide.resize((341, 256), filter)),
    tall=np.asarray(tall.resize((242, 503), filter)),
    in_two_calls=np.asarray(tall.resize((242, 549), filter).resize((242, 503), filter)),
)
PY
for version in 12.1.1 13.0.0; do
    python3 -m venv "venv-$version"
    "venv-$version/bin/pip" install --quiet "pillow==$version" numpy==2.4.6 || exit 2
    "venv-$version/bin/python" resize.py "$version.npz"
done
venv-13.0.0/bin/python - <<'PY'
import sys
import numpy as np

old, new = np.load("12.1.1.npz"), np.load("13.0.0.npz")
differ = {name: float((old[name] != new[name]).mean()) for name in old.files}
for name, share in differ.items():
    worst = int(np.abs(old[name].astype(int) - new[name]).max())
    print(f"{name}: {100 * share:.1f} % of the values differ, by up to {worst} grey levels")
as_before = differ["wide"] == 0 and differ["in_two_calls"] == 0 and differ["tall"] > 0
sys.exit(0 if as_before else "not as before")
PY
