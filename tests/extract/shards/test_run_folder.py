"""A run's folder without a network: what is resumed, what is refused, and the merge of parts of any size."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from extract.cache import read_cache
from extract.cache_rows import Row
from extract.decoding.decode_process import Failure
from extract.machine import Machine
from extract.shards import run_folder
from extract.shards.begin_run import begin_run, write_settings
from extract.shards.clip_lists import COLUMNS, clip_lines, clips_text, read_shard_rows, shard_sha256
from extract.shards.merge import is_merged, merge
from extract.shards.run_folder import RunFolder
from extract.shards.run_plan import RunPlan, make_run_plan
from extract.shards.run_rows import read_run_rows
from extract.sources.listing import Listing
from manifests.recipes.extraction import Extract

IDS = [f"clip{index}" for index in range(12)]
SETTINGS = {"backbone": "b", "device": "cpu"}
RECIPE = Extract(backbone="timm:test_resnet", weights="random")


def planned(clip_ids: Sequence[str] = IDS, shards: int = 3, recipe: Extract = RECIPE) -> tuple[RunPlan, pd.DataFrame]:
    clips = pd.DataFrame({"clip_id": clip_ids, "path": [f"{clip}.avi" for clip in clip_ids]})
    clips = clips.assign(frames=0, bytes=0, archive="", offset=0)
    return make_run_plan("clips.csv", Listing("/videos", clips, f"of {' '.join(clip_ids)}"), recipe, Machine(), shards)


def row(clip_id: str) -> Row:
    number = int(clip_id.removeprefix("clip"))
    return Row(clip_id, np.random.default_rng(number).random((3, 5), np.float32), 20 + number, True)


def begun(out: Path, clip_ids: Sequence[str] = IDS, shards: int = 3) -> RunFolder:
    run = RunFolder(out)
    begin_run(run, *planned(clip_ids, shards))
    write_settings(run, SETTINGS)
    return run


def work(run: RunFolder, part_clips: int = 2, failed: Sequence[str] = (), leave: Sequence[str] = ()) -> None:
    """Extract the missing clips, in parts of a given size."""
    done = run.done()
    for number in range(run.plan.shards):
        clips = run.clips[run.clips["shard"] == number]
        todo = [clip for clip in clips["clip_id"] if clip not in done and clip not in {*failed, *leave}]
        with run.shard(number) as shard:
            for start in range(0, len(todo), part_clips):
                shard.write_part([row(clip) for clip in todo[start : start + part_clips]])
            for clip in set(failed) & set(clips["clip_id"]):
                shard.add_failure(Failure(clip, "decode", "it is cut"))
            if not set(leave) & set(clips["clip_id"]):
                shard.complete(shard_sha256(clips), len(clips), 0)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "c.h5"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    run = begun(tmp_path_factory.mktemp("whole") / "c.h5", shards=1)
    work(run, part_clips=12)
    assert merge(run) == {}
    return run.cache.read_bytes()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(1, 12))
def test_the_same_bytes_however_the_clips_were_cut(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, shards: int, part_clips: int
) -> None:
    run = begun(tmp_path_factory.mktemp("cut") / "c.h5", shards=shards)
    work(run, part_clips)
    assert run.unfinished() == [] and merge(run) == {}
    assert run.cache.read_bytes() == whole


def test_what_is_in_the_cache(out: Path) -> None:
    run = begun(out)
    work(run, failed=["clip5"])
    assert list(merge(run)) == ["clip5"]
    cache = read_cache(out)
    assert cache.clip_id == IDS
    assert cache.valid.tolist() == [clip != "clip5" for clip in IDS]
    assert cache.num_frames.tolist() == [0 if clip == "clip5" else row(clip).num_frames for clip in IDS]
    for index, clip in enumerate(IDS):
        assert np.array_equal(cache.features[index], row(clip).features * (clip != "clip5"))
    assert cache.settings == {**SETTINGS, "manifest_sha256": run.plan.fingerprint}
    assert str(out.parent).encode() not in out.read_bytes(), "no place is in it"


def test_merge_wants_every_clip(out: Path) -> None:
    run = begun(out)
    work(run, leave=["clip4", "clip5"])
    assert sorted(read_run_rows(run).missing) == ["clip4", "clip5"]
    assert set(run.unfinished()) == set(run.clips.set_index("clip_id").loc[["clip4", "clip5"], "shard"])
    with pytest.raises(UserError, match=r"2 clips are not extracted yet \(first: clip4\)"):
        merge(run)
    failed = begun(out.with_name("failed.h5"))
    work(failed, failed=IDS)
    with pytest.raises(UserError, match=r"every one of the 12 clips failed: 12 in stage decode: it is cut"):
        merge(failed)
    assert not out.exists() and not failed.cache.exists()


def test_a_merge_is_made_again_only_when_there_is_more_or_it_was_touched(out: Path, whole: bytes) -> None:
    run = begun(out)
    work(run, failed=["clip7"])
    merge(run)
    before = out.stat()
    merge(run)
    assert out.stat() == before
    work(run)  # clip7 is mended
    assert not is_merged(run, read_run_rows(run).done)
    merge(run)
    assert out.read_bytes() == whole
    out.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert not is_merged(run, read_run_rows(run).done)
    merge(run)
    assert out.read_bytes() == whole


def test_a_cache_of_unknown_making_is_never_overwritten(out: Path) -> None:
    out.parent.mkdir()
    out.write_bytes(b"somebody's")
    with pytest.raises(UserError, match=r"c\.h5 exists, and .*, which says how it was made, does not"):
        begun(out)
    assert out.read_bytes() == b"somebody's" and list(out.parent.iterdir()) == [out]
    with pytest.raises(UserError, match="is a folder; give the file to write"):
        begun(out.parent)


def test_other_settings_are_refused_by_name_before_anything_is_written(out: Path) -> None:
    run = begun(out)
    before = {path: path.read_bytes() for path in out.parent.rglob("*") if path.is_file()}
    for refused in (
        lambda: write_settings(run, {**SETTINGS, "backbone": "other", "new": 1}),
        lambda: begin_run(
            run, *planned(recipe=RECIPE.model_copy(update={"segments": 5})), {"backbone": "other", "new": 1}
        ),
    ):
        with pytest.raises(UserError, match="backbone: 'b' there, 'other' now; new: None there, 1 now"):
            refused()
    with pytest.raises(UserError, match=r"planned with other settings \(recipe.segments: 10 there, 5 wanted\)"):
        begin_run(run, *planned(recipe=RECIPE.model_copy(update={"segments": 5})))
    with pytest.raises(UserError, match="planned with 3 shards, not 4"):
        begin_run(run, *planned(shards=4))
    assert {path: path.read_bytes() for path in out.parent.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("stopped", ["before", "between", "after"])
def test_a_list_that_grows(out: Path, whole: bytes, stopped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(out, IDS[7:2:-1])
    work(run)
    merge(run)
    if stopped == "between":  # the new list is written, and the plan that belongs to it is not

        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("extract.shards.begin_run.dump_checked", killed)
            begin_run(run, *planned())
        with pytest.raises(UserError, match=r"clips\.csv is not what was planned; plan again"):
            _ = RunFolder(out).clips
    run = begun(out)
    if stopped == "after":
        run = begun(out)
    assert sorted(read_run_rows(run).missing) == sorted(clip for clip in IDS if clip not in IDS[3:8])
    assert not is_merged(run, read_run_rows(run).done)
    work(run)
    merge(run)
    assert out.read_bytes() == whole


def test_a_list_that_shrinks_and_grows_again(out: Path, whole: bytes) -> None:
    """The features of a clip stay in the shard where they were made."""
    run = begun(out, shards=5)
    work(run)
    merge(run)
    before = run.clips.set_index("clip_id")["shard"]
    few = RunFolder(out)
    assert begin_run(few, *planned(IDS[4:6], 5)).removed == (*IDS[:4], *IDS[6:])
    assert not is_merged(few, read_run_rows(few).done) and few.is_finished(few.clips)
    work(few)
    merge(few)
    assert read_cache(out).clip_id == IDS[4:6]
    assert begin_run(run, *planned(shards=5)).added == (*IDS[:4], *IDS[6:])
    assert run.clips.set_index("clip_id")["shard"].equals(before) and run.is_finished(run.clips)
    work(run)
    merge(run)
    assert out.read_bytes() == whole


def test_clips_stay_in_their_shards_when_there_are_more(out: Path) -> None:
    few, every = [f"clip{index}" for index in range(40)], [f"clip{index}" for index in range(80)]
    before = begun(out, few, 8).clips.set_index("clip_id")["shard"]
    assert any(planned(every, 8)[1].set_index("clip_id")["shard"].loc[few] != before), "else nothing is shown"
    after = begun(out, every, 8).clips.set_index("clip_id")["shard"]
    assert after.loc[few].equals(before) and after.isin(range(8)).all()
    assert begun(out, every, 8).clips.set_index("clip_id")["shard"].equals(after)


def test_a_merge_sees_what_was_planned_meanwhile(out: Path, whole: bytes) -> None:
    late = begun(out, IDS[:6])
    work(late)
    assert len(late.clips) == 6
    grown = begun(out)
    with pytest.raises(UserError, match="6 clips are not extracted yet"):
        merge(late)
    work(grown)
    merge(late)
    assert out.read_bytes() == whole


def test_a_clip_that_moved_to_another_shard_counts_once(out: Path, whole: bytes) -> None:
    run = begun(out)
    work(run)
    with run.shard(0) as shard:
        shard.write_part([row(clip) for clip in IDS])  # the same, made again elsewhere
    merge(run)
    assert out.read_bytes() == whole


def test_more_parts_than_files_may_be_open(out: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extract.shards.merge.OPEN_PARTS", 2)
    run = begun(out, shards=7)
    work(run, part_clips=1)
    merge(run)
    assert out.read_bytes() == whole


def test_leftovers_of_a_kill_are_cleared_away_and_nothing_else(out: Path) -> None:
    run = begun(out)
    work(run)
    mine = [out.parent / ".c.h5.abcdefg1.tmp", run.folder / ".plan.json.abcdefg2.tmp"]
    mine.append(run.shard(1).folder / ".000002.json.abcdefg3.tmp")
    others = [out.parent / ".other.h5.abcdefg4.tmp", out.parent / "c.h5.tmp", out.parent / ".c.h5.h5.abcdefg5.tmp"]
    for path in itertools.chain(mine, others):
        path.touch()
    begun(out)
    with run.shard(1):
        pass
    merge(run)
    assert not any(path.exists() for path in mine) and all(path.exists() for path in others)


def test_a_shard_that_is_not_there(out: Path) -> None:
    run = begun(out)
    with pytest.raises(UserError, match="no shard 3: .* was planned with 3, 0 to 2"):
        run.shard(3)
    with pytest.raises(UserError, match="no extraction of .* was begun"):
        _ = RunFolder(out.with_name("other.h5")).plan


def test_a_worker_reads_the_clips_of_its_shard_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(tmp_path / "f.h5")
    work(run)
    expected = [run.clips[run.clips["shard"] == number].reset_index(drop=True) for number in range(3)]
    monkeypatch.setattr(run_folder, "read_planned_clips", None)
    again = RunFolder(tmp_path / "f.h5")
    for number in range(3):
        pd.testing.assert_frame_equal(again.clips_of(number), expected[number])
    assert again.unfinished() == [] and sorted(again.paths()) == sorted(f"{clip}.avi" for clip in IDS)
    assert list(again.clip_ids()) == IDS and read_run_rows(again).done == 12
    merge(again)
    assert read_cache(tmp_path / "f.h5").clip_id == IDS


@pytest.mark.parametrize("damage", ["missing", "of another plan", "cut", "one letter", "an index without rows"])
def test_a_run_without_lists_by_shard_continues_from_its_list(tmp_path: Path, damage: str) -> None:
    """A run of an older version has none, and a kill between two files leaves those of another plan."""
    run = begun(tmp_path / "f.h5")
    rows, index = run.folder / "shards.csv", run.folder / "shards.json"
    expected = [run.clips_of(number).to_csv() for number in range(3)]
    if damage == "missing":
        rows.unlink(), index.unlink()
    elif damage == "of another plan":
        other = begun(tmp_path / "other.h5", [*IDS[::-1], "clip12"])
        rows.write_bytes((other.folder / "shards.csv").read_bytes())
        index.write_bytes((other.folder / "shards.json").read_bytes())
    elif damage == "cut":
        rows.write_bytes(rows.read_bytes()[:-9])
    elif damage == "one letter":
        rows.write_bytes(rows.read_bytes().replace(b"clip7.avi", b"clip8.avi"))
    else:
        rows.unlink()
    again = RunFolder(tmp_path / "f.h5")
    assert [again.clips_of(number).reset_index(drop=True).to_csv() for number in range(3)] == expected
    work(again)
    merge(again)
    assert read_cache(tmp_path / "f.h5").clip_id == IDS
    begin_run(again, *planned())  # the same plan again
    if damage != "one letter":  # its size and its index are right, and `clips_of` does not need it
        assert [read_shard_rows(again.folder, own).to_csv() for own in again.shard_lists] == expected


@given(st.lists(st.tuples(*[st.text(st.characters(codec="utf-8"), max_size=6)] * 3), min_size=1, max_size=9))
def test_the_list_is_what_pandas_writes(cells: list[tuple[str, str, str]]) -> None:
    clip_ids, paths, archives = zip(*cells, strict=True)
    names = {"clip_id": clip_ids, "path": paths, "archive": archives}
    clips = pd.DataFrame({**names, "frames": 7, "bytes": 0, "offset": 5, "shard": range(len(cells))})[list(COLUMNS)]
    assert clips_text(clips, clip_lines(clips)) == clips.to_csv(index=False, lineterminator="\n")
    pieces = clips.assign(start=1500, end=0)
    assert clips_text(pieces, clip_lines(pieces)) == pieces.to_csv(index=False, lineterminator="\n")
    assert clips_text(clips.assign(start=0, end=0), clip_lines(clips)) == clips_text(clips, clip_lines(clips))


def test_features_that_are_in_another_shard_of_the_plan_are_found(tmp_path: Path) -> None:
    run = begun(tmp_path / "f.h5")
    work(run)
    merge(run)
    whole, moved = (tmp_path / "f.h5").read_bytes(), tmp_path / "moved.h5"
    other = begun(moved)
    for number in range(3):
        files = (run.folder / "shards" / f"{number:05d}").iterdir()
        folder = other.folder / "shards" / f"{(number + 1) % 3:05d}"
        folder.mkdir(parents=True)
        for file in files:
            (folder / file.name).write_bytes(file.read_bytes())
    merge(other)
    assert moved.read_bytes() == whole
