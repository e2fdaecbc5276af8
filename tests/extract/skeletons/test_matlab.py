"""MATLAB files: the same numbers as SciPy reads, or a reason; also where SciPy would crash the process."""

import io
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.clip import DecodeError
from extract.skeletons.matlab import read_matlab
from extract.skeletons.skeleton import Skeleton

POINTS = np.random.default_rng(0).normal(size=(20, 3, 4))
DOUBLE, SINGLE, INT16, UINT8, MATRIX, COMPRESSED = 9, 7, 3, 2, 14, 15


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


def element(kind: int, data: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8 if kind != COMPRESSED else 0)


def small_element(kind: int, data: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}I", len(data) << 16 | kind) + data.ljust(4, b"\0")


def variable(
    data: bytes, kind: int = DOUBLE, shape: tuple[int, ...] = (20, 3, 4), flags: int = 6, order: str = "<",
    name: bytes | None = None,
) -> bytes:  # fmt: skip
    return element(
        MATRIX,
        element(6, struct.pack(f"{order}II", flags, 0), order)
        + element(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
        + (small_element(1, b"SW", order) if name is None else element(1, name, order))
        + element(kind, data, order),
        order,
    )


def mat_file(*elements: bytes, order: str = "<", version: int = 0x0100) -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(f"{order}HH", version, 0x4D49) + b"".join(elements)


def of_points(type_: str = "<f8") -> bytes:
    return POINTS.astype(type_).tobytes(order="F")


def assert_points(skeleton: Skeleton, points: np.ndarray) -> None:
    frames = points.shape[2]
    assert skeleton.joints.dtype == np.float32 and skeleton.joints.shape == (frames, 1, 20, 3)
    assert np.array_equal(skeleton.joints[:, 0], points.transpose(2, 0, 1).astype(np.float32))
    assert skeleton.tracking.dtype == np.uint8 and skeleton.tracking.shape == (frames, 1, 20)
    assert (skeleton.tracking == 2).all()
    assert skeleton.body_ids == ("",)


def assert_valid(skeleton: Skeleton) -> None:
    frames = len(skeleton.joints)
    assert frames > 0 and skeleton.seen.any()
    assert skeleton.joints.shape == (frames, 1, 20, 3) and skeleton.tracking.shape == (frames, 1, 20)
    assert np.isfinite(skeleton.joints[skeleton.seen]).all() and np.isnan(skeleton.joints[~skeleton.seen]).all()
    assert (skeleton.tracking[skeleton.seen] == 2).all() and not skeleton.tracking[~skeleton.seen].any()


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
def test_what_scipy_writes(file: Path, name: str, compressed: bool) -> None:
    assert_points(read(file, saved(compressed, **{name: POINTS})), POINTS)
    single = POINTS.astype(np.float32)
    assert_points(read(file, saved(compressed, **{name: single})), single)
    others = {"a": "text", "b": [1, 2, 3], "c": {"field": np.arange(3)}, "long_" + "x" * 25: np.zeros((3, 3))}
    assert_points(read(file, saved(compressed, **others, **{name: POINTS}, behind=[1, 2])), POINTS)


def test_one_frame_has_no_third_axis(file: Path) -> None:
    assert_points(read(file, saved(SW=POINTS[:, :, 0])), POINTS[:, :, :1])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "stored"), [(DOUBLE, "f8"), (SINGLE, "f4")])
def test_either_byte_order(file: Path, order: str, kind: int, stored: str) -> None:
    content = mat_file(variable(of_points(order + stored), kind, order=order), order=order)
    assert_points(read(file, content), POINTS.astype(stored))


@pytest.mark.parametrize(("kind", "stored"), [(1, "i1"), (UINT8, "u1"), (INT16, "i2"), (4, "u2"), (5, "i4"), (6, "u4"),
                                              (12, "i8"), (13, "u8")])  # fmt: skip
@pytest.mark.parametrize("compressed", [True, False])
def test_whole_numbers_are_stored_in_small_types(file: Path, kind: int, stored: str, compressed: bool) -> None:
    points = np.arange(20 * 3 * 2).reshape(20, 3, 2)
    whole = variable(points.astype("<" + stored).tobytes(order="F"), kind, points.shape)
    assert_points(read(file, mat_file(element(COMPRESSED, zlib.compress(whole)) if compressed else whole)), points)


def test_functions_and_objects_are_passed_over(file: Path) -> None:
    object_ = element(MATRIX, element(6, struct.pack("<II", 17, 0)) + small_element(1, b"obj") + small_element(1, b"M"))
    assert_points(read(file, mat_file(object_, variable(of_points()))), POINTS)


def test_frames_at_the_origin_are_not_seen(file: Path) -> None:
    points = POINTS.copy()
    points[:, :, 1] = 0
    skeleton = read(file, saved(SW=points))
    assert skeleton.seen[:, 0].tolist() == [True, False, True, True]
    assert_valid(skeleton)
    with pytest.raises(DecodeError, match="variable SW has nobody in any frame"):
        read(file, saved(SW=0 * points))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_not_finite(file: Path, value: float) -> None:
    points = POINTS.copy()
    points[7, 2, 2] = value
    with pytest.raises(DecodeError, match="SW has a coordinate that is not finite in frame 3 of 4"):
        read(file, saved(SW=points))


HEAD = element(6, struct.pack("<II", 6, 0))
SHAPE = element(5, struct.pack("<3i", 20, 3, 4))
DATA = element(DOUBLE, of_points())
TAIL = small_element(1, b"SW") + DATA
SIGNALLING = struct.pack("<Q", 0x7FF0000000000001) * 240


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"no MATLAB file", "not a MATLAB file"),
        (b"text, " * 100, "not a MATLAB file"),
        (bytes(200), "not a MATLAB file, or of version 4"),
        (saved(version="4", SW=POINTS[:, :, 0]), "version 4, which has no arrays of three axes: save it with '-v7'"),
        (b"MATLAB 7.3 MAT-file, ".ljust(512) + b"\x89HDF\r\n\x1a\n", r"7.3 file \(HDF5\): save it in MATLAB"),
        (b"\x89HDF\r\n\x1a\n" + bytes(200), r"7.3 file \(HDF5\)"),
        (mat_file(version=0x0200), r"7.3 file \(HDF5\)"),
        (mat_file(version=0x0300), "unknown version 3.0"),
        (mat_file(), "no variable SW .* or d_skel .* in it, but none"),
        (saved(other=POINTS, also=POINTS), "no variable SW .* or d_skel .* in it, but 'other', 'also'"),
        (saved(SW="text"), r"SW has the shape \(1, 4\), not"),
        (saved(SW=POINTS.transpose(2, 0, 1)), r"SW has the shape \(4, 20, 3\), not \(20, 3, frames\)"),
        (saved(SW=np.zeros((25, 3, 4))), r"SW has the shape \(25, 3, 4\)"),
        (saved(SW=POINTS[..., None].repeat(2, 3)), r"SW has the shape \(20, 3, 4, 2\)"),
        (saved(SW=np.zeros((20, 3, 0))), "SW has 0 frames"),
        (saved(SW=POINTS * 1j), "SW is not an array of real numbers"),
        (saved(SW=POINTS.astype(object)), "SW is not an array of real numbers"),
        (saved(SW=np.ones((20, 3, 4), np.int16)), "SW is not an array of real numbers"),
        (mat_file(variable(of_points(), 8)), "SW has numbers of unknown type 8"),
        (mat_file(variable(of_points(), 60000)), "SW has numbers of unknown type 60000"),
        (mat_file(variable(of_points(), SINGLE)), "SW has 1920 bytes of numbers, not those of the shape"),
        (mat_file(variable(of_points()[:-8])), "SW has 1912 bytes of numbers"),
        (mat_file(variable(of_points() + bytes(8))), "SW has 1928 bytes of numbers"),
        (mat_file(variable(of_points(), shape=(20, 3, 5))), "SW has 1920 bytes of numbers"),
        (mat_file(variable(of_points(), shape=(20, 3, 100_001))), "SW has 100001 frames"),
        (mat_file(variable(of_points(), shape=(20, 3, -4))), r"damaged: no name, or a shape of \(20, 3, -4\)"),
        (mat_file(variable(of_points(), shape=(20,))), "damaged: no shape"),
        (mat_file(element(MATRIX, variable(of_points())[8:] + bytes(8))), "SW has more in it than its shape"),
        (mat_file(element(MATRIX, b"")), "byte 128 is cut: an element's head is missing"),
        (mat_file(element(MATRIX, element(5, bytes(8)))), "byte 128 is damaged: no flags"),
        (mat_file(element(MATRIX, element(6, b"\6" + bytes(7)) + struct.pack("<II", 5 << 16 | 5, 0))), "5 bytes in"),
        (mat_file(element(MATRIX, small_element(6, b"\6\0") + bytes(40))), "byte 128 is damaged: no flags"),
        (mat_file(element(MATRIX, HEAD + element(6, struct.pack("<3i", 20, 3, 4)) + TAIL)), "damaged: no shape"),
        (mat_file(element(MATRIX, HEAD + element(5, struct.pack("<3i", 20, 3, 4)[:-1]) + TAIL)), "damaged: no shape"),
        (mat_file(element(MATRIX, HEAD + SHAPE + small_element(2, b"SW") + DATA)), "damaged: no name"),
        (mat_file(element(DOUBLE, of_points())), "the variable at byte 128 is none: its type is 9"),
        (mat_file(element(COMPRESSED, b"not zlib")), "the variable at byte 128 is damaged: .*header"),
        (mat_file(element(COMPRESSED, zlib.compress(b"sh"))), "the variable at byte 128 is no array"),
        (mat_file(element(COMPRESSED, zlib.compress(element(DOUBLE, variable(of_points())[8:])))), "is no array"),
        (mat_file(element(COMPRESSED, zlib.compress(variable(of_points())[:-9]))), "SW is cut: 1911 bytes of 1920"),
        (mat_file(element(COMPRESSED, zlib.compress(variable(of_points()) + b"more"))), "SW has more in it"),
        (mat_file(element(COMPRESSED, zlib.compress(variable(of_points()))[:-1] + b"?")), "SW is damaged: .*check"),
        (mat_file(variable(SIGNALLING)), "not finite in frame 1 of 4"),
        (saved(a=1)[:-4], "the variable at byte 128 is cut"),
        (saved(a=1) + b"more", "is cut: an element's head is missing"),
        (saved(a=1) + b"garbage ", "the variable at byte .* is damaged"),
    ],
)  # fmt: skip
def test_faults_are_named(file: Path, content: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        read(file, content)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="does not exist"):
        read_matlab(tmp_path / "nothing.mat")
    with pytest.raises(DecodeError, match="not a file"):
        read_matlab(tmp_path)


@pytest.mark.parametrize("compressed", [True, False])
def test_every_cut_is_refused(file: Path, compressed: bool) -> None:
    content = saved(compressed, SW=POINTS[:, :, 0])
    for size in range(len(content)):
        with pytest.raises(DecodeError):
            read(file, content[:size])


@settings(max_examples=400, deadline=2000)
@given(
    compressed=st.booleans(),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4),
    in_head=st.booleans(),
    cut=st.none() | st.integers(0, 3000),
)
def test_damage_ends_in_a_refusal_or_a_valid_skeleton(
    file: Path, compressed: bool, flips: list[tuple[float, int]], in_head: bool, cut: int | None
) -> None:
    content = bytearray(saved(compressed, first=[1, 2], SW=POINTS)[:cut])
    for where, byte in flips:
        reach = min(len(content), 400) if in_head else len(content)
        if reach:
            content[int(where * reach)] = byte
    try:
        assert_valid(read(file, bytes(content)))
    except DecodeError as error:
        assert len(str(error)) > 10


@settings(max_examples=300, deadline=2000)
@given(data=st.data())
def test_damage_inside_of_what_is_compressed(file: Path, data: st.DataObject) -> None:
    """No checksum helps here, and it is what makes SciPy 1.17 crash."""
    whole = bytearray(variable(of_points()))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, 80) | st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert_valid(read(file, mat_file(element(COMPRESSED, zlib.compress(whole)))))
    except DecodeError as error:
        assert len(str(error)) > 10


def bomb(shape: tuple[int, ...], name: bytes | None = None) -> bytes:
    """256 MB of zeros, packed into a quarter of one."""
    packer = zlib.compressobj(1)
    head = variable(b"", shape=shape, name=name)[:-8] + struct.pack("<II", DOUBLE, 256 << 20)
    packed = packer.compress(head) + b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    return element(COMPRESSED, packed)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_what_a_file_claims_takes_no_memory(file: Path) -> None:
    """In a process that may take only 100 MB more than it has."""
    code = f"""
import resource
from pathlib import Path
from extract.clip import DecodeError
from extract.skeletons.matlab import read_matlab
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20),) * 2)
try:
    print(read_matlab(Path({str(file)!r})).joints.shape)
except DecodeError as error:
    print(error)
"""
    head = variable(b"", shape=(20, 3, 99_999))[:-8]
    claim = struct.pack("<II", DOUBLE, 0xFFFFFFF8)
    contents = {
        "SW is cut: .* bytes of 268435456": mat_file(bomb((20, 3, 4))),
        "SW has 500000 frames": mat_file(bomb((20, 3, 500_000))),
        "SW is cut: 0 bytes of 4294967288": mat_file(element(COMPRESSED, zlib.compress(head + claim))),
        "byte 128 is cut: .* bytes of 4294967288": mat_file(struct.pack("<II", MATRIX, 0xFFFFFFF8) + head),
        r"\(4, 1, 20, 3\)": mat_file(bomb((1, 1 << 25), b"other"), variable(of_points())),
    }  # fmt: skip
    for expected, content in contents.items():
        file.write_bytes(content)
        said = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        assert re.search(expected, said), said
