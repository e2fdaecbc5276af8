from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from extract.clip import DecodeError
from extract.decoding.decode import decode_clip
from extract.decoding.frame_folder import frame_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures 8.png … 19.png whose grey is their number, and things that are no frames."""
    for number in range(8, 20):
        Image.new("RGB", (32, 24), (number, number, number)).save(tmp_path / f"{number}.png")
    (tmp_path / "Thumbs.db").write_bytes(b"")
    (tmp_path / "._9.png").write_bytes(b"")
    return tmp_path


def test_frames_come_in_the_order_of_their_numbers(folder: Path) -> None:
    assert [path.stem for path in frame_files(folder)] == [str(number) for number in range(8, 20)]


def named(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    "names",
    [
        ["img_00009.jpg", "img_00010.jpg", "img_00011.jpg"],
        ["S001_frame8.png", "S001_frame9.png", "S001_frame10.png"],  # the other number is the same in all
        ["frame8_v2.png", "frame9_v2.png", "frame10_v2.png"],
        ["Frame9.JPG", "frame10.jpg", "FRAME11.jpeg"],
        ["9.bmp", "10.png", "11.jpg"],
        ["0.jpg", "5.jpg", "10.jpg", "15.jpg"],  # every fifth frame of a video
        ["7.jpg", "300.jpg"],
        ["only.png"],
        ["-1.png", "-2.png"],  # a hyphen, no sign
    ],
)
def test_the_number_that_changes_gives_the_order(tmp_path: Path, names: list[str]) -> None:
    named(tmp_path, *reversed(names))
    assert [path.name for path in frame_files(tmp_path)] == names


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (
            [f"{kind}_{number:05d}.jpg" for kind in ("img", "flow_x", "flow_y") for number in (1, 2)],
            r"several kinds: flow_x_# \(2\), flow_y_# \(2\), img_# \(2\); give each kind a folder of its own",
        ),
        ([f"cam{cam}_{number}.png" for cam in (1, 2) for number in (1, 2)], r"cam1_# \(2\), cam2_# \(2\)"),
        (["1.jpg", "2.jpg", "1_depth.png", "2_depth.png"], r"# \(2\), #_depth \(2\)"),
        (["img_00001.jpg", "img_00002.jpg", "cover.jpg"], r"without a number in their name .* cover.jpg$"),
        (["a.png", "b.png"], r"without a number in their name .* a.png, b.png$"),
        ([f"{letter}.png" for letter in "abcdef"], r"a.png, b.png, c.png and 3 more$"),
        (["1.jpg", "1.png", "2.jpg"], "the same number: 1.jpg and 1.png"),
        (["1.jpg", "001.jpg", "2.jpg"], "the same number: 001.jpg and 1.jpg"),
        (["frame1.png", "Frame1.png"], "the same number: Frame1.png and frame1.png"),
        (
            [f"{number}.png" for number in range(1, 30) if number not in (4, 17, 18, 19)],
            "of the frames 1 to 29, 4 are missing: 4, 17 to 19; if the recording never had them",
        ),
        (["0.png", "5.png", "20.png"], "of the frames 0 to 20 in steps of 5, 2 are missing: 10 to 15"),
        (["0.png", "2.png", "5.png"], "of the frames 0 to 5, 3 are missing: 1, 3 to 4"),
        (["1.png", "2.png", f"{10**200}.png"], "are missing: 3 to 9"),  # found without counting
        ([f"{number}.png" for number in (1, 2, 4, 6, 8, 10, 12)], "5 are missing: 3, 5, 7 and 2 more"),
    ],
)
def test_doubtful_names_are_refused(tmp_path: Path, names: list[str], reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        decode_clip(named(tmp_path, *names), 2, 1)


def test_a_folder_is_a_clip(folder: Path) -> None:
    clip = decode_clip(folder, 4, 3)
    assert clip.num_frames == 12 and clip.content.shape == (12, 24, 32, 3)
    assert clip.content[clip.segments][..., 0, 0, 0].tolist() == [[8, 9, 10], [11, 12, 13], [14, 15, 16], [17, 18, 19]]


def test_only_the_frames_asked_for_are_opened(folder: Path) -> None:
    (folder / "8.png").write_bytes(b"damaged")
    assert decode_clip(folder, 2, 1).content[:, 0, 0, 0].tolist() == [11, 17]
    with pytest.raises(DecodeError, match=r"the picture 8.png cannot be read"):
        decode_clip(folder, 4, 3)


def test_pictures_of_other_sizes_are_refused(folder: Path) -> None:
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "10.png")
    with pytest.raises(DecodeError, match="changes its size"):
        decode_clip(folder, 4, 3)


def test_fewer_frames_than_the_manifest_gives_are_a_cut(folder: Path) -> None:
    with pytest.raises(DecodeError, match="cut: 12 frames can be decoded, the manifest gives 20"):
        decode_clip(folder, 4, 3, expected=20)
