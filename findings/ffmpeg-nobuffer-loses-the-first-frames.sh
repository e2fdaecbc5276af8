#!/usr/bin/env bash
# PyAV 18.1.0 (libavformat 62.12.102): with the option fflags=nobuffer the beginning of a video is lost without an error.
#
# The option is recommended for live streams in many places, because FFmpeg's manual says that it reduces "the latency
# introduced by buffering during initial input streams analysis". The packets that this analysis reads are then thrown
# away. Of an MP4 or a Matroska file with 50 H.264 frames, 39 frames are missing: the first packet, a key frame, is
# gone, and the decoder waits for something that it can start from. MPEG-TS of the same frames is complete, so a trial
# with one container says nothing about another.
#
# Needs python3 with venv. Exits 0 while this is so, 1 once it has changed, 2 if it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet av==18.1.0 numpy==2.4.6 || exit 2

cat >count.py <<'PY'
import sys

import av
import numpy as np


def write(path):
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(50):
            picture = np.full((48, 64, 3), number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def times(path, options):
    with av.open(path, options=options) as container:
        return [frame.time for frame in container.decode(video=0)]


print("PyAV", av.__version__, "libavformat", av.library_versions["libavformat"])
found = {}
for name in ("video.mp4", "video.mkv", "video.ts"):
    write(name)
    usual, quick = times(name, {}), times(name, {"fflags": "nobuffer"})
    found[name] = len(usual), len(quick)
    print(f"{name}: {len(usual)} frames; with nobuffer {len(quick)}, the first one at {quick[0] - usual[0]:.2f} s")
sys.exit(found != {"video.mp4": (50, 11), "video.mkv": (50, 11), "video.ts": (50, 50)})
PY
venv/bin/python count.py
