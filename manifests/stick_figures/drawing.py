"""Pictures from joints: a performer with thick coloured limbs before a plain background, with some noise.

The projection is orthographic.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from manifests.stick_figures.actions import Action, Prop, joint_positions
from manifests.stick_figures.skeleton import JOINTS, Floats
from manifests.stick_figures.variation import ClipVariation, Colour, Performer

Frame = NDArray[np.uint8]  # (height, width, 3), red, green, blue

_FLOOR_AT = 0.95  # where the feet are, as a fraction of the height of the picture
_HORIZON_AT = 0.82
_NOISE_MARGIN = 16  # the noise of a frame is a random part of a larger piece
_HEAD_RADIUS = 0.15  # metres
_DARK, _WHITE, _BROWN = (25, 25, 30), (250, 250, 250), (140, 85, 35)

_J = {name: index for index, name in enumerate(JOINTS)}
_LIMBS = {
    f"{side}_{limb}": [_J[f"{side}_{joint}"] for joint in joints]
    for side in ("left", "right")
    for limb, joints in {
        "arm": ("shoulder", "elbow", "wrist", "hand"),
        "leg": ("hip", "knee", "ankle", "foot"),
    }.items()
}
_TRUNK = [_J[name] for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")]


def draw_frames(action: Action, performer: Performer, clip: ClipVariation, size: tuple[int, int]) -> Iterator[Frame]:
    """Yield the T frames (height, width, 3) of a clip; `size` is (width, height) in pixels."""
    width, height = size
    scale = height / clip.zoom  # pixels a metre
    joints = _seen(joint_positions(action, performer.body, clip), clip.view)
    pixels = joints[:, :, :2] * (scale, -scale) + (width / 2 + clip.shift * scale, _FLOOR_AT * height)
    background = _background(clip, size)
    noise = _Noise(clip, size)
    for index, (points, depth) in enumerate(zip(pixels, joints[:, :, 2], strict=True)):
        picture = background.copy()
        _draw_performer(ImageDraw.Draw(picture), points, depth, performer, scale)
        if action.prop is not None and index >= clip.branch_frame:
            _draw_prop(ImageDraw.Draw(picture), action.prop, points, scale)
        yield noise.onto(picture)


def _seen(joints: Floats, view: float) -> Floats:
    """Return joints (T, 20, 3) in the axes of the camera: x to its right, y up, z towards it."""
    cos, sin = np.cos(view), np.sin(view)
    turned: Floats = joints @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    return turned


def _background(clip: ClipVariation, size: tuple[int, int]) -> Image.Image:
    width, height = size
    top, horizon = (np.array(colour, dtype=float) for colour in clip.sky)
    down = np.linspace(0, 1, height)[:, None, None] * np.ones((1, width, 1))
    pixels = top + down * (horizon - top)
    pixels[round(_HORIZON_AT * height) :] = clip.floor
    return Image.fromarray(pixels.astype(np.uint8))


class _Noise:
    """Grey noise that is new in every frame: a random part of one larger piece."""

    def __init__(self, clip: ClipVariation, size: tuple[int, int]) -> None:
        self._generator = np.random.default_rng(clip.noise_seed)
        self._width, self._height = size
        shape = (self._height + _NOISE_MARGIN, self._width + _NOISE_MARGIN, 1)
        self._piece = np.rint(self._generator.normal(0, clip.noise, shape)).astype(np.int16)

    def onto(self, picture: Image.Image) -> Frame:
        y, x = self._generator.integers(_NOISE_MARGIN, size=2)
        noisy = np.asarray(picture) + self._piece[y : y + self._height, x : x + self._width]
        return noisy.clip(0, 255).astype(np.uint8)


def _draw_performer(
    canvas: ImageDraw.ImageDraw, points: Floats, depth: Floats, performer: Performer, scale: float
) -> None:
    """Draw the parts of the body, the most distant part first."""
    radius = performer.thickness * scale / 2

    def draw_limb(name: str) -> None:
        _draw_line(canvas, points[_LIMBS[name]], radius, performer.colours[name])

    def draw_trunk() -> None:
        colour = performer.colours["trunk"]
        canvas.polygon(points[_TRUNK].ravel().tolist(), fill=colour)
        # From the side, the polygon is thin, so the spine is drawn with its own thickness.
        _draw_line(canvas, points[[_J["hip_center"], _J["spine"], _J["shoulder_center"]]], 1.5 * radius, colour)

    def draw_head() -> None:
        _draw_line(canvas, points[[_J["shoulder_center"], _J["head"]]], radius, performer.colours["head"])
        _draw_disc(canvas, points[_J["head"]], _HEAD_RADIUS * scale, performer.colours["head"])

    parts: list[tuple[float, Callable[[], None]]] = [
        (float(depth[_TRUNK].mean()), draw_trunk),
        (float(depth[_J["head"]]), draw_head),
        *((float(depth[joints].mean()), partial(draw_limb, name)) for name, joints in _LIMBS.items()),
    ]
    for _, draw in sorted(parts, key=lambda part: part[0]):
        draw()


def _draw_line(canvas: ImageDraw.ImageDraw, points: Floats, radius: float, colour: Colour) -> None:
    canvas.line(points.ravel().tolist(), fill=colour, width=max(1, round(2 * radius)))
    for point in points:
        _draw_disc(canvas, point, radius, colour)


def _draw_disc(canvas: ImageDraw.ImageDraw, center: Floats, radius: float, colour: Colour) -> None:
    x, y = center.tolist()
    canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _draw_prop(canvas: ImageDraw.ImageDraw, prop: Prop, points: Floats, scale: float) -> None:
    right, left = points[_J["right_hand"]], points[_J["left_hand"]]
    if prop == "cup":
        _draw_rectangle(canvas, right, (0.16 * scale, 0.22 * scale), _WHITE)
    elif prop == "phone":
        _draw_rectangle(canvas, right, (0.13 * scale, 0.26 * scale), _DARK)
    else:
        _draw_rectangle(canvas, (left + right) / 2, (0.42 * scale, 0.36 * scale), _BROWN)


def _draw_rectangle(canvas: ImageDraw.ImageDraw, center: Floats, size: tuple[float, float], colour: Colour) -> None:
    half = np.array(size) / 2
    canvas.rectangle([*(center - half), *(center + half)], fill=colour, outline=_DARK)
