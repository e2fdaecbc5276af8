"""`extract clean`: a run without its parts is still a finished run, and nothing but parts is removed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from common.errors import UserError
from common.tensor_bytes import tensor_bytes
from extract.commands.app import app
from extract.extraction import Extraction, RunControl
from extract.machine import Machine
from extract.run import extract, nothing_to_extract, resume
from extract.shards import clean as library
from extract.shards import cleaned_parts
from extract.shards.clean import Cleaned, clean_run
from extract.shards.folder_lock import BusyError
from extract.shards.ledger import LedgerRow
from extract.shards.run_folder import RunFolder
from extract.shards.shard_folder import ShardFolder
from extract.shards.status import read_status
from extract.shards.verify import verify_cache
from manifests.recipes.extraction import Extract

RECIPE = Extract(backbone="joints", weights="none", frames_per_segment=2, segments=5)
SHARDS = 3

pytestmark = pytest.mark.usefixtures("one_thread")


def parts_of(out: Path) -> list[Path]:
    return sorted(RunFolder(out).folder.rglob("*.safetensors"))


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "features.h5"


@pytest.fixture
def make(skeletons: Path, out: Path) -> Callable[..., dict[str, LedgerRow]]:
    def make(recipe: Extract = RECIPE, cache: Path = out) -> dict[str, LedgerRow]:
        machine = Machine(device="cpu", workers=1)
        return extract(Extraction(skeletons / "clips.csv", skeletons, cache, recipe, machine, SHARDS))

    return make


@pytest.fixture(scope="module")
def finished(drawn_skeletons: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run. Not to be changed."""
    cache, machine = tmp_path_factory.mktemp("finished") / "out" / "features.h5", Machine(device="cpu", workers=1)
    clips = drawn_skeletons / "clips.csv"
    assert not extract(Extraction(clips, drawn_skeletons, cache, RECIPE, machine, SHARDS))
    return cache.parent


@pytest.fixture
def made(finished: Path, out: Path) -> Path:
    """The test's own copy of that run: its cache."""
    shutil.copytree(finished, out.parent)
    return out


def without_clip(skeletons: Path, clip_id: str) -> None:
    clips = pd.read_csv(skeletons / "clips.csv", dtype=str)
    clips[clips["clip_id"] != clip_id].to_csv(skeletons / "clips.csv", index=False)


def said(*words: str | Path, status: int = 0) -> str:
    ended = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert ended.exit_code == status, ended.output
    return ended.output


def test_the_parts_go_and_all_else_stays(made: Path) -> None:
    before, parts = contents(made.parent), parts_of(made)
    size = sum(part.stat().st_size for part in parts)
    assert len(parts) >= SHARDS

    assert clean_run(made, dry_run=True) == Cleaned(len(parts), size, 0)
    assert contents(made.parent) == before, "a dry run changes nothing"

    assert clean_run(made) == Cleaned(len(parts), size, 0)
    cleaned = RunFolder(made).folder / "cleaned.json"
    left = {path: content for path, content in before.items() if path not in parts}
    after = contents(made.parent)
    assert after.pop(cleaned) and after == left

    assert clean_run(made) == Cleaned(0, 0, 0)
    assert contents(made.parent) == left | {cleaned: cleaned.read_bytes()}


def test_a_cleaned_run_is_finished(make: Callable[..., object], skeletons: Path, out: Path) -> None:
    (skeletons / "s5.npy").write_bytes(b"no skeleton")
    make()
    status = read_status(out)
    clean_run(out)
    before = contents(out.parent)
    assert nothing_to_extract(Extraction(skeletons / "clips.csv", skeletons, out, RECIPE, Machine()))
    assert list(make()) == ["s5"] and list(resume(out)) == ["s5"]
    assert contents(out.parent) == before, "nothing is written"
    assert read_status(out) == status and status.merged
    assert verify_cache(out).problems() == []
    with pytest.raises(UserError, match=r"with other settings .*segments.*choose another output"):
        make(RECIPE.model_copy(update={"segments": 4}))
    assert contents(out.parent) == before


def test_the_verbs_after_it(make: Callable[..., object], skeletons: Path, out: Path) -> None:
    (skeletons / "s5.npy").write_bytes(b"no skeleton")
    make()
    assert "clean would remove" in said("clean", out, "--dry-run")
    removed = json.loads(said("clean", out, "--json"))
    assert removed["parts"] >= SHARDS and removed["bytes"] > 0 and not removed["dry_run"] and not removed["kept"]
    assert said("clean", out) == f"{out}: there are no parts to remove\n"
    assert "merged" in said("status", out) and "takes the failed clips again" in said("status", out)
    assert "as written" in said("verify", out)
    assert "the same 20 clips, bit for bit" in said("diff", out, out)
    assert "19 of 20 clips" in said("merge", out, status=3)
    assert "19 of 20 clips" in said("run", "--out", out, status=3)
    assert "every shard is done already" in said("submit", out, status=3)
    assert "19 of 20 clips" in said("retry", out, "--device", "cpu", status=3)


def test_failed_clips_can_be_tried_again(
    make: Callable[..., object], skeletons: Path, out: Path, tmp_path: Path
) -> None:
    whole = (skeletons / "s5.npy").read_bytes()
    make(cache=tmp_path / "whole.h5")
    (skeletons / "s5.npy").write_bytes(b"no skeleton")
    make()
    before = contents(out.parent)
    clean_run(out)
    (skeletons / "s5.npy").write_bytes(whole)
    assert resume(out, control=RunControl(retry=True)) == {}
    assert out.read_bytes() == (tmp_path / "whole.h5").read_bytes()
    parts = {path: content for path, content in before.items() if path.suffix == ".safetensors"}
    assert parts.items() <= contents(out.parent).items(), "they are made again, to the byte"
    assert not (RunFolder(out).folder / "cleaned.json").exists()
    assert clean_run(out).parts == len(parts) + 1


def test_parts_made_by_another_version_of_safetensors_count(
    make: Callable[..., object], skeletons: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = (skeletons / "clips.csv").read_bytes()
    without_clip(skeletons, "s7")
    make()
    clean_run(out)
    (skeletons / "clips.csv").write_bytes(listed)
    with monkeypatch.context() as patch:
        patch.setattr(cleaned_parts, "tensor_bytes", lambda tensors: tensor_bytes(tensors, {"version": "later"}))
        make()
    make(cache=tmp_path / "whole.h5")
    assert out.read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert verify_cache(out).problems() == []


def test_clips_can_be_added_and_none_is_extracted_twice(
    make: Callable[..., object], skeletons: Path, out: Path, tmp_path: Path, decoded: list[str]
) -> None:
    listed = (skeletons / "clips.csv").read_bytes()
    without_clip(skeletons, "s7")
    make()
    clean_run(out)
    (skeletons / "clips.csv").write_bytes(listed)
    decoded.clear()
    make()
    assert decoded == ["s7"]
    make(cache=tmp_path / "whole.h5")
    assert out.read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_parts_with_clips_that_the_cache_lacks_stay(make: Callable[..., object], skeletons: Path, out: Path) -> None:
    make()
    without_clip(skeletons, "s7")
    make()
    [kept] = {place.part for clip, place in RunFolder(out).done().items() if clip == "s7"}
    count = len(parts_of(out))
    assert clean_run(out).kept == 1
    assert parts_of(out) == [kept] and count > 1


def test_a_damaged_part_stays(made: Path) -> None:
    part = parts_of(made)[0]
    part.write_bytes(part.read_bytes()[:-1])
    assert clean_run(made).kept == 1
    assert parts_of(made) == [part]


@pytest.mark.parametrize("how", ["removed", "damaged"])
def test_a_cache_that_is_lost_after_it_is_extracted_again(
    make: Callable[..., object], out: Path, how: str, decoded: list[str]
) -> None:
    make()
    whole = out.read_bytes()
    clean_run(out)
    if how == "removed":
        out.unlink()
    else:
        out.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UserError, match=r"parts in .* are damaged; `python -m extract run --out .*` makes them again"):
        said("merge", out)
    decoded.clear()
    make()
    assert len(decoded) == 20 and out.read_bytes() == whole


def test_killed_in_the_middle_it_is_repeated(
    make: Callable[..., object], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make()
    count = len(parts_of(out))
    remove, removed = library._remove, list[Path]()

    def killed(part: Path) -> None:
        if removed:
            raise KeyboardInterrupt
        removed.append(part)
        remove(part)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(library, "_remove", killed)
        clean_run(out)
    assert len(parts_of(out)) == count - 1
    assert verify_cache(out).problems() == [] and make() == {}
    assert clean_run(out).parts == count - 1
    assert verify_cache(out).problems() == [] and make() == {}


def test_what_is_not_finished_or_not_its_own_is_refused(
    make: Callable[..., object], skeletons: Path, out: Path, tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(UserError, match="no feature cache"):
        clean_run(out)
    with pytest.raises(KeyboardInterrupt):
        extract(
            Extraction(skeletons / "clips.csv", skeletons, out, RECIPE, Machine("cpu", 1), SHARDS),
            RunControl(progress=stop),
        )
    make(cache=tmp_path / "other.h5")
    shutil.copy(tmp_path / "other.h5", out)
    with pytest.raises(UserError, match=r"is not finished: clips are missing in \d shards; .* finishes it"):
        clean_run(out)
    out.unlink()
    make()
    whole = out.read_bytes()
    make(RECIPE.model_copy(update={"segments": 4}), tmp_path / "short.h5")
    shutil.copy(tmp_path / "short.h5", out)
    with pytest.raises(UserError, match=r"is not the cache that was merged of the parts"):
        clean_run(out)
    out.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UserError, match=r"damaged|is not the cache that was merged"):
        clean_run(out)
    assert len(parts_of(out)) >= SHARDS


def test_without_a_run_folder_there_is_nothing_to_do(made: Path) -> None:
    shutil.rmtree(RunFolder(made).folder)
    assert clean_run(made) == Cleaned(0, 0, 0)
    assert list(made.parent.iterdir()) == [made]


@pytest.mark.parametrize("which", [".", "shards", "shards/00001"])
def test_links_are_not_followed(made: Path, tmp_path: Path, which: str) -> None:
    folder, elsewhere = RunFolder(made).folder / which, tmp_path / "elsewhere"
    folder.resolve().rename(elsewhere)
    Path(os.path.normpath(folder)).symlink_to(elsewhere)
    before = contents(elsewhere)
    with pytest.raises(UserError, match="is a link, and clean follows no links"):
        clean_run(made)
    assert contents(elsewhere) == before


def test_files_that_are_links_and_files_of_others_stay(made: Path, tmp_path: Path) -> None:
    part = parts_of(made)[0]
    (tmp_path / "mine.safetensors").write_bytes(part.read_bytes())
    part.unlink()
    part.symlink_to(tmp_path / "mine.safetensors")
    (RunFolder(made).folder / "notes.safetensors").write_text("mine")
    clean_run(made)
    assert sorted(parts_of(made)) == sorted([part, RunFolder(made).folder / "notes.safetensors"])
    assert (tmp_path / "mine.safetensors").exists()


def test_not_while_a_worker_is_at_work(made: Path) -> None:
    folder = RunFolder(made).folder / "shards" / "00001"
    with ShardFolder(folder), pytest.raises(BusyError, match="another process is at work on"):
        clean_run(made)
    assert verify_cache(made).problems() == []
    assert clean_run(made).parts and parts_of(made) == []
