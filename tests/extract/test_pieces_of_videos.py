"""An extraction of pieces of videos: planning, shards, ledger and cache, and a changed piece is noticed."""

from pathlib import Path

import av
import numpy as np
import pytest

from common.errors import UserError
from extract.cache import read_cache
from extract.extraction import Extraction, RunControl
from extract.machine import Machine
from extract.run import extract
from extract.shards.run_folder import RunFolder
from manifests.recipes.extraction import Extract

QUICK = Extract(backbone="timm:test_resnet", weights="random", frames_per_segment=2, image_size=32)

pytestmark = pytest.mark.usefixtures("one_thread")


def write(path: Path, numbers: range) -> None:
    """Write pictures without loss, 25 a second; a picture follows from its number."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for number in numbers:
            pixels = np.random.default_rng(number).integers(0, 256, (32, 48, 3), np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode(None))


def run(clips: Path, out: Path) -> dict[str, str]:
    extraction = Extraction(clips, clips.parent, out, QUICK, Machine(device="cpu", workers=2), num_shards=2)
    return {clip: row.reason for clip, row in extract(extraction, RunControl()).items()}


def test_pieces_have_the_features_of_files_that_were_cut(tmp_path: Path) -> None:
    write(tmp_path / "long.mkv", range(100))
    cuts = {"long": range(100), "long@0.400-1.600": range(10, 40), "long@1.600-": range(40, 100)}
    for number, own in enumerate(cuts.values()):
        write(tmp_path / f"{number}.mkv", own)
    (tmp_path / "cut.csv").write_text("path\n0.mkv\n1.mkv\n2.mkv\n")
    assert run(tmp_path / "cut.csv", tmp_path / "cut.h5") == {}
    pieces = tmp_path / "pieces.csv"
    pieces.write_text("path,start,end\nlong.mkv,,\nlong.mkv,0.4,1.6\nlong.mkv,1.6,\nlong.mkv,3,9\n")
    failed = run(pieces, tmp_path / "pieces.h5")
    assert failed == {
        "long@3.000-9.000": "cut: the piece ends at 9 s, and the file at 4 s; an empty end means the end of the file"
    }
    cache, wanted = read_cache(tmp_path / "pieces.h5"), read_cache(tmp_path / "cut.h5")
    assert cache.clip_id == [*cuts, "long@3.000-9.000"]
    assert cache.valid.tolist() == [True, True, True, False]
    assert cache.num_frames.tolist() == [100, 30, 60, 0]
    assert np.array_equal(cache.features[:3], wanted.features)
    # A run that is begun again does nothing, and another time for the same clip is refused.
    before = (tmp_path / "pieces.h5").read_bytes()
    assert run(pieces, tmp_path / "pieces.h5") == failed
    assert (tmp_path / "pieces.h5").read_bytes() == before
    assert list(RunFolder(tmp_path / "pieces.h5").clips["start"]) == [0, 400, 1600, 3000]
    named = tmp_path / "named.csv"
    named.write_text("clip_id,path,start,end\na,long.mkv,0.4,1.6\n")
    run(named, tmp_path / "named.h5")
    named.write_text("clip_id,path,start,end\na,long.mkv,0.4,1.7\n")
    with pytest.raises(
        UserError, match=r"a: long\.mkv, seconds 0\.400-1\.600 there, long\.mkv, seconds 0\.400-1\.700 now"
    ):
        run(named, tmp_path / "named.h5")
