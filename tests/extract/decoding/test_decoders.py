"""The dict of decoders: every entry is complete, an unknown name gets the nearest, a new one is a file and a line."""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import UserError
from extract.cache import read_cache
from extract.decoding.decoders import DECODERS, find_decoder
from extract.doctor import check_decoder

# PyAV with every frame as its negative: its features are others, so it is seen to be used.
NEGATIVE = '''"""Frames as negatives, decoded by PyAV."""

from dataclasses import replace

from extract.decoding.decoders.pyav import PYAV


def read(path):
    """Yield the negative of every frame."""
    for convert in PYAV.read(path):
        yield lambda convert=convert: 255 - convert()


NEGATIVE = replace(PYAV, read=read, recorded_as="negative")
'''


def test_one_decoder_is_trusted_and_the_others_are_checked() -> None:
    assert [name for name, decoder in DECODERS.items() if decoder.trusted] == ["pyav"]
    assert DECODERS["pyav"].module is None and not DECODERS["pyav"].on_gpu


def test_an_unknown_decoder_gets_the_nearest_name() -> None:
    for refuse in (find_decoder, check_decoder):
        with pytest.raises(UserError, match="no decoder 'decrd'; did you mean 'decord'[?] known: pyav, decord, nvdec"):
            refuse("decrd")


def test_a_new_decoder_is_a_file_and_a_line(
    own_copy: Callable[..., list[str]], command: Any, drawn_footage: Path, tmp_path: Path
) -> None:
    files = {"extract/decoding/decoders/negative.py": NEGATIVE}
    dictionary = "extract/decoding/decoders/__init__.py"
    lines = {
        dictionary: [
            ("from extract.decoding.decoders.nvdec import NVDEC", "from extract.decoding.decoders.negative import NEGATIVE"),  # noqa: E501
            ('    "nvdec": NVDEC,', '    "negative": NEGATIVE,'),
        ]
    }  # fmt: skip
    options = ["--videos", drawn_footage / "videos", "--backbone", "timm:test_resnet", "--weights", "random"]
    options += ["--frames-per-segment", "1", "--image-size", "32", "--workers", "1", "--device", "cpu"]
    words = ["run", drawn_footage / "clips.csv", *options]
    assert command(*words, "--out", tmp_path / "pyav.h5").status == 0
    extraction = [*words, "--out", tmp_path / "negative.h5", "--decoder", "negative"]
    _, diagnosis = own_copy(files, lines, extraction, ["doctor", "--json"])
    by_pyav, negative = (read_cache(tmp_path / name) for name in ("pyav.h5", "negative.h5"))
    assert negative.settings["decoder"] == f"negative {version('av')}" and negative.valid.all()
    assert not np.array_equal(negative.features, by_pyav.features)
    verdicts = json.loads(diagnosis)["decoders"]
    assert verdicts["pyav"] == "exact" and verdicts["negative"].startswith("wrong: ")
