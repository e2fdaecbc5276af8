"""Everything random: performers, and the variation between clips.

All values are drawn from the same distribution for every action. So before the branch frame, only the opening movement
has information about the class.
"""

import colorsys
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from manifests.stick_figures.skeleton import POSE_SIZE, Body, Floats

Colour = tuple[int, int, int]  # red, green, blue in 0…255

_HUES = {  # so that arms, trunk and legs have different colours
    "left_arm": 0.13,
    "right_arm": 0.01,
    "trunk": 0.38,
    "left_leg": 0.78,
    "right_leg": 0.60,
}
_SHORTEST, _LONGEST = 40, 64  # frames of a clip
_LOOSE = np.array([1.0, *[0.0] * 3, *[1.0] * 6, *[0.0] * 6])  # lean and hands vary; the feet stay on the floor


@dataclass(frozen=True)
class Performer:
    """The appearance of a person.

    Attributes:
        body: the lengths of its parts.
        thickness: the thickness of the limbs in metres.
        colours: the colour of each limb.
    """

    body: Body
    thickness: float
    colours: Mapping[str, Colour]


@dataclass(frozen=True, eq=False)
class ClipVariation:
    """The values that differ from clip to clip and do not depend on the action.

    Attributes:
        num_frames: the length of the clip, T.
        start_frame: the first frame that shows the opening movement, and with it the family.
        branch_frame: the first frame that shows the action itself.
        beat: the number of frames between two key poses after the branch frame.
        stance: a constant deviation from the poses, (16,).
        sway: the amplitude of a periodic deviation from the poses, (16,).
        sway_period: its period in frames.
        view: the rotation of the performer about the vertical axis in radians; at 0 it faces the camera.
        zoom: the height of the picture in metres.
        shift: the distance of the performer from the middle of the picture to the right, in metres.
        sky: the colours of the background, at the top and at the horizon.
        floor: the colour of the floor.
        noise: the standard deviation of the sensor noise in grey levels.
        noise_seed: the seed of the noise.
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
        """Return the deviation from the poses in each frame, (T, 16)."""
        phase = 2 * np.pi * np.arange(self.num_frames)[:, None] / self.sway_period
        deviation: Floats = self.stance + self.sway * np.sin(phase)
        return deviation


def draw_performer(generator: np.random.Generator) -> Performer:
    """Return a random performer: size, proportions, thickness and colours."""
    height = generator.uniform(0.92, 1.06)
    lengths = {name: height * length * generator.uniform(0.95, 1.05) for name, length in asdict(Body()).items()}
    colours = {limb: _colour(generator, hue, (0.65, 0.95), (0.6, 0.95)) for limb, hue in _HUES.items()}
    colours["head"] = _colour(generator, 0.07, (0.25, 0.6), (0.6, 0.95))
    return Performer(Body(**lengths), generator.uniform(0.10, 0.14), colours)


def draw_variation(generator: np.random.Generator) -> ClipVariation:
    """Return a random variation of one clip.

    The start frame is after 10 % of the clip, by more than the look-ahead of the encoder, and before 30 %. The branch
    frame is between 40 % and 60 %.
    """
    num_frames = int(generator.integers(_SHORTEST, _LONGEST, endpoint=True))
    return ClipVariation(
        num_frames=num_frames,
        start_frame=int(num_frames * generator.uniform(0.10, 0.20)) + 3,
        branch_frame=int(num_frames * generator.uniform(0.40, 0.60)),
        beat=int(generator.integers(5, 8, endpoint=True)),
        stance=generator.normal(0, 0.02, POSE_SIZE) * _LOOSE,
        sway=generator.normal(0, 0.015, POSE_SIZE) * _LOOSE,
        sway_period=generator.uniform(20, 40),
        view=float(np.radians(generator.uniform(25, 65))),
        zoom=generator.uniform(2.2, 2.45),
        shift=generator.uniform(-0.25, 0.1),
        sky=(_background(generator), _background(generator)),
        floor=_background(generator),
        noise=generator.uniform(1, 4),
        noise_seed=int(generator.integers(2**32)),
    )


def _background(generator: np.random.Generator) -> Colour:
    return _colour(generator, generator.uniform(), (0.02, 0.2), (0.6, 0.95))


def _colour(
    generator: np.random.Generator, hue: float, saturation: tuple[float, float], value: tuple[float, float]
) -> Colour:
    hue = (hue + generator.uniform(-0.03, 0.03)) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, generator.uniform(*saturation), generator.uniform(*value))
    return round(255 * red), round(255 * green), round(255 * blue)
