"""Skeletons of any joints as NumPy arrays: one person or several, every type of numbers, and every fault."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.clip import DecodeError
from extract.skeletons.joint_arrays import read_joint_array
from extract.skeletons.joint_list import JointList, Unit
from extract.skeletons.skeleton import Skeleton

POINTS = np.random.default_rng(0).normal(size=(5, 20, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sticks") / "a00_s00_r00.npy"


def read(file: Path, content: bytes, joint_list: JointList | None = None) -> Skeleton:
    file.write_bytes(content)
    return read_joint_array(file, joint_list)


def saved(points: np.ndarray) -> bytes:
    with io.BytesIO() as stream:
        np.save(stream, points)
        return stream.getvalue()


def with_header(header: str, data: bytes = POINTS.tobytes(), version: tuple[int, int] = (1, 0)) -> bytes:
    size = struct.pack("<H" if version == (1, 0) else "<I", len(header) + 1)
    return b"\x93NUMPY" + bytes(version) + size + header.encode("latin1") + b"\n" + data


def changed(points: np.ndarray, place: tuple[int, ...], value: float) -> bytes:
    """An array with another value at one place."""
    points = points.copy()
    points[place] = value
    return saved(points)


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


@pytest.mark.parametrize("dtype", ["<f8", ">f4", ">f8", "f2", "g", "i1", "<i4", ">i8", "u2", "u8"])
def test_every_type_of_real_numbers(file: Path, dtype: str) -> None:
    points = (np.abs(POINTS) * 10).astype(dtype)
    skeleton = read(file, saved(points))
    assert skeleton.joints.dtype == np.float32
    assert np.array_equal(skeleton.joints, points[:, None].astype(np.float32))


FIVE = JointList(("head", "neck", "hip", "left hand", "right hand"), 2)


def test_any_joints_with_a_list(file: Path) -> None:
    skeleton = read(file, saved(POINTS[:, :5]), FIVE)
    assert np.array_equal(skeleton.joints, POINTS[:, None, :5]) and skeleton.centre == 2
    with pytest.raises(DecodeError, match=r"the array has 20 joints, and joints.toml has 5 names"):
        read(file, saved(POINTS), FIVE)


def test_persons_who_are_not_seen(file: Path) -> None:
    """The second person comes first, the third is never seen."""
    points = np.stack([POINTS, POINTS + 1, 0 * POINTS], axis=1).astype(np.float64)
    points[:2, 0] = np.nan
    points[3, 0] = 0
    points[3, 1] = np.nan
    skeleton = read(file, saved(points))
    assert skeleton.seen.T.tolist() == [[True, True, True, False, True], [False, False, True, False, True]]
    assert np.array_equal(skeleton.joints[4], points[4, [1, 0]].astype(np.float32))
    assert skeleton.tracking[:, 1, 0].tolist() == [0, 0, 2, 0, 2] and skeleton.body_ids == ("", "")
    assert np.isnan(skeleton.joints[~skeleton.seen]).all()


def test_zeros_are_values_where_the_list_says_so(file: Path) -> None:
    points = POINTS[:, :5].copy()
    points[2] = 0
    assert not read(file, saved(points), FIVE).seen[2]
    skeleton = read(file, saved(points), JointList(FIVE.names, 2, zeros_mean_unseen=False))
    assert skeleton.seen.all() and not skeleton.joints[2].any()
    with pytest.raises(DecodeError, match=r"all coordinates are NaN$"):
        read(file, saved(np.nan * points), JointList(FIVE.names, 2, zeros_mean_unseen=False))


def test_points_in_a_plane_have_no_depth(file: Path) -> None:
    points = np.stack([POINTS, POINTS], axis=1)[..., :2].copy()
    points[1, 1] = np.nan
    skeleton = read(file, saved(points))
    assert skeleton.joints.shape == (5, 2, 20, 3)
    assert np.array_equal(skeleton.joints[..., :2], points, equal_nan=True)
    assert not skeleton.joints[0, :, :, 2].any() and np.isnan(skeleton.joints[1, 1]).all()


@pytest.mark.parametrize(("unit", "scale"), [("m", 1), ("cm", 0.01), ("mm", 0.001), ("px", 1)])
def test_units_become_metres(file: Path, unit: Unit, scale: float) -> None:
    millimetres = np.arange(300, dtype=np.int16).reshape(5, 20, 3) + 1
    names = tuple(f"joint {number}" for number in range(20))
    skeleton = read(file, saved(millimetres), JointList(names, 0, unit))
    assert np.array_equal(skeleton.joints[:, 0], (millimetres * scale).astype(np.float32))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"no array", "not a NumPy file"),
        (saved(POINTS)[:100], "not a NumPy file"),
        (saved(POINTS)[:-1], "cut, or with something behind: its header promises 1200 bytes, 1199 follow"),
        (saved(POINTS) + b"\0", "cut, or with something behind: its header promises 1200 bytes, 1201 follow"),
        (
            saved(POINTS[:, :19]),
            "the array has 19 joints; without a joint list only 20 .* Write joints.toml .* centre = ",
        ),
        (saved(POINTS[0]), r"of shape \(20, 3\), not \(frames, joints, 3\) or"),
        (saved(POINTS[None, None]), r"of shape \(1, 1, 5, 20, 3\), not"),
        (saved(np.repeat(POINTS, 2, axis=2)), r"of shape \(5, 20, 6\), not"),
        (saved(POINTS[:0]), "the array has 0 frames"),
        (saved(POINTS[:, None][:, :0]), "the array has 0 persons"),
        (saved(np.zeros((5, 65, 20, 3), np.int8)), "the array has 65 persons"),
        (saved(np.zeros((3, 60, 25, 2), np.int8)), r"looks like \(coordinates, frames, .*transpose\(1, 3, 2, 0\)"),
        (saved(0 * POINTS), "nobody in any frame: all coordinates are NaN or zero"),
        (saved(np.nan * POINTS), "nobody in any frame"),
        (changed(POINTS, (3, 7, 2), np.nan), "in frame 4 of the array, person 1: z of joint '7' is missing"),
        (
            changed(POINTS, (3, 7, 1), np.inf),
            "in frame 4 of the array, person 1: y of joint '7' is infinite or too large",
        ),
        (
            changed(POINTS.astype("f8"), (0, 0, 0), 1e39),
            "frame 1 of the array, person 1: x of joint '0' is infinite or too",
        ),
        (saved(POINTS.astype(np.complex64)), "an array of complex64: not real numbers; save floats or integers"),
        (saved(POINTS.astype(str)), "an array of <U.*: not real numbers"),
        (saved(POINTS > 0), "an array of bool: not real numbers"),
        (saved(np.zeros((5, 20), [("x", "f4"), ("y", "f4")])), "not real numbers"),
        (saved(np.array([[None]], object)), "an array of object: Python objects are not read"),
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


def test_a_fourth_value_is_a_confidence_which_is_left_out(file: Path) -> None:
    confidence = np.linspace(0, 1, 5 * 20, dtype=np.float32).reshape(5, 20, 1)
    with_confidence = read(file, saved(np.concatenate([POINTS, confidence], axis=2)))
    np.testing.assert_array_equal(with_confidence.joints, read(file, saved(POINTS)).joints)
    unseen = np.concatenate([POINTS, confidence], axis=2)
    unseen[2] = np.nan
    assert not read(file, saved(unseen)).seen[2]
