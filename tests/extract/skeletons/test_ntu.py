"""NTU RGB+D text: what a plain parser reads, bit for bit, or a reason with the line. Never another end."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extract.clip import DecodeError
from extract.skeletons.ntu import JOINTS, read_ntu
from extract.skeletons.skeleton import Skeleton

ANN, BOB = "72057594037931101", "72057594037932185"


def body_lines(name: str, joint: str = "0.125 -0.5 3.25") -> list[str]:
    fields = "163.9239 187.6978 710.6672 506.5853 0.6249489 -0.1014573 0.7727244 -0.04519191"
    return [f"{name} 0 1 1 1 1 0 -0.08920905 -0.4797752 2", "25", *[f"{joint} {fields} {j % 3}" for j in range(25)]]


def frame_lines(*bodies: list[str]) -> list[str]:
    return [str(len(bodies)), *(line for body in bodies for line in body)]


def text_of(*frames: list[str], end: str = "\r\n") -> bytes:
    return "".join(line + end for line in [str(len(frames)), *(line for frame in frames for line in frame)]).encode()


VALID = text_of(frame_lines(body_lines(ANN)), frame_lines(), frame_lines(body_lines(BOB), body_lines(ANN, "1 2 3")))
LINES = VALID.decode().split("\r\n")[:-1]  # 1: frames; 2: bodies; 3-29: Ann; 30: none; 31: two; 32-58: Bob; 59-85: Ann


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ntu") / "S001C001P001R001A001.skeleton"


def read(file: Path, content: bytes) -> Skeleton:
    file.write_bytes(content)
    return read_ntu(file)


def with_line(number: int, line: str | None) -> bytes:
    """VALID with another line, from 1 on; None: without it."""
    lines: list[str] = [*LINES[: number - 1], *([] if line is None else [line]), *LINES[number:]]
    return "\r\n".join([*lines, ""]).encode()


def read_plainly(path: Path) -> Skeleton:
    """What the file says, word for word, as the format's description goes."""
    words = iter(path.read_text().split())
    frames: list[dict[str, tuple[list[list[float]], list[int]]]] = []
    names: list[str] = []
    for _ in range(int(next(words))):
        bodies = {}
        for _ in range(int(next(words))):
            name, *_ = [next(words) for _ in range(10)]
            joints = [[next(words) for _ in range(12)] for _ in range(int(next(words)))]
            bodies[name] = [[float(word) for word in joint[:3]] for joint in joints], [int(j[11]) for j in joints]
            names += [] if name in names else [name]
        frames.append(bodies)
    assert next(words, None) is None
    points = np.full((len(frames), len(names), 25, 3), np.nan, np.float32)
    tracking = np.zeros((len(frames), len(names), 25), np.uint8)
    for t, bodies in enumerate(frames):
        for name, (joints, states) in bodies.items():
            points[t, names.index(name)] = np.array(joints, np.float64)
            tracking[t, names.index(name)] = states
    return Skeleton(points, tracking, tuple(names), 1)


def assert_same(one: Skeleton, other: Skeleton) -> None:
    assert one.body_ids == other.body_ids
    assert one.joints.dtype == np.float32 and one.tracking.dtype == np.uint8
    assert one.joints.shape == other.joints.shape
    assert np.array_equal(one.joints, other.joints, equal_nan=True)
    assert np.array_equal(np.signbit(one.joints[one.seen]), np.signbit(other.joints[other.seen]))
    assert np.array_equal(one.tracking, other.tracking)


def assert_valid(skeleton: Skeleton) -> None:
    frames, persons = skeleton.joints.shape[:2]
    assert frames > 0 and 0 < persons == len(set(skeleton.body_ids))
    assert skeleton.joints.shape == (frames, persons, JOINTS, 3)
    assert skeleton.tracking.shape == (frames, persons, JOINTS)
    assert np.isfinite(skeleton.joints[skeleton.seen]).all() and np.isnan(skeleton.joints[~skeleton.seen]).all()
    assert skeleton.tracking.max() <= 2 and not skeleton.tracking[~skeleton.seen].any()
    first = skeleton.seen.argmax(axis=0).tolist()
    assert skeleton.seen.any(axis=0).all() and first == sorted(first)


def test_real_files(early_data: Path) -> None:
    paths = sorted((early_data / "ntu60").glob("*.skeleton"))
    skeletons = {path.stem: read_ntu(path) for path in paths}
    assert len(paths) == 4
    for path in paths:
        assert_same(skeletons[path.stem], read_plainly(path))
        assert_valid(skeletons[path.stem])
    assert skeletons["S001C001P001R001A001"].joints.shape == (103, 1, 25, 3)
    assert skeletons["S001C001P001R001A001"].body_ids == (ANN,)
    assert skeletons["S001C001P001R001A050"].seen[0].tolist() == [True, True]


def test_bodies_come_and_go(file: Path) -> None:
    skeleton = read(file, VALID)
    assert skeleton.body_ids == (ANN, BOB)
    assert skeleton.seen.tolist() == [[True, False], [False, False], [True, True]]
    assert skeleton.joints[0, 0].tolist() == [[0.125, -0.5, 3.25]] * 25
    assert skeleton.joints[2, 0].tolist() == [[1, 2, 3]] * 25
    assert skeleton.tracking[2, 1].tolist() == [j % 3 for j in range(25)]
    assert_same(skeleton, read_plainly(file))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"\r\n", b"\n"),
        lambda text: text.rstrip(),
        lambda text: text + b"\r\n \r\n\n",
        lambda text: text.replace(b"\r\n", b" \r\n"),
        lambda text: text.replace(b"\r\n", b"\n", 7),
        lambda text: text.replace(b" ", b"\t"),
        lambda text: text.replace(b" ", b"   "),
        lambda text: text.replace(b"\r\n", b"\r\n  "),
        lambda text: text[:-1],
        # As many returns, and blanks side by side, as lines; only elsewhere.
        lambda text: text.replace(b" 0 1", b"\r0  1", 1).replace(b"2\r\n", b"2\n", 1),
    ],
    ids=["newlines", "no end", "blank end", "trailing", "both ends", "tabs", "many", "leading", "half an end", "odd"],
)
def test_the_space_between_does_not_matter(file: Path, change: object) -> None:
    expected = read(file, VALID)
    assert_same(read(file, change(VALID)), expected)  # type: ignore[operator]


def test_one_frame(file: Path) -> None:
    assert read(file, text_of(frame_lines(body_lines(ANN)))).joints.shape == (1, 1, 25, 3)


def test_lines_across_the_pieces_that_are_scanned(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read(file, VALID)
    for piece in (120, 150, 1000):
        monkeypatch.setattr("extract.skeletons.text_lines.PIECE", piece)
        assert_same(read(file, VALID), expected)
        assert_same(read(file, VALID.replace(b"\r", b"")), expected)


def test_a_body_at_the_origin_is_not_seen(file: Path) -> None:
    nobody = body_lines(BOB, "0 0.0 -0.0")
    frames = [frame_lines(nobody, body_lines(ANN)), frame_lines(nobody), frame_lines(body_lines(BOB))]
    skeleton = read(file, text_of(*frames))
    assert skeleton.body_ids == (ANN, BOB)  # the order in which they are seen
    assert skeleton.seen.tolist() == [[True, False], [False, False], [False, True]]
    assert not skeleton.tracking[1].any()
    assert read(file, text_of(*frames[:2])).body_ids == (ANN,)
    with pytest.raises(DecodeError, match="nobody is seen"):
        read(file, text_of(frames[1], frames[1]))
    with pytest.raises(DecodeError, match="nobody is seen"):
        read(file, text_of(frame_lines(), frame_lines()))


def test_not_finite_depth_and_colour_are_not_read(file: Path) -> None:
    assert_same(read(file, VALID.replace(b"163.9239 187.6978", b"nan -inf")), read(file, VALID))


@pytest.mark.parametrize(
    ("number", "line", "reason"),
    [
        (1, "2", "line 31 should not be there: 2 frames end before it"),
        (1, "4", "line 85 is the last: cut after 3 frames of 4"),
        (1, "0", "line 1 promises 0 frames"),
        (1, "2000000", "line 1 promises 2000000 frames; 84 lines follow"),
        (1, "85", "line 1 promises 85 frames; 84 lines follow"),
        (1, "three", "line 1 gives no number of frames: 'three'"),
        (1, "3.0", "line 1 gives no number of frames"),
        (1, "-3", "line 1 gives no number of frames"),
        (1, "3 3", "line 1 gives no number of frames"),
        (1, "1" * 5000, "line 1 gives no number of frames: '1{40}'$"),
        (2, "one", "line 2 gives no number of bodies: 'one'"),
        (2, "2", "line 30 has 1 fields, not 10, in a body of frame 1 of 3"),
        (2, "0", "line 3 gives no number of bodies"),
        (31, "3", "line 85 is the last: cut in a body of frame 3 of 3|line 86"),
        (31, "1", "line 59 should not be there"),
        (3, f"{ANN} 0 1 1 1 1 0 -0.08920905 2", "line 3 has 9 fields, not 10, in a body of frame 1 of 3"),
        (3, "Ann 0 1 1 1 1 0 -0.08920905 -0.4797752 2", "line 3 gives no body's id: 'Ann'"),
        (3, "123456789012345678901 0 1 1 1 1 0 -0.0 -0.4 2", "line 3 gives no body's id: '123456789012345678901'"),
        (4, "20", "line 4 gives '20' as the number of joints, not 25"),
        (4, "many", "line 4 gives 'many' as the number of joints"),
        (4, "25 25", "line 4 has 2 fields, not 1"),
        (4, None, "line 4 has 12 fields, not 1"),
        (20, None, "line 29 has 1 fields, not 12, in a body of frame 1 of 3"),
        (20, LINES[19].replace("187.6978 ", ""), "line 20 has 11 fields, not 12"),
        (20, LINES[19] + " 2", "line 20 has 13 fields, not 12"),
        (20, LINES[19] + " 2" * 256, "line 20 has 268 fields, not 12"),
        (20, "", "line 20 is blank"),
        (20, LINES[19] + "\0\n" + LINES[20], "line 20 is blank, or has a control character"),
        (20, LINES[19].replace("187.6978", "18\x007.6978"), "line 20 is blank, or has a control character"),
        (20, LINES[19].replace("0.125", "0.12s"), "line 20 has no coordinate in metres: '0.12s' is not a number"),
        (20, LINES[19].replace("-0.5", "text"), "line 20 has no coordinate in metres: 'text'"),
        (20, LINES[19].replace("3.25", "3.2é"), r"line 20 has no coordinate in metres: '3.2\\\\xc3\\\\xa9'"),
        (20, LINES[19].replace("0.125", "nan"), "line 20 has a coordinate that is not finite"),
        (29, LINES[28].replace("3.25", "-inf"), "line 29 has a coordinate that is not finite"),
        (59 + 26, LINES[84].replace("1 2 3", "1 2 1e39"), "line 85 has a coordinate that is not finite"),
        (20, LINES[19][:-1] + "3", "line 20 has no tracking state"),
        (20, LINES[19][:-1] + "tracked", "line 20 has no tracking state"),
        (20, LINES[19][:-1] + "02", "line 20 has no tracking state"),
        (59, LINES[31], "line 85 ends frame 3, which has the same body twice"),
        (85, LINES[84] + "\r\n0", "line 86 should not be there"),
    ],
)
def test_faults_are_named_with_their_line(file: Path, number: int, line: str | None, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        read(file, with_line(number, line))


DIGITS = st.text("0123456789", max_size=20)
NUMBERS = st.one_of(
    st.builds("{}{}.{}".format, st.sampled_from(["", "-", "+"]), DIGITS, DIGITS),  # of all lengths, "." too
    st.builds("{}{}.{}".format, st.sampled_from(["", "-"]), st.integers(0, 9), st.text("0123456789", max_size=9)),
    st.floats().map(repr),
    st.floats(-10, 10, width=32).map(lambda value: f"{value:.7g}"),  # what the Kinect's program writes
    st.builds("{}e{}".format, st.floats(-10, 10).map(repr), st.integers(-400, 400)),
    st.integers().map(str),
    st.sampled_from(
        ["nan", "-nan", "inf", "-Infinity", "1_0.5", "-", ".", "-.", "--1.5", "1.2.3", "0x1p3", "1.5e", "1."]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=14),
    st.builds("{}.{}".format, st.integers(0, 9), st.text("/0123456789:?@", min_size=1, max_size=8)),
    st.binary(min_size=1, max_size=8).map(lambda value: value.decode("latin1")).filter(lambda text: min(text) > " "),
)


def coordinate(token: str) -> np.float32 | None:
    """What `float` makes of a token, in float32; None where the reader has to refuse it."""
    try:
        value = float(token.encode("latin1"))
    except ValueError:
        return None
    with np.errstate(over="ignore"):
        single = np.float32(value)
    return single if np.isfinite(single) else None


def assert_coordinates(file: Path, tokens: list[str]) -> None:
    """Put each token into a joint of its own: the reader returns the bits of `float`, or names the first bad line."""
    joints = [f"{token} 0.5 1" for token in tokens]
    joints += ["1 2 3"] * (-len(tokens) % JOINTS)
    bodies = [joints[start : start + JOINTS] for start in range(0, len(joints), JOINTS)]
    lines = [str(len(bodies))]
    for body in bodies:
        fixed = body_lines(ANN)
        lines += ["1", *fixed[:2], *(f"{joint} {' '.join(fixed[2].split()[3:])}" for joint in body)]
    content = "\n".join([*lines, ""]).encode("latin1")
    expected = [coordinate(token) for token in tokens]
    if None in expected:
        # The reader looks for what is no number first, then for what is not finite.
        wrong = [index for index, token in enumerate(tokens) if not is_number(token)] or [expected.index(None)]
        line = 2 + wrong[0] // JOINTS * 28 + 2 + wrong[0] % JOINTS + 1
        with pytest.raises(DecodeError, match=rf"^line {line} has (no coordinate in metres|a coordinate that is not)"):
            read(file, content)
    else:
        found = read(file, content).joints[:, 0, :, 0].ravel()[: len(tokens)]
        assert found.view(np.uint32).tolist() == np.array(expected, np.float32).view(np.uint32).tolist()


def is_number(token: str) -> bool:
    try:
        float(token.encode("latin1"))
    except ValueError:
        return False
    return True


@settings(max_examples=1000, deadline=2000)
@given(tokens=st.lists(NUMBERS, min_size=1, max_size=8))
@example(tokens=["-0.0", "0.00000000", "-0.00000001", "9.99999999", "0.1", "5.", "-.5", "1.123456789"])
def test_coordinates_have_the_bits_of_float(file: Path, tokens: list[str]) -> None:
    assert_coordinates(file, [token for token in tokens if token] or ["0"])


def test_coordinates_of_all_short_numbers(file: Path) -> None:
    for digits in (1, 2, 3):
        assert_coordinates(
            file,
            [f"{sign}{one}.{rest:0{digits}d}" for sign in ("", "-") for one in range(10) for rest in range(10**digits)],
        )


def test_many_random_coordinates_of_the_usual_form(file: Path) -> None:
    generator = np.random.default_rng(0)
    for digits in (4, 5, 6, 7, 8):
        values = generator.integers(0, 10 ** (digits + 1), 20_000).tolist()
        assert_coordinates(file, [f"{value // 10**digits}.{value % 10**digits:0{digits}d}" for value in values])


@pytest.mark.parametrize("wrong", [0, 4095, 4096, 12293])
def test_the_first_coordinate_that_is_no_number_is_named(file: Path, wrong: int) -> None:
    tokens = ["1.25"] * 16384
    tokens[wrong] = "1.2x5"
    tokens[-1] = "worse"
    assert_coordinates(file, tokens)


def test_every_byte_at_every_place_of_a_coordinate(file: Path) -> None:
    for place in range(8):
        for byte in set(range(33, 256)):
            token = list("-1.23456789")
            token[3 + place] = chr(byte)
            assert_coordinates(file, ["".join(token)])


def test_every_cut_is_refused(file: Path) -> None:
    text = VALID.rstrip()
    for size in [*range(0, len(text) - 200, 17), *range(len(text) - 200, len(text))]:
        with pytest.raises(DecodeError, match=r"^line \d+ |^the file is empty"):
            read(file, text[:size])


def test_no_file_a_folder_a_blank_file(file: Path, tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="the file does not exist"):
        read_ntu(tmp_path / "nothing.skeleton")
    with pytest.raises(DecodeError, match="not a file"):
        read_ntu(tmp_path)
    with pytest.raises(DecodeError, match="line 1 is blank"):
        read(file, b" \r\n\n")
    with pytest.raises(DecodeError, match="line 1"):
        read(file, bytes(1000))


def test_too_many_bodies(file: Path) -> None:
    frames = [frame_lines(body_lines(str(index))) for index in range(65)]
    assert read(file, text_of(*frames[:64])).joints.shape == (64, 64, 25, 3)
    with pytest.raises(DecodeError, match=f"line {2 + 64 * 28 + 1} has body 65 of 65 frames: too many"):
        read(file, text_of(*frames))


def within_megabytes(megabytes: int, file: Path) -> str:
    """Read in a process that may take only so much memory more than it has; what it says."""
    code = f"""
import resource
from pathlib import Path
from extract.clip import DecodeError
from extract.skeletons.ntu import read_ntu
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + ({megabytes} << 20),) * 2)
try:
    print(read_ntu(Path({str(file)!r})).joints.shape)
except DecodeError as error:
    print(error)
"""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_what_a_file_claims_takes_no_memory(file: Path) -> None:
    six = frame_lines(*[body_lines(str(index)) for index in range(6)])
    file.write_bytes(text_of(*[frame_lines()] * 99_999, six))
    assert re.search("has body 6 of 100000 frames: too many", within_megabytes(100, file))
    file.write_bytes(text_of(*[frame_lines()] * 100_001))
    assert "promises 100001 frames" in within_megabytes(100, file)
    for separator in (b" ", b"  ", b"\t", b"\0"):
        file.write_bytes(b"1\n1\n" + (b"1" + separator) * (4 << 20))
        assert "line 3 is longer than 65536 bytes" in within_megabytes(100, file)
    for line in (b"1\n", b"1 \n", b"11\n", b"\n", b" \n"):
        file.write_bytes(b"1\n1\n" + line * (5 << 20) + b"1\n")
        assert re.match(r"line \d+ is (one of too many|blank)", within_megabytes(100, file))
    file.write_bytes(bytes((16 << 20) + 1))
    assert "larger than 16 MiB" in within_megabytes(20, file)


DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(["cut", "flip", "insert", "duplicate line", "delete line", "insert token", "swap"]),
        st.integers(0, 1 << 20),
        st.sampled_from(["0", "25", "1", "3", "nan", "1e999", "-", "1.5", "\n", "\r", "\0", "é", "72057594037931101 "]),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)
FRAMES = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from([ANN, BOB, "1"]), st.sampled_from(["0.5 1.5 2", "0 0 0", "-0.001 1e-05 3.4028234e38"])
        ),
        max_size=2,
        unique_by=lambda body: body[0],
    ),
    min_size=1,
    max_size=3,
)


def damaged(content: bytes, damage: list[tuple[str, int, str, int]]) -> bytes:
    for how, where, token, byte in damage:
        at = where % (len(content) + 1)
        lines = content.split(b"\n")
        line = where % len(lines)
        match how:
            case "cut":
                content = content[:at]
            case "flip":
                content = content[:at] + bytes([byte]) + content[at + 1 :]
            case "insert":
                content = content[:at] + token.encode() + content[at:]
            case "duplicate line":
                content = b"\n".join([*lines[:line], lines[line], *lines[line:]])
            case "delete line":
                content = b"\n".join([*lines[:line], *lines[line + 1 :]])
            case "insert token":
                content = b"\n".join([*lines[:line], lines[line].rstrip() + b" " + token.encode(), *lines[line + 1 :]])
            case "swap":
                fields = lines[line].split(b" ")
                fields[byte % len(fields)] = token.encode()
                content = b"\n".join([*lines[:line], b" ".join(fields), *lines[line + 1 :]])
    return content


@settings(max_examples=400, deadline=2000)
@given(frames=FRAMES, damage=DAMAGE, end=st.sampled_from(["\n", "\r\n"]))
def test_damage_ends_in_a_refusal_or_a_valid_skeleton(
    file: Path, frames: list[list[tuple[str, str]]], damage: list[tuple[str, int, str, int]], end: str
) -> None:
    content = text_of(*[frame_lines(*[body_lines(*body) for body in bodies]) for bodies in frames], end=end)
    for text in (content, damaged(content, damage)):
        try:
            assert_valid(read(file, text))
        except DecodeError as error:
            assert re.match(r"line \d+ [a-z]|nobody is seen|the file is empty", str(error))


@settings(max_examples=30, deadline=2000)
@given(damage=DAMAGE)
def test_damaged_real_files(early_data: Path, file: Path, damage: list[tuple[str, int, str, int]]) -> None:
    content = (early_data / "ntu60" / "S001C001P001R001A050.skeleton").read_bytes()
    try:
        assert_valid(read(file, damaged(content, damage)))
    except DecodeError as error:
        assert re.match(r"line \d+ [a-z]|the file is empty", str(error))


@settings(max_examples=200, deadline=2000)
@given(content=st.binary(max_size=300) | st.text("0125 \n.-\r", max_size=300).map(str.encode))
def test_anything_ends_in_a_refusal(file: Path, content: bytes) -> None:
    with pytest.raises(DecodeError):
        read(file, content)
