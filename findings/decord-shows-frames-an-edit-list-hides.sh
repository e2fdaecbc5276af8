#!/usr/bin/env bash
# decord 0.6.0: of an MP4 trimmed without encoding it returns more frames than the file shows, some of them twice.
#
# Phones and `ffmpeg -ss … -c copy` trim an MP4 by an edit list: the frames before the cut stay in the file, because
# others are predicted from them, and are not shown. Drawn here: 97 numbered H.264 frames of which the first 30 are
# hidden. PyAV, as ffmpeg, shows 67, numbers 30 to 96. decord counts 73, and read in order, by next(), it returns the 67
# followed by 6 more copies of the last one, without an error. Labels or times by frame number are then wrong.
#
# Needs python3 with venv on x86-64 Linux. Exits 0 while this is so, 1 once it has changed, 2 if it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet decord==0.6.0 av==18.1.0 numpy==2.4.6 || exit 2

cat >trimmed.py <<'PY'
import struct, sys
import av, decord, numpy as np

COUNT, HIDDEN = 97, 30


def block(bit):
    return slice(0, 120), slice(bit * 40, bit * 40 + 40)


def draw(number):
    y, x = np.mgrid[:240, :320]
    picture = np.stack([(x + 3 * number) % 256, (y + 2 * number) % 256, (x + y) % 256], 2).astype(np.uint8)
    for bit in range(8):
        picture[block(bit)] = 235 if number >> bit & 1 else 16
    return picture


def read(picture):
    return sum(int(picture[block(bit)].mean() > 127) << bit for bit in range(8))


with av.open("trimmed.mp4", "w") as container:
    stream = container.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
    stream.codec_context.gop_size, stream.codec_context.max_b_frames = 12, 2
    for number in range(COUNT):
        container.mux(stream.encode(av.VideoFrame.from_ndarray(draw(number), format="rgb24")))
    container.mux(stream.encode(None))
with av.open("trimmed.mp4") as container:
    ticks = int(HIDDEN / 25 / container.streams.video[0].time_base)
content = bytearray(open("trimmed.mp4", "rb").read())
at = content.index(b"elst") + 12  # one edit: its duration in milliseconds, and where it begins
duration, beginning = struct.unpack_from(">Ii", content, at)
struct.pack_into(">Ii", content, at, duration - 1000 * HIDDEN // 25, beginning + ticks)
open("trimmed.mp4", "wb").write(content)

with av.open("trimmed.mp4") as container:
    shown = [read(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
reader = decord.VideoReader("trimmed.mp4", num_threads=1)
got = [read(reader.next().asnumpy()) for _ in range(len(reader))]
print(f"shown: {len(shown)} frames, {shown[0]} to {shown[-1]}; decord: {len(got)} frames")
print("decord in order:", *got)
as_before = shown == list(range(HIDDEN, COUNT)) and got == shown + 6 * [COUNT - 1]
sys.exit(0 if as_before else "not as before")
PY
venv/bin/python trimmed.py
