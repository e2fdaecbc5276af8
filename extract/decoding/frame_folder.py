"""A recording that is a folder of images, as in SYSU 3DHOI, read as a video is: all its frames in order.

The name of a file contains the frame's number. The numbers give the order, so `10.jpg` comes after `9.jpg`. A folder is
refused if its names do not show clearly which frames there are, and in which order.
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import first_few
from extract.clip import DecodeError
from extract.decoding.frame_count import FrameCount
from extract.decoding.image_file import read_image

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}

Numbered = dict[str, dict[int, list[Path]]]  # text around the number → number → files


def frame_files(folder: Path) -> list[Path]:
    """Return the images of a folder in the order of their numbers. Other files are ignored.

    Raises:
        DecodeError: there are images of several kinds or without a number, or a number appears twice or is missing.
    """
    paths = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    if len(paths) < 2:
        return paths
    paths.sort()
    unnumbered = [path.name for path in paths if not re.search("[0-9]", path.stem)]
    if unnumbered:
        raise DecodeError(
            f"pictures without a number in their name have no place in the order: {first_few(unnumbered)}"
        )
    kinds = _numbered(paths)
    if len(kinds) > 1:
        counted = [f"{kind} ({len(numbers)})" for kind, numbers in kinds.items()]
        raise DecodeError(
            f"the folder holds pictures of several kinds: {first_few(counted)}; give each kind a folder of its own"
        )
    (numbers,) = kinds.values()
    twice = [" and ".join(path.name for path in same) for same in numbers.values() if len(same) > 1]
    if twice:
        raise DecodeError(f"pictures of the same number: {first_few(twice)}")
    _refuse_gaps(sorted(numbers))
    return [numbers[number][0] for number in sorted(numbers)]


def count_frames(folder: Path) -> Iterator[FrameCount]:
    """Yield the number of frames in a folder.

    Raises:
        DecodeError: there is none, or the folder is refused.
    """
    if not (pictures := len(frame_files(folder))):
        raise DecodeError("not a video, but a folder without pictures")
    yield FrameCount(pictures, 0)


def read_frames(folder: Path) -> Iterator[Callable[[], NDArray[np.uint8]]]:
    """Yield a function for each frame in order, which reads it: (H, W, 3) uint8 RGB."""
    for path in frame_files(folder):
        yield partial(read_image, path)


def _numbered(paths: list[Path]) -> Numbered:
    """Separate the frame's number from the text around it; upper and lower case make no difference."""
    names = [re.split("([0-9]+)", path.stem.casefold()) for path in paths]  # text, number, text, … text
    place = _changing_number(names)
    kinds: Numbered = defaultdict(lambda: defaultdict(list))
    for path, name in zip(paths, names, strict=True):
        kind = "".join([*name[:place], "#", *name[place:][1:]])
        kinds[kind][int(name[place])].append(path)
    return kinds


def _changing_number(names: list[list[str]]) -> int:
    """Return the position of the only number that differs between the names, or else of the last number."""
    last = -2
    if len({tuple(name[::2]) for name in names}) > 1:
        return last
    changing = [place for place in range(1, len(names[0]), 2) if len({int(name[place]) for name in names}) > 1]
    return changing[0] if len(changing) == 1 else last


def _refuse_gaps(numbers: list[int]) -> None:
    """Refuse missing numbers. Every fifth frame, for example, is no gap: the step is the largest possible one."""
    step = math.gcd(*(after - before for before, after in pairwise(numbers)))
    gaps = [(before + step, after - step) for before, after in pairwise(numbers) if after - before > step]
    if not gaps:
        return
    missing = sum((last - first) // step + 1 for first, last in gaps)
    listed = first_few([f"{first} to {last}" if last > first else str(first) for first, last in gaps])
    steps = f" in steps of {step}" if step > 1 else ""
    raise DecodeError(
        f"of the frames {numbers[0]} to {numbers[-1]}{steps}, {missing} are missing: {listed}; "
        "if the recording never had them, number its pictures without gaps"
    )
