"""Files that were replaced since their features were made: the run is refused, and nothing is written."""

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from extract.cache import read_cache
from extract.extraction import Extraction
from extract.machine import Machine
from extract.run import extract
from extract.shards.run_folder import RunFolder
from manifests.recipes.extraction import Extract

VIDEOS = Extract(
    backbone="timm:test_resnet", weights="random", frames_per_segment=1, segments=2, image_size=32, column="path"
)
MACHINE = Machine(device="cpu", workers=1)

pytestmark = pytest.mark.usefixtures("one_thread")


def write_pictures(folder: Path, seed: int, count: int = 3) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        grey = np.random.default_rng(seed + number).integers(0, 256, (32, 40, 3), np.uint8)
        Image.fromarray(grey).save(folder / f"{number}.bmp")  # every file has the same size
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three recordings as folders of images, all of the same size."""
    for seed, name in enumerate("ABC"):
        write_pictures(tmp_path / "pictures" / name, 10 * seed)
    return tmp_path / "pictures"


@pytest.fixture
def listed(tmp_path: Path, pictures: Path) -> Callable[..., bytes]:
    """Extract the given clips, each from its given folder, and return the cache's bytes."""
    out = tmp_path / "out" / "features.h5"

    def run(**folders: str) -> bytes:
        rows = "".join(f"{clip},{folder}\n" for clip, folder in folders.items())
        (tmp_path / "clips.csv").write_text(f"clip_id,path\n{rows}")
        assert not extract(Extraction(tmp_path / "clips.csv", pictures, out, VIDEOS, MACHINE))
        return out.read_bytes()

    return run


def test_a_clip_that_comes_back_with_another_path(listed: Callable[..., bytes]) -> None:
    first = listed(a="A", b="B")
    listed(b="B")
    with pytest.raises(UserError, match="1 videos were replaced.*the features of a are of A, and its path is C"):
        listed(a="C", b="B")
    assert listed(a="A", b="B") == first


def test_pictures_of_a_folder(listed: Callable[..., bytes], pictures: Path) -> None:
    first = listed(a="A")
    whole = pictures.with_name("whole")
    shutil.move(pictures / "A", whole)
    write_pictures(pictures / "A", seed=70, count=2)
    with pytest.raises(UserError, match="A has .* bytes, and the features of a are of"):
        listed(a="A")
    shutil.rmtree(pictures / "A")
    shutil.move(whole, pictures / "A")
    assert listed(a="A") == first


def test_a_member_of_an_archive(drawn_footage: Path, tmp_path: Path) -> None:
    archive, out = tmp_path / "clips.tar", tmp_path / "out" / "features.h5"

    def pack(video: str) -> None:
        with tarfile.open(archive, "w") as file:
            file.add(drawn_footage / "videos" / video, "x.avi")

    pack("c0.avi")
    extract(Extraction(archive, None, out, VIDEOS, MACHINE))
    first = out.read_bytes()
    pack("c7.avi")
    with pytest.raises(UserError, match=r"x\.avi has \d+ bytes, and the features of x are of \d+"):
        extract(Extraction(archive, None, out, VIDEOS, MACHINE))
    pack("c0.avi")
    extract(Extraction(archive, None, out, VIDEOS, MACHINE))
    assert out.read_bytes() == first


def test_a_kill_between_the_two_files_of_a_list(listed: Callable[..., bytes], tmp_path: Path) -> None:
    """A process was killed after it wrote the clips and before the plan; then a third list is given."""
    listed(a="A", b="B", c="C")
    folder = RunFolder(tmp_path / "out" / "features.h5").folder
    plan = (folder / "plan.json").read_bytes()
    listed(a="A", b="B")
    (folder / "plan.json").write_bytes(plan)
    listed(a="A")
    assert read_cache(tmp_path / "out" / "features.h5").clip_id == ["a"]
