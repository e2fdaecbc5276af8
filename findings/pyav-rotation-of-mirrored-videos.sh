#!/usr/bin/env bash
# PyAV 18.1.0: VideoFrame.rotation is the same number for a turned picture and for a mirrored one.
#
# An MP4's track header holds a matrix that says how the picture is to be shown. Front cameras write one that mirrors.
# Seen: mirrored left to right, `rotation` is -180, as for a picture that is upside down; mirrored top to bottom, it is 0,
# as for an upright one; of the eight matrices of quarter turns and mirrors, four pairs have one number each. Whoever
# turns a frame by `rotation` shows mirrored videos upside down. The matrix itself is in `frame.side_data`.
#
# Needs python3 with venv. Exits 0 while this is so, 1 once it has changed, 2 if it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv && venv/bin/pip install --quiet av==18.1.0 numpy==2.4.6 || exit 2

cat >rotation.py <<'PY'
import struct, sys
import av, numpy as np

with av.open("plain.mp4", "w") as container:
    stream = container.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
    container.mux(stream.encode(None))
plain = open("plain.mp4", "rb").read()
at = plain.index(b"tkhd") + 44  # the nine numbers of the matrix, ISO 14496-12

MATRICES = {  # a, b, c, d of x' = a x + c y, y' = b x + d y
    "upright": (1, 0, 0, 1), "mirrored top to bottom": (1, 0, 0, -1),
    "upside down": (-1, 0, 0, -1), "mirrored left to right": (-1, 0, 0, 1),
    "a quarter turn": (0, 1, -1, 0), "a quarter turn, mirrored": (0, 1, 1, 0),
    "three quarter turns": (0, -1, 1, 0), "three quarter turns, mirrored": (0, -1, -1, 0),
}
found = {}
for name, (a, b, c, d) in MATRICES.items():
    matrix = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    with open("shown.mp4", "wb") as file:
        file.write(plain[:at] + matrix + plain[at + 36 :])
    with av.open("shown.mp4") as container:
        found[name] = next(container.decode(video=0)).rotation
    print(f"{name}: rotation {found[name]}")
values = list(found.values())
sys.exit(0 if values == [0, 0, -180, -180, -90, -90, 90, 90] else "not as before: pairs had one number each")
PY
venv/bin/python rotation.py
