"""Pictures of every kind that Pillow opens: as they are meant to be seen, or refused with the reason."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from extract.clip import DecodeError
from extract.decoding.decode import decode_clip
from extract.decoding.image_file import read_image

HEIGHT, WIDTH = 24, 40
ORIENTATION = 0x0112


def colours() -> NDArray[np.uint8]:
    """Four quarters of four colours, each flat: (H, W, 3)."""
    quarters = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
    return quarters.repeat(HEIGHT // 2, 0).repeat(WIDTH // 2, 1)


def as_stored(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return what a camera stores, so that EXIF's orientation makes it `upright` again."""
    return {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"1.{suffix}"
    Image.fromarray(as_stored(colours(), orientation)).save(path, exif=exif, quality=95, subsampling=0)
    shown = read_image(path)
    assert shown.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(shown.astype(int) - colours()).max() <= 10  # what JPEG loses


def test_sizes_are_compared_after_they_are_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(colours()).save(tmp_path / "1.png")
    Image.fromarray(as_stored(colours(), 6)).save(tmp_path / "2.png", exif=exif)
    assert decode_clip(tmp_path, 2, 1).content.shape == (2, HEIGHT, WIDTH, 3)
    Image.fromarray(colours()).save(tmp_path / "3.png", exif=exif)
    with pytest.raises(DecodeError, match="changes its size"):
        decode_clip(tmp_path, 3, 1)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_all_modes_of_eight_bits_or_fewer(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(colours()).convert(mode)
    picture.save(tmp_path / "1.png")
    assert np.array_equal(read_image(tmp_path / "1.png"), np.asarray(picture.convert("RGB")))


def test_cmyk_is_pillows_rgb(tmp_path: Path) -> None:
    Image.fromarray(colours()).convert("CMYK").save(tmp_path / "1.jpg", quality=95)
    with Image.open(tmp_path / "1.jpg") as picture:
        assert picture.mode == "CMYK"
    assert np.abs(read_image(tmp_path / "1.jpg").astype(int) - colours()).max() <= 10


@pytest.mark.parametrize("name", ["1.png", "1.bmp"])
def test_16_bits_and_floats_are_refused(tmp_path: Path, name: str) -> None:
    depth = np.linspace(800, 4000, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
    Image.fromarray(depth).save(tmp_path / name, "PNG")
    with pytest.raises(DecodeError, match=rf"{name} has more than 8 bits a pixel \(I.*scale it to 0…255"):
        decode_clip(tmp_path, 1, 1)
    Image.fromarray(depth.astype(np.float32)).save(tmp_path / name, "TIFF")
    with pytest.raises(DecodeError, match=rf"{name} has more than 8 bits a pixel \(F\)"):
        read_image(tmp_path / name)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB"])
def test_partly_transparent_pictures_are_refused(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(colours()).convert(mode)
    if mode in ("RGBA", "LA"):
        picture.putalpha(200)
        picture.save(tmp_path / "1.png")
    else:
        first = picture.getpixel((0, 0))
        picture.save(tmp_path / "1.png", transparency=first)
    with pytest.raises(DecodeError, match="1.png is partly transparent; save it on a background"):
        read_image(tmp_path / "1.png")


@pytest.mark.parametrize("form", ["PNG", "GIF", "TIFF"])
def test_animations_are_refused(tmp_path: Path, form: str) -> None:
    picture = Image.fromarray(colours())
    picture.save(tmp_path / "1.png", form, save_all=True, append_images=[ImageOps.mirror(picture)])
    with pytest.raises(DecodeError, match="1.png is an animation"):
        read_image(tmp_path / "1.png")


def test_of_a_cameras_several_pictures_the_first_is_meant(tmp_path: Path) -> None:
    picture = Image.fromarray(colours())
    picture.save(tmp_path / "1.jpg", "MPO", save_all=True, append_images=[picture.resize((10, 6))], quality=95)
    with Image.open(tmp_path / "1.jpg") as opened:
        assert (opened.format, opened.n_frames) == ("MPO", 2)  # type: ignore[attr-defined]
    assert read_image(tmp_path / "1.jpg").shape == (HEIGHT, WIDTH, 3)
