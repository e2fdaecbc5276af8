"""A wrong folder of videos is refused before anything fails; files that were missing are taken when they are there."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import UserError
from extract import planning
from extract.cluster.submission import SubmitConfig, prepare_submission
from extract.extraction import Extraction, RunControl
from extract.machine import Machine
from extract.planning import plan_run
from extract.run import extract, nothing_to_extract, resume
from extract.shards.ledger import LedgerRow
from extract.shards.missing_files import found_again, refuse_missing_videos
from extract.shards.run_folder import RunFolder
from extract.shards.status import read_status
from manifests.recipes.extraction import Extract

RECIPE = Extract(backbone="joints", weights="none", frames_per_segment=2, segments=5)
MACHINE = Machine(device="cpu", workers=1)
GONE = ("s3", "s11")

pytestmark = pytest.mark.usefixtures("one_thread")
Make = Callable[..., dict[str, LedgerRow]]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "features.h5"


@pytest.fixture
def extraction(drawn_skeletons: Path, out: Path) -> Callable[..., Extraction]:
    def extraction(videos: Path | str = drawn_skeletons, shards: int = 1, segments: int = 5) -> Extraction:
        recipe = RECIPE.model_copy(update={"segments": segments})
        return Extraction(drawn_skeletons / "clips.csv", videos, out, recipe, MACHINE, shards)

    return extraction


@pytest.fixture
def most(drawn_skeletons: Path, tmp_path: Path) -> Path:
    """A folder that lacks two of the files, and has one that cannot be read."""
    copy = Path(shutil.copytree(drawn_skeletons, tmp_path / "most"))
    for name in GONE:
        (copy / f"{name}.npy").unlink()
    (copy / "s5.npy").write_bytes(b"no skeleton")
    return copy


def add_files(most: Path, drawn_skeletons: Path) -> None:
    for name in GONE:
        shutil.copy(drawn_skeletons / f"{name}.npy", most)


@pytest.mark.parametrize("do", [extract, plan_run])
def test_a_folder_without_any_of_the_files_is_refused_before_anything_is_written(
    extraction: Callable[..., Extraction], out: Path, tmp_path: Path, do: Callable[[Extraction], object]
) -> None:
    sentence = rf"none of the 20 clips is in the video folder {tmp_path}: the first one would be {tmp_path}/s0\.npy; .*"
    with pytest.raises(UserError, match=sentence + "--videos"):
        do(extraction(tmp_path))
    assert not out.parent.exists()
    assert extract(extraction()) == {}


def test_a_worker_without_the_videos_is_refused(
    extraction: Callable[..., Extraction], out: Path, tmp_path: Path, most: Path
) -> None:
    plan_run(extraction(most, shards=2))
    shutil.move(most, tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"the video folder .*most is not there; is it mounted on"):
        resume(out, control=RunControl(0))
    most.mkdir()
    with pytest.raises(UserError, match="none of the 20 clips is in the video folder"):
        resume(out, control=RunControl(0))
    assert read_status(out).missing == 20


@pytest.mark.parametrize("how", ["the same command", "another folder", "as planned", "a shard", "a new plan"])
def test_a_missing_file_that_is_there_now_is_taken_again(
    extraction: Callable[..., Extraction],
    out: Path,
    most: Path,
    drawn_skeletons: Path,
    decoded: list[str],
    how: str,
) -> None:
    shards = 2 if how == "a shard" else 1
    assert extract(extraction(most, shards)).keys() == {*GONE, "s5"}
    decoded.clear()
    assert extract(extraction(most, shards)).keys() == {*GONE, "s5"} and not decoded, "nothing is there yet"
    videos = drawn_skeletons if how == "another folder" else most
    if videos == most:
        add_files(most, drawn_skeletons)
    again = extraction(videos, shards)
    assert not nothing_to_extract(again)
    if how == "as planned":
        assert prepare_submission(out, SubmitConfig()).shards == (0,) and not RunFolder(out).unfinished()
        failures = resume(out)
    elif how == "a shard":
        failures = {**resume(out, control=RunControl(0)), **resume(out, control=RunControl(1))}
    elif how == "a new plan":
        plan_run(again)
        assert RunFolder(out).unfinished() == [0] and read_status(out).missing == 2  # `submit` starts a worker
        failures = resume(out)
    else:
        failures = extract(again)
    assert failures.keys() == {"s5"}, "it fails for another reason, so only `retry` takes it"
    assert sorted(decoded) == sorted(GONE) and nothing_to_extract(again)
    ledgers = RunFolder(out).folder.glob("shards/*/failures.jsonl")
    lines = [line for ledger in ledgers for line in ledger.read_text().splitlines()]
    assert [json.loads(line)["clip_id"] for line in lines] == ["s5"]
    shutil.copy(drawn_skeletons / "s5.npy", most)
    assert resume(out, control=RunControl(retry=True)) == {}


def test_a_path_that_the_system_refuses_fails_its_clip_and_not_the_run(drawn_skeletons: Path, out: Path) -> None:
    paths = out.with_suffix(".txt")
    paths.parent.mkdir()
    paths.write_text(f"{'x' * 300}.npy\ns0.npy\n")
    for _ in range(2):
        (failure,) = extract(Extraction(paths, drawn_skeletons, out, RECIPE, MACHINE)).values()
        assert "File name too long" in failure.reason
    paths.write_text(f"{'x' * 300}.npy\n")
    with pytest.raises(UserError, match="none of the 1 clips is in the video folder"):
        extract(Extraction(paths, drawn_skeletons, out.with_name("other.h5"), RECIPE, MACHINE))


def test_retry_takes_missing_files_as_every_other_failure(
    extraction: Callable[..., Extraction], out: Path, most: Path, drawn_skeletons: Path, decoded: list[str]
) -> None:
    extract(extraction(most))
    add_files(most, drawn_skeletons)
    decoded.clear()
    assert {clip: row.attempt for clip, row in resume(out, control=RunControl(retry=True)).items()} == {"s5": 2}
    assert sorted(decoded) == sorted([*GONE, "s5"])


def test_a_refused_command_leaves_the_ledger_as_it_is(
    extraction: Callable[..., Extraction], out: Path, most: Path, drawn_skeletons: Path
) -> None:
    extract(extraction(most))
    before = RunFolder(out).shard(0).ledger.path.read_bytes()
    add_files(most, drawn_skeletons)
    with pytest.raises(UserError, match="begun with other settings"):
        extract(extraction(most, segments=4))
    assert RunFolder(out).shard(0).ledger.path.read_bytes() == before and not RunFolder(out).unfinished()


def test_behind_a_url_another_root_is_what_counts(extraction: Callable[..., Extraction], out: Path, most: Path) -> None:
    extract(extraction(most))
    plan, clips = planning.planned_clips(RunFolder(out), extraction("http://localhost:1/videos"))
    refuse_missing_videos(plan, clips)  # does not look
    run = RunFolder(out)
    assert {clip for own in found_again(run, plan, clips).values() for clip in own} == set(GONE)
    assert found_again(run, run.plan, clips) == {}
