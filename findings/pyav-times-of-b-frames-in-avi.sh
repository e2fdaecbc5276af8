#!/usr/bin/env bash
# PyAV 18.1.0: the times of frames from an AVI with B-frames are not in the order of the frames.
#
# AVI stores no presentation times. PyAV's `VideoFrame.pts` of H.264 with B-frames in an AVI runs 1, 3, 4, 2, …, although
# the frames come in the order in which they are shown. Many XviD clips of UCF101 have such times too. Whoever cuts by
# `pts` takes a frame too early or too late at the ends of a piece. The sorted times are right: the k-th frame has the
# k-th of them.
#
# Needs python3 with venv. Exits 0 while this is so, 1 once it has changed, 2 if it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv && venv/bin/pip install --quiet av==18.1.0 numpy==2.4.6 || exit 2

cat >times.py <<'PY'
import sys
import av, numpy as np

with av.open("numbers.avi", "w") as container:
    stream = container.add_stream("libx264", rate=25, options={"bf": "2", "crf": "1"})
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for number in range(60):  # each picture is brighter than the one before
        picture = np.full((48, 64, 3), 4 * number, np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    container.mux(stream.encode(None))
with av.open("numbers.avi") as container:
    frames = [(frame.pts, float(frame.to_ndarray(format="gray").mean())) for frame in container.decode(video=0)]
times, brightness = zip(*frames)
print("times:", *times[:8], "… brightness:", *(round(value) for value in brightness[:8]), "…")
pictures_in_order = list(brightness) == sorted(brightness)
steps = {after - before for before, after in zip(sorted(times), sorted(times)[1:])}
print(f"pictures in order: {pictures_in_order}; times in order: {list(times) == sorted(times)}; steps of the sorted times: {steps}")
sys.exit(0 if pictures_in_order and list(times) != sorted(times) and steps == {1} else "not as before")
PY
venv/bin/python times.py
