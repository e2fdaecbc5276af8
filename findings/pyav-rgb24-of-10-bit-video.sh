#!/usr/bin/env bash
# PyAV 18.1.0: to_ndarray(format="rgb24") of 10-bit 4:2:0 video is not the picture that FFmpeg's own filters make.
#
# The ffmpeg command line converts by its filter graph (`-pix_fmt rgb24`), which PyAV offers too. For 8-bit 4:2:0 both
# ways give the same bits. For 10 bits they differ at the edges of colours, in the four patches drawn here by up to 8 of
# 255 grey levels: PyAV asks FFmpeg to scale the planes of colour bilinearly, the filter graph bicubically. Videos of
# today's phones (HDR) have 10 bits.
#
# Needs python3 with venv. Exits 0 while this is so, 1 once it has changed, 2 if it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet av==18.1.0 numpy==2.4.6 || exit 2

cat >ten_bits.py <<'PY'
import sys
from fractions import Fraction
import av, numpy as np
from av.filter import Graph

patches = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200], [200, 200, 30]], np.uint8)
picture = np.ascontiguousarray(np.kron(patches.reshape(2, 2, 3), np.ones((61, 81, 1), np.uint8))[:120, :160])


def by_filters(frame):
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25))
    graph.link_nodes(source, graph.add("format", "rgb24"), graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull().to_ndarray()


worst = {}
for name in ("yuv420p", "yuv420p10le"):
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=name)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    difference = np.abs(frame.to_ndarray(format="rgb24").astype(int) - by_filters(frame))
    worst[name] = int(difference.max())
    print(f"{name}: at most {worst[name]} grey levels apart, on {100 * (difference > 0).mean():.1f} % of the values")
sys.exit(0 if worst["yuv420p"] == 0 and worst["yuv420p10le"] > 5 else "not as before")
PY
venv/bin/python ten_bits.py
