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


def test_padded_and_dated_names_keep_their_order(tmp_path: Path) -> None:
    names = ["img_00009.jpg", "img_00010.jpg", "img_00100.jpg"]
    for name in reversed(names):
        (tmp_path / name).touch()
    assert [path.name for path in frame_files(tmp_path)] == names


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
