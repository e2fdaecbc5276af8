"""A whole extraction: the same bytes in every way, only missing clips are extracted, nothing fails silently."""

import functools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from common.callbacks import ProgressCallback, no_progress
from common.errors import UserError
from extract import feature_settings, network_loader
from extract.cache import read_cache
from extract.clip import Clip
from extract.decoding.synthetic_clip import write_numbered_clip
from extract.extraction import Extraction, RunControl
from extract.machine import Machine
from extract.networks.segment_network import SegmentNetwork
from extract.run import extract, resume
from extract.shards import shard_worker
from extract.shards.ledger import LedgerRow
from extract.shards.run_folder import RunFolder
from manifests.manifest import read_manifest, write_manifest
from manifests.recipes.extraction import Extract

QUICK = Extract(backbone="timm:test_resnet", weights="random", frames_per_segment=2, image_size=32)
TSM = QUICK.model_copy(update={"backbone": "tsm_resnet50"})
CLIPS = [f"c{index}" for index in range(8)]
RETRY = RunControl(retry=True)

pytestmark = pytest.mark.usefixtures("one_thread")


def extract_quickly(
    footage: Path,
    out: Path,
    recipe: Extract = QUICK,
    *,
    device: str = "cpu",
    workers: int = 2,
    decoder: str = "pyav",
    progress: ProgressCallback = no_progress,
) -> dict[str, LedgerRow]:
    machine = Machine(device=device, workers=workers, decoder=decoder)
    extraction = Extraction(footage / "clips.csv", footage / "videos", out, recipe, machine)
    return extract(extraction, RunControl(progress=progress))


def stop_after(clips: int, error: BaseException) -> ProgressCallback:
    def progress(finished: int, total: int) -> None:
        if finished == clips:
            raise error

    return progress


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edit_manifest(footage: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    manifest = read_manifest(footage / "clips.csv")
    (footage / "clips.csv").write_text(edit(manifest.clips).to_csv(index=False, lineterminator="\n"))


@pytest.fixture(scope="module")
def whole(drawn_footage: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The cache of `drawn_footage` by QUICK, made in one run."""
    out = tmp_path_factory.mktemp("whole") / "features.h5"
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    assert extract_quickly(drawn_footage, out) == {}
    torch.set_num_threads(before)
    return out.read_bytes()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "features.h5"


def test_what_is_in_the_cache(whole: bytes, out: Path) -> None:
    out.parent.mkdir()
    out.write_bytes(whole)
    cache = read_cache(out)
    assert cache.clip_id == CLIPS
    assert cache.num_frames.tolist() == [12 + 3 * index for index in range(8)]
    assert cache.valid.all() and cache.features.shape == (8, 10, 96)
    assert np.isfinite(cache.features).all()
    assert len({features.tobytes() for features in cache.features}) == 8, "a mix-up of clips would be seen"
    assert cache.settings["backbone"] == "timm:test_resnet" and cache.settings["segments"] == 10


@pytest.mark.parametrize("workers", [1, 3])
def test_the_same_bytes_with_any_number_of_workers(drawn_footage: Path, out: Path, workers: int, whole: bytes) -> None:
    extract_quickly(drawn_footage, out, workers=workers)
    assert out.read_bytes() == whole


@pytest.mark.parametrize(("constant", "value", "parts"), [("PART_CLIPS", 1, 8), ("PART_CLIPS", 3, 3)])
def test_the_same_bytes_from_parts_of_any_size(
    drawn_footage: Path, out: Path, monkeypatch: pytest.MonkeyPatch, constant: str, value: int, parts: int, whole: bytes
) -> None:
    monkeypatch.setattr(shard_worker, constant, value)
    monkeypatch.setattr(shard_worker, "FIRST_PART_SECONDS", 60.0)
    extract_quickly(drawn_footage, out)
    assert len(list(out.with_name("features.h5.run").glob("shards/00000/*.safetensors"))) == parts
    assert out.read_bytes() == whole


def test_parts_are_written_after_some_seconds_too(
    drawn_footage: Path, out: Path, monkeypatch: pytest.MonkeyPatch, whole: bytes
) -> None:
    monkeypatch.setattr(shard_worker, "FIRST_PART_SECONDS", 0.0)
    extract_quickly(drawn_footage, out)
    assert len(list(out.with_name("features.h5.run").glob("shards/00000/*.safetensors"))) == 8
    assert out.read_bytes() == whole


@pytest.mark.parametrize(
    ("error", "stops"), [(KeyboardInterrupt(), [1]), (KeyboardInterrupt(), [8]), (RuntimeError("a bug"), [5, 7])]
)
def test_stopped_and_gone_on_with_only_what_is_missing_is_done(
    drawn_footage: Path, out: Path, stops: list[int], error: BaseException, decoded: list[str], whole: bytes
) -> None:
    finished: set[str] = set()
    for clips in stops:
        with pytest.raises(type(error)):
            extract_quickly(drawn_footage, out, progress=stop_after(clips, error))
        assert set(decoded) == set(CLIPS) - finished
        assert not out.exists()
        finished = set(RunFolder(out).done())
        assert len(finished) == clips
        decoded.clear()
    assert extract_quickly(drawn_footage, out) == {}
    assert set(decoded) == set(CLIPS) - finished
    assert out.read_bytes() == whole

    decoded.clear()
    before = out.stat()
    assert extract_quickly(drawn_footage, out) == {}
    assert decoded == [] and out.stat() == before, "a finished extraction is left as it is"


def test_the_same_bytes_where_frames_are_shifted_in_time(
    drawn_footage: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = out.with_name("straight.h5")
    extract_quickly(drawn_footage, straight, TSM, workers=1)
    monkeypatch.setattr(shard_worker, "PART_CLIPS", 2)
    with pytest.raises(KeyboardInterrupt):
        extract_quickly(drawn_footage, out, TSM, workers=3, progress=stop_after(3, KeyboardInterrupt()))
    extract_quickly(drawn_footage, out, TSM)
    assert out.read_bytes() == straight.read_bytes()


def test_a_clip_has_the_same_features_in_any_company(footage: Path, out: Path, whole: bytes) -> None:
    few = ["c6", "c2"]
    edit_manifest(footage, lambda clips: clips.set_index("clip_id", drop=False).loc[few])
    extract_quickly(footage, out)
    some = read_cache(out)
    out.write_bytes(whole)
    every = read_cache(out)
    assert some.clip_id == few
    for row, clip_id in enumerate(few):
        assert np.array_equal(some.features[row], every.features[CLIPS.index(clip_id)])


def test_changed_settings_are_refused_by_name_and_nothing_is_lost(
    footage: Path, out: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str], whole: bytes
) -> None:
    with pytest.raises(KeyboardInterrupt):
        extract_quickly(footage, out, progress=stop_after(3, KeyboardInterrupt()))
    before = contents(out.parent)

    def refused(*keys: str, **changes: object) -> None:
        decoded.clear()
        with pytest.raises(UserError, match=r"was begun with other settings|is not finished") as refusal:
            extract_quickly(footage, out, QUICK.model_copy(update=changes))
        named = re.findall(r"[(;] ?(\w+): .*?(?= there, )", str(refusal.value))
        assert set(keys) <= set(named), named
        assert decoded == [] and contents(out.parent) == before

    refused("frames_per_segment", frames_per_segment=3)
    refused("segments", segments=5)
    refused("backbone", "timm_model", backbone="timm:resnet14t")
    refused("precision", precision="bf16")
    refused("preprocess", image_size=64)
    with monkeypatch.context() as patch:
        patch.setattr(network_loader, "load_backbone", functools.partial(network_loader.load_backbone, seed=1))
        refused("weights_sha256")
    with monkeypatch.context() as patch:
        original = feature_settings.version
        patch.setattr(feature_settings, "version", lambda package: "0.0" if package == "av" else original(package))
        refused("decoder")
    manifest = (footage / "clips.csv").read_bytes()
    shutil.copy(footage / "videos" / "c4.avi", footage / "videos" / "moved.avi")
    edit_manifest(footage, lambda clips: clips.replace({"path": {"c4.avi": "moved.avi"}}))
    with pytest.raises(UserError, match=r"begun with other files of 1 clips \(c4: c4\.avi there, moved\.avi now\)"):
        extract_quickly(footage, out)
    assert decoded == [] and contents(out.parent) == before

    (footage / "clips.csv").write_bytes(manifest)
    extract_quickly(footage, out)
    assert len(decoded) == 5
    assert out.read_bytes() == whole
    before = contents(out.parent)
    refused("frames_per_segment", frames_per_segment=3)  # also when it is finished


def test_other_labels_and_splits_are_the_same_extraction(footage: Path, out: Path, whole: bytes) -> None:
    edit_manifest(footage, lambda clips: clips.assign(split=["test", *["train"] * 7], label=0, class_name="jump"))
    extract_quickly(footage, out)
    assert out.read_bytes() == whole


def test_failed_clips_are_told_and_taken_again_only_when_asked(
    footage: Path, out: Path, decoded: list[str], whole: bytes
) -> None:
    videos = footage / "videos"
    (videos / "c2.avi").write_text("not a video")
    (videos / "c5.avi").unlink()
    (videos / "c7.avi").write_bytes(b"")
    failures = extract_quickly(footage, out)
    assert set(failures) == {"c2", "c5", "c7"}
    assert {(row.stage, row.attempt) for row in failures.values()} == {("decode", 1)}
    assert "not a video" in failures["c2"].reason
    assert failures["c5"].reason == "the file does not exist"
    assert "the file is empty" in failures["c7"].reason
    ledger = RunFolder(out).shard(0).ledger.path
    assert {json.loads(line)["clip_id"] for line in ledger.read_text().splitlines()} == set(failures)
    cache = read_cache(out)
    assert cache.valid.tolist() == [clip_id not in failures for clip_id in CLIPS]
    assert not cache.features[~cache.valid].any() and not cache.num_frames[~cache.valid].any()

    decoded.clear()
    write_numbered_clip(videos / "c2.avi", 18, (96, 72))
    assert extract_quickly(footage, out) == failures, "a second run does not retry"
    assert decoded == []

    (videos / "c5.avi").write_text("not a video either")
    again = resume(out, control=RETRY)
    assert sorted(decoded) == ["c2", "c5", "c7"]
    assert {clip_id: row.attempt for clip_id, row in again.items()} == {"c5": 2, "c7": 2}
    write_numbered_clip(videos / "c5.avi", 27, (64, 64))
    again = resume(out, control=RETRY)
    assert {clip_id: row.attempt for clip_id, row in again.items()} == {"c7": 3}
    assert read_cache(out).valid.tolist() == [clip_id != "c7" for clip_id in CLIPS]
    write_numbered_clip(videos / "c7.avi", 33, (64, 64))
    assert resume(out, control=RETRY) == {}
    assert out.read_bytes() == whole, "as if nothing had ever failed"


def test_retry_goes_on_after_a_stop_between_its_parts_and_the_merge(
    footage: Path, out: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str], whole: bytes
) -> None:
    good = (footage / "videos" / "c3.avi").read_bytes()
    (footage / "videos" / "c3.avi").write_text("not a video")
    assert list(extract_quickly(footage, out)) == ["c3"]
    incomplete = out.read_bytes()
    (footage / "videos" / "c3.avi").write_bytes(good)

    def killed(run: RunFolder) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("extract.shards.run_shards.merge", killed)
        with pytest.raises(KeyboardInterrupt):
            resume(out, control=RETRY)
    assert out.read_bytes() == incomplete
    decoded.clear()
    assert extract_quickly(footage, out) == {}
    assert decoded == [] and out.read_bytes() == whole


def test_every_clip_failed_is_an_error(footage: Path, out: Path) -> None:
    for clip_id in CLIPS:
        (footage / "videos" / f"{clip_id}.avi").write_text("not a video")
    for _ in range(2):
        sentence = (
            r"every one of the 8 clips failed: 8 in stage decode: .* \(first: c0\)\. All are in .*failures\.jsonl\. "
            rf"`python -m extract retry {out}` takes them again"
        )
        with pytest.raises(UserError, match=sentence):
            extract_quickly(footage, out)
    assert not out.exists()


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_features_that_are_no_numbers_fail_their_clip(
    footage: Path, out: Path, monkeypatch: pytest.MonkeyPatch, number: float, whole: bytes
) -> None:
    class Overflowing(SegmentNetwork):
        def __call__(self, clip: Clip) -> NDArray[np.float32]:
            features = super().__call__(clip)
            if clip.num_frames == 24:  # c4
                features[3, 7] = number
            return features

    with monkeypatch.context() as patch:
        patch.setattr(network_loader, "SegmentNetwork", Overflowing)
        failures = extract_quickly(footage, out)
    assert failures == {"c4": LedgerRow("c4", "network", "a feature is not a finite number", 1)}
    assert read_cache(out).valid.tolist() == [clip_id != "c4" for clip_id in CLIPS]
    assert resume(out, control=RETRY) == {}
    assert out.read_bytes() == whole


def test_a_file_shorter_than_the_manifest_says_is_refused(footage: Path, out: Path) -> None:
    true = [12 + 3 * index for index in range(8)]
    edit_manifest(footage, lambda clips: clips.assign(num_frames=[*true[:5], 60, *true[6:]]))
    failures = extract_quickly(footage, out)
    assert failures == {"c5": LedgerRow("c5", "decode", "cut: 27 frames can be decoded, the manifest gives 60", 1)}


def test_a_video_that_was_replaced_is_noticed(footage: Path, out: Path, whole: bytes) -> None:
    with pytest.raises(RuntimeError):
        extract_quickly(footage, out, progress=stop_after(4, RuntimeError("stopped")))
    there = footage / "videos"
    elsewhere = there.rename(footage / "moved")
    there.mkdir()
    for video in elsewhere.glob("*.avi"):
        (there / video.name).write_bytes(video.read_bytes() + b"x")
    with pytest.raises(UserError, match=r"c\d\.avi has \d+ bytes, and the features of c\d are of \d+"):
        extract(Extraction(footage / "clips.csv", there, out, QUICK, Machine(device="cpu", workers=1)))
    shutil.rmtree(there)
    elsewhere.rename(there)
    assert not extract_quickly(footage, out)
    assert out.read_bytes() == whole


@pytest.mark.parametrize("path", ["../secret.avi", "/etc/secret.avi", "sub/../../secret.avi"])
def test_a_path_out_of_the_video_folder_is_refused(footage: Path, out: Path, path: str) -> None:
    edit_manifest(footage, lambda clips: clips.replace({"path": {"c4.avi": path}}))
    with pytest.raises(UserError, match=r"clips\.csv, row 6, column path: .* leads out of"):
        extract_quickly(footage, out)
    assert not out.parent.exists()


@pytest.mark.parametrize("separator", ["ä ä", "動作", "' \""])
def test_clip_ids_of_any_letters(footage: Path, out: Path, separator: str) -> None:
    edit_manifest(footage, lambda clips: clips.assign(clip_id="a" + separator + clips["clip_id"]))
    names = read_manifest(footage / "clips.csv").clips["clip_id"].tolist()
    extract_quickly(footage, out)
    assert read_cache(out).clip_id == names


def test_what_is_not_there_is_a_sentence_and_makes_no_folder(footage: Path, out: Path) -> None:
    with pytest.raises(UserError, match="no decoder 'ffmpeg'; known: pyav"):
        extract_quickly(footage, out, decoder="ffmpeg")
    with pytest.raises(UserError, match="there is no backbone tsm_resnet51; near are tsm_resnet50"):
        extract_quickly(footage, out, QUICK.model_copy(update={"backbone": "tsm_resnet51"}))
    shutil.rmtree(footage / "videos")
    with pytest.raises(UserError, match="the video folder .* does not exist"):
        extract_quickly(footage, out)
    with pytest.raises(UserError, match="no extraction of .* was begun"):
        resume(out, control=RETRY)
    assert not out.parent.exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    if not shutil.which("mount") or os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk, and not in every container")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leave_free(disk: Path, kibibytes: int) -> None:
    (disk / "filler").unlink(missing_ok=True)
    (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free - 1024 * kibibytes))


def test_a_disk_that_cannot_be_written(footage: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for out in (small_disk / "features.h5", small_disk / "deep" / "er" / "features.h5"):
        with pytest.raises(UserError, match=r"cannot write .*features\.h5\.run: Read-only file system"):
            extract_quickly(footage, out)
    blocked = footage / "clips.csv" / "features.h5"
    with pytest.raises(UserError, match=r"cannot write .*features\.h5\.run: (Not a directory|File exists)"):
        extract_quickly(footage, blocked)


def test_a_full_disk_loses_nothing(
    footage: Path, out: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, whole: bytes
) -> None:
    """Each time there is more space: for the ledger, a part, a record, half the cache. Each run ends in a sentence.

    The space grows by pages, so that every file is the one that does not fit once, however long the paths in them are.
    """
    monkeypatch.setattr(shard_worker, "PART_CLIPS", 3)
    full = small_disk / "out" / "features.h5"
    good = (footage / "videos" / "c0.avi").read_bytes()
    (footage / "videos" / "c0.avi").write_text("not a video")
    extract_quickly(footage, out)

    full_of: set[str] = set()

    def fill_up(work: Callable[[], object], rooms: list[int]) -> None:
        for kibibytes in rooms:
            leave_free(small_disk, kibibytes)
            with pytest.raises(UserError, match="cannot write .*: No space left on device$") as refusal:
                work()
            full_of.add(Path(str(refusal.value).split(":")[0]).suffix)
            assert not list(small_disk.rglob("*.tmp"))
        (small_disk / "filler").unlink()

    fill_up(lambda: extract_quickly(footage, full, workers=1), [*range(0, 48, 4), 64, 4, 100, 8, 150])
    assert not full.exists()
    assert list(extract_quickly(footage, full)) == ["c0"]
    assert full.read_bytes() == out.read_bytes()
    assert full_of >= {".csv", ".jsonl", ".safetensors", ".json", ".h5"}

    (footage / "videos" / "c0.avi").write_bytes(good)
    fill_up(lambda: resume(full, control=RETRY), [4])
    assert full.read_bytes() == out.read_bytes(), "the cache of before is left whole"
    assert resume(full, control=RETRY) == {}
    assert full.read_bytes() == whole


def test_manifests_are_written_as_they_are_read(footage: Path) -> None:
    """`edit_manifest` depends on this."""
    before = (footage / "clips.csv").read_bytes()
    write_manifest(read_manifest(footage / "clips.csv"), footage / "clips.csv")
    assert (footage / "clips.csv").read_bytes() == before


@pytest.mark.gpu
@pytest.mark.parametrize("recipe", [QUICK, TSM], ids=["single frames", "segments"])
def test_a_gpu_gives_the_same_bytes_with_any_workers(drawn_footage: Path, tmp_path: Path, recipe: Extract) -> None:
    caches = []
    for workers in (1, 3):
        out = tmp_path / f"{workers}.h5"
        assert extract_quickly(drawn_footage, out, recipe, device="cuda", workers=workers) == {}
        caches.append(out.read_bytes())
    assert caches[0] == caches[1]
    assert "cuda" in str(read_cache(tmp_path / "1.h5").settings["device"])
