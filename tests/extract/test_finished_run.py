"""A finished run is read on any machine; an unfinished one resumes as it was begun; clips may be added and removed."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from common.callbacks import ProgressCallback
from common.errors import UserError
from extract import finished_run, run
from extract.extraction import Extraction, MachineChanges, RunControl
from extract.machine import Machine
from extract.networks import segment_network as network
from extract.run import extract, nothing_to_extract, resume
from extract.shards.ledger import LedgerRow
from extract.shards.run_folder import RunFolder
from extract.shards.settings import recorded_threads, refuse_other_settings
from extract.shards.status import read_status
from manifests.manifest import read_manifest
from manifests.recipes.extraction import Extract

RECIPE = Extract(backbone="joints", weights="none", frames_per_segment=2, segments=5)
MACHINE = Machine(device="cpu", workers=1)

pytestmark = pytest.mark.usefixtures("one_thread")


def stop_after(clips: int) -> ProgressCallback:
    def progress(finished: int, total: int) -> None:
        if finished == clips:
            raise KeyboardInterrupt

    return progress


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "features.h5"


@pytest.fixture
def make(skeletons: Path, out: Path) -> Callable[..., dict[str, LedgerRow]]:
    def make(  # type: ignore[no-untyped-def]
        cache: Path = out, recipe: Extract = RECIPE, machine: Machine = MACHINE, shards: int = 1, **options: object
    ):
        extraction = Extraction(skeletons / "clips.csv", skeletons, cache, recipe, machine, shards)
        return extract(extraction, RunControl(**options))  # type: ignore[arg-type]

    return make


@pytest.fixture
def interrupted(make: Callable[..., object], out: Path) -> Path:
    """A run of which six clips are done."""
    with pytest.raises(KeyboardInterrupt):
        make(progress=stop_after(6))
    assert 6 <= len(RunFolder(out).done()) < 20
    return out


def another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "device_name", lambda device, threads: "cpu (Another CPU, AVX2, 7 threads)")
    monkeypatch.setattr("extract.feature_settings.version", lambda package: "0.0.1")


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_segment_network(*_: object) -> None:
        raise UserError("the weights are not on this machine")

    for module in (run, finished_run):
        monkeypatch.setattr(module, "load_segment_network", load_segment_network)


@pytest.mark.parametrize("machine", ["other threads", "another machine", "no weights"])
def test_a_finished_run_is_only_read(
    make: Callable[..., object], skeletons: Path, out: Path, monkeypatch: pytest.MonkeyPatch, machine: str
) -> None:
    broken = (skeletons / "s5.npy").read_bytes()
    (skeletons / "s5.npy").write_bytes(b"no skeleton")
    assert list(make()) == ["s5"]
    before = contents(out.parent)
    if machine == "other threads":
        torch.set_num_threads(2)
    else:
        another_machine(monkeypatch)
    if machine == "no weights":
        no_network(monkeypatch)
    assert list(make()) == ["s5"]
    assert list(make(machine=Machine(device="cpu", workers=1, threads=3))) == ["s5"]
    assert list(resume(out)) == ["s5"]
    assert nothing_to_extract(Extraction(skeletons / "clips.csv", skeletons, out, RECIPE, MACHINE))
    assert contents(out.parent) == before, "nothing is written"

    for changes in ({"segments": 4}, {"frames_per_segment": 3}, {"backbone": "joint_statistics"}):
        with pytest.raises(UserError, match=r"(begun|planned) with other settings .*choose another output") as refusal:
            make(recipe=RECIPE.model_copy(update=changes))
        assert next(iter(changes)) in str(refusal.value)
    assert contents(out.parent) == before

    (skeletons / "s5.npy").write_bytes(broken)
    if machine != "other threads":  # something would be computed
        with pytest.raises(UserError, match=r"is not finished|weights are not on this machine"):
            resume(out, control=RunControl(retry=True))
        monkeypatch.undo()
    assert resume(out, control=RunControl(retry=True)) == {}


@pytest.mark.parametrize(
    ("recipe", "machine", "sentence"),
    [
        ({"backbone": "joint"}, {}, "there is no backbone joint; near are joints"),
        ({}, {"decoder": "pyavv"}, "no decoder 'pyavv'; did you mean 'pyav'"),
        ({}, {"device": "gpu"}, "no device 'gpu'; did you mean 'cuda'"),
        ({}, {"device": "gpu:1"}, "did you mean 'cuda:1'"),
    ],
)
def test_an_unknown_name_is_refused_where_nothing_is_computed(
    make: Callable[..., object], out: Path, recipe: dict[str, str], machine: dict[str, str], sentence: str
) -> None:
    make()
    before = contents(out.parent)
    with pytest.raises(UserError, match=sentence):
        make(recipe=RECIPE.model_copy(update=recipe), machine=Machine(**{"device": "cpu", **machine}))  # type: ignore[arg-type]
    if "device" in machine:
        with pytest.raises(UserError, match=sentence):
            resume(out, MachineChanges(device=machine["device"]))
    assert contents(out.parent) == before


def test_a_finished_run_is_merged_again_without_a_network(
    make: Callable[..., object], skeletons: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make()
    whole = out.read_bytes()
    another_machine(monkeypatch)
    no_network(monkeypatch)
    heartbeat = RunFolder(out).shard(0).heartbeat
    for again in (make, lambda: resume(out)):
        out.unlink()
        left = [heartbeat, *(RunFolder(out).folder / f".{name}.json.abcdefgh.tmp" for name in ("plan", "settings"))]
        for path in left:
            path.touch()  # by a worker that was killed
        again()
        assert out.read_bytes() == whole and not any(path.exists() for path in left)
    part = next(out.parent.rglob("*.safetensors"))
    part.write_bytes(part.read_bytes()[:-1])
    assert not nothing_to_extract(Extraction(skeletons / "clips.csv", skeletons, out, RECIPE, MACHINE))
    with pytest.raises(UserError, match="the weights are not on this machine"):
        make()


@pytest.mark.parametrize("how", ["run", "go on"])
def test_an_unfinished_run_goes_on_with_the_recorded_threads(
    make: Callable[..., object], interrupted: Path, tmp_path: Path, how: str, decoded: list[str]
) -> None:
    torch.set_num_threads(2)
    make() if how == "run" else resume(interrupted)
    assert torch.get_num_threads() == 1
    assert 0 < len(decoded) <= 14
    make(tmp_path / "whole.h5")
    assert interrupted.read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_threads_that_are_given_are_not_overruled(make: Callable[..., object], interrupted: Path) -> None:
    before = contents(interrupted.parent)
    with pytest.raises(UserError, match=r"is not finished.*1 threads.* there, .*2 threads.* now") as refusal:
        make(machine=Machine(device="cpu", workers=1, threads=2))
    assert "Nothing is lost" in str(refusal.value) and "remove" not in str(refusal.value)
    assert contents(interrupted.parent) == before


@pytest.mark.parametrize("how", ["run", "go on"])
def test_an_unfinished_run_is_refused_on_another_machine_and_goes_on_on_its_own(
    make: Callable[..., object], interrupted: Path, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        another_machine(patch)
        with pytest.raises(UserError, match=r"device: .* there, 'cpu \(Another CPU.*' now") as refusal:
            make() if how == "run" else resume(interrupted)
        for words in ("Nothing is lost", "where it was begun, and it resumes", "another output here"):
            assert words in str(refusal.value)
        assert "remove" not in str(refusal.value)
    make()
    make(tmp_path / "whole.h5")
    assert interrupted.read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_on_a_machine_with_a_gpu_what_was_begun_on_a_cpu_is_told_how(tmp_path: Path) -> None:
    there, now = {"device": "cpu (A, AVX2, 12 threads)"}, {"device": "cuda (B)"}
    with pytest.raises(UserError, match="or choose the device cpu here .--device cpu."):
        refuse_other_settings(there, now, tmp_path / "c.h5")
    assert (recorded_threads(there), recorded_threads(now), recorded_threads({})) == (12, None, None)


def edit(skeletons: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    manifest = read_manifest(skeletons / "clips.csv")
    (skeletons / "clips.csv").write_text(change(manifest.clips).to_csv(index=False, lineterminator="\n"))


@pytest.mark.parametrize("shards", [1, 3])
def test_clips_come_and_go(
    make: Callable[..., object], skeletons: Path, out: Path, decoded: list[str], tmp_path: Path, shards: int
) -> None:
    """With two lists in turn, the bytes are the same each time, and nothing is computed twice."""
    said: list[str] = []
    every = (skeletons / "clips.csv").read_bytes()
    edit(skeletons, lambda clips: clips[~clips["clip_id"].isin(["s3", "s17"])])
    few = (skeletons / "clips.csv").read_bytes()
    make(tmp_path / "few.h5")
    (skeletons / "clips.csv").write_bytes(every)
    make(tmp_path / "every.h5")
    decoded.clear()
    for clips, name, change in (
        (few, "few", ""),
        (every, "every", "2 added (s3, s17)"),
        (few, "few", "2 removed (s3, s17)"),
        (few, "few", ""),
        (every, "every", "2 added (s3, s17)"),
    ):
        (skeletons / "clips.csv").write_bytes(clips)
        said.clear()
        assert make(shards=shards, notify=said.append) == {}
        assert out.read_bytes() == (tmp_path / f"{name}.h5").read_bytes()
        assert read_status(out).merged  # also with features in the folder of clips that were removed
        assert len(said) == bool(change) and all(f"list of clips changed: {change}; " in line for line in said)
    assert sorted(decoded) == sorted(read_manifest(skeletons / "clips.csv").clips["clip_id"])


def test_a_folder_with_one_more_clip_and_without_it_again(skeletons: Path, out: Path) -> None:
    (skeletons / "clips.csv").unlink()
    (skeletons / "s19.npy").rename(skeletons / "s19.gone")

    def run_folder() -> bytes:
        extract(Extraction(skeletons, None, out, RECIPE, MACHINE))
        return out.read_bytes()

    without = run_folder()
    (skeletons / "s19.gone").rename(skeletons / "s19.npy")
    with_it = run_folder()
    (skeletons / "s19.npy").rename(skeletons / "s19.gone")
    assert run_folder() == without != with_it
    (skeletons / "s19.gone").rename(skeletons / "s19.npy")
    assert run_folder() == with_it


def test_clips_with_other_paths_are_refused_by_name(make: Callable[..., object], skeletons: Path, out: Path) -> None:
    make()
    before = contents(out.parent)
    names = [f"s{index}" for index in (1, 4, 9, 12)]
    for name in names:
        (skeletons / f"{name}.npy").rename(skeletons / f"{name}-moved.npy")
    old = (skeletons / "clips.csv").read_bytes()
    edit(skeletons, lambda clips: clips.replace({"path": {f"{name}.npy": f"{name}-moved.npy" for name in names}}))
    sentence = "begun with other files of 4 clips (s1: s1.npy there, s1-moved.npy now, s4: .*, s9: .* and 1 more)"
    with pytest.raises(UserError, match=re.escape(sentence).replace(r"\.\*", ".*")) as refusal:
        make()
    assert "remove" not in str(refusal.value)
    assert contents(out.parent) == before
    (skeletons / "clips.csv").write_bytes(old)
    make()
    assert contents(out.parent) == before


def test_files_that_were_replaced_are_refused_by_name(make: Callable[..., object], skeletons: Path, out: Path) -> None:
    make()
    before, old = contents(out.parent), (skeletons / "s2.npy").read_bytes()
    shutil.copy(skeletons / "s9.npy", skeletons / "s2.npy")
    for again in (make, lambda: resume(out)):
        with pytest.raises(UserError, match=r"1 videos were replaced.*s2\.npy has \d+ bytes, and the features of s2"):
            again()
    (skeletons / "s2.npy").write_bytes(old)
    make()
    assert contents(out.parent) == before


def test_progress_ends_at_all_clips_whichever_shard_has_work_left(
    make: Callable[..., dict[str, LedgerRow]], skeletons: Path, out: Path
) -> None:
    broken = (skeletons / "s5.npy").read_bytes()
    (skeletons / "s5.npy").write_bytes(b"no skeleton")
    calls: list[tuple[int, int]] = []
    assert list(make(shards=3, progress=lambda *call: calls.append(call))) == ["s5"]
    total = len(RunFolder(out).clips)
    assert calls == [(done, total) for done in range(1, total + 1)]

    calls.clear()
    (skeletons / "s5.npy").write_bytes(broken)
    assert resume(out, control=RunControl(retry=True, progress=lambda *call: calls.append(call))) == {}
    assert calls == [(total, total)], "the clips of the shards after it are counted too"
