#!/usr/bin/env bash
# torchcodec 0.17.0: frames by index are others than those asked for, in an MPEG-4 AVI (XviD) with B-frames.
#
# UCF101 and HMDB51 are such files. Drawn here: 97 frames, each with its number in it, once without B-frames and once
# with two of them. Without, get_frames_at() returns the frames asked for. With them, indices 0, 8, 16, 24, 32, 40 return
# the frames 0, 7, 15, 24, 31, 39; index 10 returns frame 12; and the last index raises "no more frames left to decode",
# although the decoder counts 97 frames. seek_mode "exact" and "approximate" fail alike. Decoded in order by PyAV from the
# same file, every frame is there.
#
# Needs python3 with venv and the FFmpeg libraries (4 to 8) of the system. Exits 0 while this is so, 1 once it has
# changed, 2 if it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.14.1 torchcodec==0.17.0 av==18.1.0 numpy==2.4.6 || exit 2

cat >by_index.py <<'PY'
import sys
import av, numpy as np

COUNT, BITS, SIZE = 97, 8, (240, 320)


def blocks():
    return [(slice(0, SIZE[0] // 2), slice(bit * 40, bit * 40 + 40)) for bit in range(BITS)]


def draw(number):
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    picture = np.stack([(x + 3 * number) % 256, (y + 2 * number) % 256, (x + y) % 256], 2).astype(np.uint8)
    for bit, block in enumerate(blocks()):
        picture[block] = 235 if number >> bit & 1 else 16
    return picture


def read(picture):
    return sum(int(picture[block].mean() > 127) << bit for bit, block in enumerate(blocks()))


def write(path, b_frames):
    with av.open(path, "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        context = stream.codec_context
        context.codec_tag, context.max_b_frames, context.gop_size, context.bit_rate = "XVID", b_frames, 12, 1_000_000
        for number in range(COUNT):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(draw(number), format="rgb24")))
        container.mux(stream.encode(None))


def in_order(path):
    with av.open(path) as container:
        return [read(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def at(decoder, indices):
    try:
        return [read(picture) for picture in decoder.get_frames_at(indices).data.numpy()]
    except RuntimeError as error:
        return "raises" if "no more frames" in str(error) else str(error)


try:
    from torchcodec.decoders import VideoDecoder
except Exception as error:
    print(f"torchcodec cannot be loaded: {str(error).splitlines()[0]}")
    sys.exit(2)
asked = [0, 8, 16, 24, 32, 40]
found = {}
for b_frames in (0, 2):
    path = f"b{b_frames}.avi"
    write(path, b_frames)
    assert in_order(path) == list(range(COUNT))
    decoder = VideoDecoder(path, dimension_order="NHWC")
    found[b_frames] = (len(decoder), at(decoder, asked), at(decoder, [10]), at(decoder, [COUNT - 1]))
    print(f"{b_frames} B-frames: {found[b_frames][0]} frames; {asked} are {found[b_frames][1]}, [10] is {found[b_frames][2]}, the last: {found[b_frames][3]}")
right = (COUNT, asked, [10], [COUNT - 1])
seen = (COUNT, [0, 7, 15, 24, 31, 39], [12], "raises")
sys.exit(0 if found == {0: right, 2: seen} else "not as before")
PY
venv/bin/python by_index.py
