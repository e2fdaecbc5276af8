"""Recognise a video with an exported model, without this project: numpy, PyAV, Pillow and onnxruntime are enough.

python -m evaluate export out/mine --format onnx --out mine-onnx
python onnx_video.py mine-onnx new.mp4
"""

import json
import sys
from pathlib import Path

import av
import numpy as np
import onnxruntime
from PIL import Image

folder, video = Path(sys.argv[1]), sys.argv[2]
model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
(stream,) = model["streams"].values()  # a model of videos alone
if not model["observation_ratios"]:
    sys.exit(f"this example cuts a video into equal parts, and the model takes others: {model['segments']}")
how, segments = stream["images"], model["num_segments"]
mean, std = (255 * np.array(how[name], np.float32) for name in ("mean", "std"))
backbone, step = (onnxruntime.InferenceSession(folder / one["file"]) for one in (stream["backbone"], model["step"]))


def image(frame: av.VideoFrame) -> np.ndarray:
    """Return a frame as the network sees it: its central square, normalised, (3, crop, crop)."""
    picture, crop = frame.to_image(), how["crop"]
    unit = min(picture.size) if how["aspect"] == "kept" else None
    width, height = (how["resize"] * side // (unit or side) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling[how["interpolation"].upper()])
    left, top = round((width - crop) / 2), round((height - crop) / 2)
    square = picture.crop((left, top, left + crop, top + crop))
    return ((np.asarray(square, np.float32) - mean) / std).transpose(2, 0, 1)


with av.open(video) as container:
    frames = list(container.decode(video=0))  # a long video needs much memory
state = np.zeros((1, model["state_width"]), np.float32)
# Most backbones carry no state from segment to segment.
carried = {"state": np.zeros((1, stream["backbone"]["inputs"][1]["shape"][1]), np.float32)} if stream["state"] else {}
for n in range(segments):
    end = max((n + 1) * len(frames) // segments, 1)
    start = min(n * len(frames) // segments, end - 1)
    count = how["frames_per_segment"]
    chosen = [start + (end - start) * (2 * i + 1) // (2 * count) for i in range(count)]
    images = np.stack([image(frames[i]) for i in chosen])[None]
    features, *left = backbone.run(None, {"images": images, **carried})
    carried = dict(zip(carried, left, strict=True))
    probabilities, state = step.run(None, {"features": features, "state": state})
    print(
        json.dumps({"seen": (n + 1) / segments} | dict(zip(model["classes"], probabilities[0].tolist(), strict=True)))
    )
