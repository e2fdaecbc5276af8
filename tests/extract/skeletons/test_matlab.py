"""MATLAB files: the numbers that were saved, or a reason; damaged ones are read in a decode worker, which may crash."""

import io
import random
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse

from extract.clip import Clip, DecodeError
from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.pool import decode_all
from extract.skeletons.matlab import read_matlab
from extract.skeletons.one_person import JOINTS, MAX_FRAMES
from extract.skeletons.skeleton import Skeleton

POINTS = np.random.default_rng(0).normal(size=(20, 3, 4))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("matlab") / "sklWorld.mat"


def read(file: Path, content: bytes) -> Skeleton:
    file.write_bytes(content)
    return read_matlab(file)


def saved(compressed: bool = True, version: str = "5", **arrays: object) -> bytes:
    with io.BytesIO() as stream:
        scipy.io.savemat(stream, arrays, format=version, do_compression=compressed)
        return stream.getvalue()


def in_worker(folder: Path, contents: Mapping[str, bytes]) -> dict[str, Clip | str]:
    """Read files in one decode worker after another: each ends as a clip or as a reason."""
    tasks = []
    for name, content in contents.items():
        path = folder / f"{name}.mat"
        path.write_bytes(content)
        tasks.append(DecodeTask(name, str(path), 1, 1, "skeleton", 0))
    found: dict[str, Clip | str] = {}
    for outcome in decode_all(tasks, workers=1, deadline=60):
        if isinstance(outcome, Failure):
            assert outcome.stage == "decode"
            found[outcome.clip_id] = outcome.reason
        else:
            found[outcome[0]] = outcome[1]
    assert found.keys() == contents.keys()
    return found


def assert_points(skeleton: Skeleton, points: np.ndarray) -> None:
    frames = points.shape[2]
    assert skeleton.joints.dtype == np.float32 and skeleton.joints.shape == (frames, 1, 20, 3)
    assert np.array_equal(skeleton.joints[:, 0], points.transpose(2, 0, 1).astype(np.float32))
    assert skeleton.tracking.dtype == np.uint8 and skeleton.tracking.shape == (frames, 1, 20)
    assert (skeleton.tracking == 2).all()
    assert skeleton.body_ids == ("",)


def test_all_of_utd_mhad(early_data: Path) -> None:
    paths = sorted((early_data / "utd_mhad" / "skeleton").glob("*.mat"))
    assert len(paths) == 861
    lengths = set()
    for path in paths:
        skeleton = read_matlab(path)
        assert_points(skeleton, scipy.io.loadmat(path)["d_skel"])
        lengths.add(len(skeleton.joints))
    assert (min(lengths), max(lengths)) == (41, 125)


@pytest.mark.parametrize("name", ["SW", "d_skel"])
@pytest.mark.parametrize("compressed", [True, False])
def test_what_was_saved_is_read(file: Path, name: str, compressed: bool) -> None:
    assert_points(read(file, saved(compressed, **{name: POINTS})), POINTS)
    single = POINTS.astype(np.float32)
    assert_points(read(file, saved(compressed, **{name: single})), single)
    others = {"a": "text", "b": [1, 2, 3], "c": {"field": np.arange(3)}, "long_" + "x" * 25: np.zeros((3, 3))}
    assert_points(read(file, saved(compressed, **others, **{name: POINTS}, behind=[1, 2])), POINTS)


def test_one_frame_has_no_third_axis(file: Path) -> None:
    assert_points(read(file, saved(SW=POINTS[:, :, 0])), POINTS[:, :, :1])


def element(kind: int, data: bytes, order: str) -> bytes:
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "stored"), [(1, "i1"), (2, "u1"), (3, "i2"), (7, "f4"), (9, "f8")])
def test_matlab_stores_whole_numbers_in_small_types_and_either_byte_order(
    file: Path, order: str, kind: int, stored: str
) -> None:
    """SciPy does not write such files. This one is whole, as MATLAB would write it."""
    points = np.arange(120).reshape(20, 3, 2)
    matrix = (
        element(6, struct.pack(f"{order}II", 6, 0), order)
        + element(5, struct.pack(f"{order}3i", *points.shape), order)
        + element(1, b"SW", order)
        + element(kind, points.astype(order + stored).tobytes(order="F"), order)
    )
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(f"{order}HH", 0x0100, 0x4D49)
    assert_points(read(file, head + element(14, matrix, order)), points)


def test_frames_at_the_origin_are_not_seen(file: Path) -> None:
    points = POINTS.copy()
    points[:, :, 1] = 0
    skeleton = read(file, saved(SW=points))
    assert skeleton.seen[:, 0].tolist() == [True, False, True, True]
    assert np.isnan(skeleton.joints[1]).all() and not skeleton.tracking[1].any()
    with pytest.raises(DecodeError, match="variable SW has nobody in any frame"):
        read(file, saved(SW=0 * points))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_not_finite(file: Path, value: float) -> None:
    points = POINTS.copy()
    points[7, 2, 2] = value
    with pytest.raises(DecodeError, match="SW has a coordinate that is not finite in frame 3 of 4"):
        read(file, saved(SW=points))


def version_7_3() -> bytes:
    """As MATLAB writes it: HDF5 behind a head of 512 bytes."""
    with io.BytesIO() as stream:
        with h5py.File(stream, "w", userblock_size=512) as cache:
            cache["SW"] = POINTS.T
        stream.seek(0)
        stream.write(b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<HH", 0x0200, 0x4D49))
        return stream.getvalue()


def plain_hdf5() -> bytes:
    with io.BytesIO() as stream:
        with h5py.File(stream, "w") as cache:
            cache["SW"] = POINTS.T
        return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"no MATLAB file", "not a MATLAB file"),
        (b"text, " * 100, "not a MATLAB file"),
        (bytes(200), "not a MATLAB file"),
        (saved(version="4", SW=POINTS[:, :, 0]), "version 4, which has no arrays of three axes: save it with '-v7'"),
        (version_7_3(), r"a MATLAB 7.3 file \(HDF5\): save it in MATLAB with '-v7'"),
        (plain_hdf5(), r"7.3 file \(HDF5\)"),
        (saved(), "no variable SW .* or d_skel .* in it, but none"),
        (saved(other=POINTS, also=POINTS), "no variable SW .* or d_skel .* in it, but 'other', 'also'"),
        (saved(SW="text"), "SW has the shape .*, not"),
        (saved(SW=POINTS.transpose(2, 0, 1)), r"SW has the shape \(4, 20, 3\), not \(20, 3, frames\)"),
        (saved(SW=np.zeros((25, 3, 4))), r"SW has the shape \(25, 3, 4\)"),
        (saved(SW=POINTS[..., None].repeat(2, 3)), r"SW has the shape \(20, 3, 4, 2\)"),
        (saved(SW=np.zeros((20, 3, 0))), "SW has 0 frames"),
        (saved(SW=np.zeros((20, 3, MAX_FRAMES + 1), np.float32)), "SW has 100001 frames"),
        (saved(SW=POINTS * 1j), "SW is not an array of real numbers"),
        (saved(SW=POINTS.astype(object)), "SW is not an array of real numbers, but cell"),
        (saved(SW=np.ones((20, 3, 4), np.int16)), "SW is not an array of real numbers, but int16"),
        (saved(SW=np.ones((20, 3, 4), bool)), "SW is not an array of real numbers, but logical"),
        (saved(SW=scipy.sparse.eye(20, 3, format="csc")), "SW is not an array of real numbers, but sparse"),
        (saved(a=1) + b"more", "damaged: "),
    ],
)
def test_what_is_wrong_is_named(file: Path, content: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        read(file, content)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="does not exist"):
        read_matlab(tmp_path / "nothing.mat")
    with pytest.raises(DecodeError, match="not a file"):
        read_matlab(tmp_path)


@pytest.mark.parametrize("compressed", [True, False])
def test_every_cut_is_refused(tmp_path: Path, compressed: bool) -> None:
    content = saved(compressed, SW=POINTS)
    cuts = {
        str(size): content[:size] for size in {*range(0, len(content), 37), *range(len(content) - 12, len(content))}
    }
    assert all(isinstance(reason, str) and len(reason) > 10 for reason in in_worker(tmp_path, cuts).values())


def test_a_changed_byte_of_compressed_numbers_is_noticed(tmp_path: Path) -> None:
    """The compressed form has a checksum."""
    content = saved(SW=np.random.default_rng(1).normal(size=(20, 3, 400)))
    changed = {}
    for at in (len(content) // 2, len(content) - 1):
        damaged = bytearray(content)
        damaged[at] ^= 1
        changed[str(at)] = bytes(damaged)
    assert all("damaged: " in str(reason) for reason in in_worker(tmp_path, changed).values())


def test_any_damage_ends_as_a_clip_or_as_a_reason(tmp_path: Path) -> None:
    """Damaged at other places each time: what a library does then may differ, and the pool must stand all of it."""
    chance, contents = random.Random(), {}
    for number in range(60):
        content = bytearray(saved(bool(number % 2), first=[1, 2], SW=POINTS))
        for _ in range(chance.randint(1, 20)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        contents[str(number)] = bytes(content)
    found = in_worker(tmp_path, contents | {"whole": saved(SW=POINTS)})
    assert isinstance(found["whole"], Clip)
    for outcome in found.values():
        if isinstance(outcome, Clip):
            assert outcome.num_frames > 0 and np.isfinite(outcome.content).all()
        else:
            assert len(outcome) > 10


# Put first on a worker's path, it puts a reader that kills its own process in the real one's place.
SELF_KILLING = """
import os, signal
import extract.skeletons.readers as files
read = files.READERS[".mat"]
def read_or_die(path, joint_list):
    if "crash" in path.name: os.kill(os.getpid(), signal.SIGSEGV)
    return read(path, joint_list)
files.READERS[".mat"] = read_or_die
"""


def test_a_worker_that_crashes_fails_its_clip_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(SELF_KILLING)
    monkeypatch.syspath_prepend(str(tmp_path))
    good = saved(SW=POINTS)
    found = in_worker(tmp_path, {"a": good, "crash1": good, "b": good, "crash2": good, "c": good})
    assert found["crash1"] == found["crash2"] == "the decoder crashed (SIGSEGV)"
    assert all(isinstance(found[name], Clip) for name in ("a", "b", "c"))


def test_the_longest_recording_fits_beside_another_large_variable(file: Path) -> None:
    ones = np.ones((JOINTS, 3, MAX_FRAMES))
    assert_points(read(file, saved(other=ones, SW=ones)), ones)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited where there is /proc")
def test_what_unpacks_to_more_than_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of some kilobytes, which holds 48 MB of the same number; the limit is lowered to half of that."""
    lowered = "import extract.skeletons.matlab as matlab; matlab.MAX_MEMORY = 24 << 20"
    (tmp_path / "sitecustomize.py").write_text(lowered)
    monkeypatch.syspath_prepend(str(tmp_path))
    large = saved(SW=np.ones((JOINTS, 3, MAX_FRAMES)))
    assert len(large) < 200_000
    found = in_worker(tmp_path, {"large": large, "small": saved(SW=POINTS)})
    assert found["large"] == "damaged: it unpacks to more than 24 MiB"
    assert isinstance(found["small"], Clip)
