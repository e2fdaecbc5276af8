"""All that is random: performers and the circumstances of a clip.

Nothing here knows a class: everything is drawn from the same distribution whatever the action, so that
until the branch frame nothing but the opening movement can tell it. What is done with it stands elsewhere.
"""

import colorsys
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from manifests.stick_figures.skeleton import POSE_SIZE, Body, Floats

Colour = tuple[int, int, int]  # red, green, blue in 0…255

_HUES = {  # arms, trunk and legs differ in every performer
    "left_arm": 0.13,
    "right_arm": 0.01,
    "trunk": 0.38,
    "left_leg": 0.78,
    "right_leg": 0.60,
}
_SHORTEST, _LONGEST = 40, 64  # frames of a clip
_LOOSE = np.array([1.0, *[0.0] * 3, *[1.0] * 6, *[0.0] * 6])  # lean and hands deviate; the feet keep to the floor


@dataclass(frozen=True)
class Performer:
    """Who acts.

    Attributes:
        body: the lengths.
        thickness: of the limbs, in metres.
        colours: of each limb.
    """

    body: Body
    thickness: float
    colours: Mapping[str, Colour]


@dataclass(frozen=True, eq=False)
class Circumstances:
    """What happens to be so in one clip, whatever the action.

    Attributes:
        num_frames: length of the clip, T.
        start_frame: the first frame that shows the opening movement, and with it the family.
        branch_frame: the first frame that shows the action itself.
        beat: frames from one key pose to the next after the branch.
        stance: constant deviation from the poses, (16,).
        sway: largest deviation that comes and goes, (16,).
        sway_period: of it, in frames.
        view: rotation of the performer about the vertical axis, in radians; 0 faces the camera.
        zoom: height of the picture, in metres.
        shift: of the performer to the right in the picture, in metres.
        sky: colours of the background, at the top and at the horizon.
        floor: its colour.
        noise: standard deviation of the sensor's noise, in grey levels.
        noise_seed: for its values.
    """

    num_frames: int
    start_frame: int
    branch_frame: int
    beat: int
    stance: Floats
    sway: Floats
    sway_period: float
    view: float
    zoom: float
    shift: float
    sky: tuple[Colour, Colour]
    floor: Colour
    noise: float
    noise_seed: int

    def posture(self) -> Floats:
        """Return the deviation of each frame from the poses, (T, 16)."""
        phase = 2 * np.pi * np.arange(self.num_frames)[:, None] / self.sway_period
        deviation: Floats = self.stance + self.sway * np.sin(phase)
        return deviation


def draw_performer(chance: np.random.Generator) -> Performer:
    """Draw a performer: size, proportions, thickness and colours."""
    height = chance.uniform(0.92, 1.06)
    lengths = {name: height * length * chance.uniform(0.95, 1.05) for name, length in asdict(Body()).items()}
    colours = {limb: _colour(chance, hue, (0.65, 0.95), (0.6, 0.95)) for limb, hue in _HUES.items()}
    colours["head"] = _colour(chance, 0.07, (0.25, 0.6), (0.6, 0.95))
    return Performer(Body(**lengths), chance.uniform(0.10, 0.14), colours)


def draw_circumstances(chance: np.random.Generator) -> Circumstances:
    """Draw the circumstances of one clip.

    The start lies past 10 % of the clip by more than an encoder's look-ahead, and before 30 %;
    the branch lies between 40 % and 60 %.
    """
    num_frames = int(chance.integers(_SHORTEST, _LONGEST, endpoint=True))
    return Circumstances(
        num_frames=num_frames,
        start_frame=int(num_frames * chance.uniform(0.10, 0.20)) + 3,
        branch_frame=int(num_frames * chance.uniform(0.40, 0.60)),
        beat=int(chance.integers(5, 8, endpoint=True)),
        stance=chance.normal(0, 0.02, POSE_SIZE) * _LOOSE,
        sway=chance.normal(0, 0.015, POSE_SIZE) * _LOOSE,
        sway_period=chance.uniform(20, 40),
        view=float(np.radians(chance.uniform(25, 65))),
        zoom=chance.uniform(2.2, 2.45),
        shift=chance.uniform(-0.25, 0.1),
        sky=(_background(chance), _background(chance)),
        floor=_background(chance),
        noise=chance.uniform(1, 4),
        noise_seed=int(chance.integers(2**32)),
    )


def _background(chance: np.random.Generator) -> Colour:
    return _colour(chance, chance.uniform(), (0.02, 0.2), (0.6, 0.95))


def _colour(
    chance: np.random.Generator, hue: float, saturation: tuple[float, float], value: tuple[float, float]
) -> Colour:
    hue = (hue + chance.uniform(-0.03, 0.03)) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, chance.uniform(*saturation), chance.uniform(*value))
    return round(255 * red), round(255 * green), round(255 * blue)
