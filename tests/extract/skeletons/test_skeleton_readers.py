"""Stick figures' arrays, and the choice of the reader."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.clip import DecodeError
from extract.skeletons.readers import read_skeleton
from extract.skeletons.skeleton import Skeleton

POINTS = np.random.default_rng(0).normal(size=(5, 20, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sticks") / "a00_s00_r00.npy"


def read(file: Path, content: bytes) -> Skeleton:
    file.write_bytes(content)
    return read_skeleton(file)


def saved(points: np.ndarray) -> bytes:
    with io.BytesIO() as stream:
        np.save(stream, points)
        return stream.getvalue()


def with_header(header: str, data: bytes = POINTS.tobytes(), version: tuple[int, int] = (1, 0)) -> bytes:
    size = struct.pack("<H" if version == (1, 0) else "<I", len(header) + 1)
    return b"\x93NUMPY" + bytes(version) + size + header.encode("latin1") + b"\n" + data


VALID_HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 20, 3), }"


@pytest.mark.parametrize(
    "content",
    [
        saved(POINTS),
        saved(np.asfortranarray(POINTS)),
        with_header(VALID_HEADER),
        with_header(VALID_HEADER, version=(2, 0)),
        with_header(VALID_HEADER.replace("5,", "5L,")),  # Python 2, of which NumPy warns
    ],
)
def test_arrays(file: Path, content: bytes) -> None:
    skeleton = read(file, content)
    assert skeleton.joints.dtype == np.float32
    assert np.array_equal(skeleton.joints, POINTS[:, None])
    assert skeleton.tracking.tolist() == np.full((5, 1, 20), 2).tolist()
    assert skeleton.body_ids == ("",)
    skeleton.joints[0] = 0  # one's own


def test_one_frame_and_frames_at_the_origin(file: Path) -> None:
    assert read(file, saved(POINTS[:1])).joints.shape == (1, 1, 20, 3)
    points = POINTS.copy()
    points[2] = 0
    skeleton = read(file, saved(points))
    assert skeleton.seen[:, 0].tolist() == [True, True, False, True, True]
    assert not skeleton.tracking[2].any()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"no array", "not a NumPy file"),
        (saved(POINTS)[:100], "not a NumPy file"),
        (saved(POINTS)[:-1], "cut, or with something behind: its header promises 1200 bytes, 1199 follow"),
        (saved(POINTS) + b"\0", "cut, or with something behind: its header promises 1200 bytes, 1201 follow"),
        (saved(POINTS.astype(np.float64)), r"an array of float64 of shape \(5, 20, 3\), not float32"),
        (saved(POINTS.astype(">f4")), "an array of >f4"),
        (saved(POINTS[:, :19]), r"of shape \(5, 19, 3\), not float32 of \(frames, 20, 3\)"),
        (saved(POINTS[0]), r"of shape \(20, 3\)"),
        (saved(POINTS[:0]), "the array has 0 frames"),
        (saved(0 * POINTS), "nobody in any frame"),
        (saved(np.where(np.arange(5)[:, None, None] == 3, np.nan, POINTS).astype("f4")), "not finite in frame 4 of 5"),
        (saved(np.array([[None]], object)), "an array of object"),
        (with_header(VALID_HEADER.replace("5,", "-5,")), "the array has -5 frames"),
        (with_header(VALID_HEADER.replace("5,", "100001,")), "the array has 100001 frames"),
        (with_header(VALID_HEADER.replace("5,", "99999,")), "promises 23999760 bytes, 1200 follow"),
        (with_header(VALID_HEADER.replace("5,", "'5',")), "not a NumPy file"),
        (with_header(VALID_HEADER, version=(3, 0)), "not a NumPy file"),
        (with_header("(" * 5000), "not a NumPy file"),
        (with_header("'\\d'"), "not a NumPy file"),
        (with_header("[]" * 30_000), "not a NumPy file"),
    ],
)
def test_faults_are_named(file: Path, content: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        read(file, content)


def test_a_pickle_is_not_opened(file: Path, tmp_path: Path) -> None:
    import pickle

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "sprung",)

    for content in (pickle.dumps(Trap()), saved(np.array([Trap()], object))):
        with pytest.raises(DecodeError):
            read(file, content)
    assert not (tmp_path / "sprung").exists()


@settings(max_examples=300, deadline=2000)
@given(
    flips=st.lists(st.tuples(st.integers(0, 140) | st.integers(0, 1327), st.integers(0, 255)), max_size=4),
    cut=st.none() | st.integers(0, 1400),
)
def test_damage_ends_in_a_refusal_or_a_valid_skeleton(
    file: Path, flips: list[tuple[int, int]], cut: int | None
) -> None:
    content = bytearray(saved(POINTS))
    for where, byte in flips:
        content[where] = byte
    try:
        skeleton = read(file, bytes(content[:cut]))
    except DecodeError as error:
        assert len(str(error)) > 10
    else:
        frames = len(skeleton.joints)
        assert 0 < frames <= 5 and skeleton.joints.shape == (frames, 1, 20, 3)
        assert np.isfinite(skeleton.joints[skeleton.seen]).all()


def test_the_reader_is_chosen_by_the_suffix(tmp_path: Path) -> None:
    (tmp_path / "clip.npy").write_bytes(saved(POINTS))
    scipy.io.savemat(tmp_path / "clip.mat", {"SW": POINTS.transpose(1, 2, 0)})
    joint = "0.5 1.5 2.5 0 0 0 0 0 0 0 0 2\n"
    (tmp_path / "clip.skeleton").write_text("1\n1\n1 0 0 0 0 0 0 0 0 2\n25\n" + 25 * joint)
    (tmp_path / "CLIP.SKELETON").write_text("1\n1\n1 0 0 0 0 0 0 0 0 2\n25\n" + 25 * joint)
    assert np.array_equal(read_skeleton(tmp_path / "clip.npy").joints, POINTS[:, None])
    assert np.array_equal(read_skeleton(tmp_path / "clip.mat").joints, POINTS[:, None])
    assert read_skeleton(tmp_path / "clip.skeleton").joints.shape == (1, 1, 25, 3)
    assert read_skeleton(tmp_path / "CLIP.SKELETON").joints.shape == (1, 1, 25, 3)
    for name in ("clip.avi", "clip"):
        with pytest.raises(
            DecodeError, match=r"no skeleton file: it ends in '(.avi|nothing)', not in .skeleton, .mat, .npy"
        ):
            read_skeleton(tmp_path / name)


def test_the_readers_start_fast() -> None:
    code = "import sys, extract.skeletons.readers; print(*{name.split('.')[0] for name in sys.modules})"
    command = [sys.executable, "-W", "error", "-c", code]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert "numpy" in loaded
    assert not loaded & {"torch", "scipy", "h5py", "pandas", "av"}
