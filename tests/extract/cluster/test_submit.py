"""`extract submit`: what it gives to which engine, and what it refuses with a sentence."""

import contextlib
import shlex
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from common.callbacks import ProgressCallback
from common.command_line import new_app
from common.errors import UserError
from common.subprocesses import safe_path_option
from extract.cluster.slurm import _ranges
from extract.cluster.submission import SubmitConfig, prepare_submission
from extract.commands.submit import _followed, submit
from extract.decoding.decode_process import Failure
from extract.shards.run_folder import RunFolder

app = new_app("")
app.command()(submit)


def said(*words: str | Path) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_dry_run_prints_the_workers(out: Path) -> None:
    lines = said(out, "--dry-run", "--device", "cuda", "--workers", "4").splitlines()
    start = [sys.executable, *safe_path_option(), "-m", "extract"]
    worker = [*start, "run", "--out", str(out), "--device", "cuda", "--workers", "4"]
    assert [shlex.split(line) for line in lines] == [[*worker, "--shard", f"{shard}/3"] for shard in range(3)]
    assert not (RunFolder(out).folder / "jobs").exists()


def test_only_shards_with_something_to_do_are_handed_out(out: Path) -> None:
    run = RunFolder(out)
    clips = run.clips.query("shard == 1")["clip_id"].tolist()
    with run.shard(1) as shard:
        shard.add_failure(Failure(clips[0], "decode", "made up"))
    assert prepare_submission(out, SubmitConfig(retry=True)).shards == (1,)
    [line] = said(out, "--dry-run", "--retry").splitlines()
    start = [sys.executable, *safe_path_option(), "-m", "extract"]
    assert shlex.split(line) == [*start, "retry", str(out), "--shard", "1/3"]
    assert prepare_submission(out, SubmitConfig()).shards == (0, 1, 2)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--sbatch", "--time=1"], "--sbatch: not an option of --engine local"),
        (["--device", "gpu"], r"no device 'gpu'; did you mean 'cuda'\? known: .*"),
        (
            ["--engine", "slurm", "--image", "x", "--volume", "a:/b"],
            "--image, --volume: not an option of --engine slurm",
        ),
        (["--engine", "slurm", "--gpus-per-shard", "0"], "--gpus-per-shard: not an option of --engine slurm"),
        (["--engine", "kubernetes", "--address", "auto"], "--address: not an option of --engine kubernetes"),
        (["--engine", "ray", "--container", "x"], "--container: not an option of --engine ray"),
        (["--engine", "ray", "--namespace", "x"], "--namespace: not an option of --engine ray"),
        (["--engine", "slrm"], r"no engine 'slrm'; did you mean 'slurm'\? known: local, slurm, .*"),
        (["--engine", "ray", "--gpus-per-shard", "-1"], "options: gpus_per_shard: must be .* equal to 0, not -1.0"),
    ],
)
def test_another_engines_option_is_refused(out: Path, options: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=f"^{sentence}$"):
        said(out, *options)


def test_nothing_planned_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no extraction of .*features.h5 was begun"):
        said(tmp_path / "features.h5")


def test_a_relative_path_is_made_whole(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(out.parent)
    assert prepare_submission(Path("features.h5"), SubmitConfig()).out == out


@given(st.sets(st.integers(0, 40), min_size=1))
def test_ranges_say_the_same_numbers(numbers: set[int]) -> None:
    said = _ranges(tuple(sorted(numbers)))
    spans = [[int(end) for end in span.split("-")] for span in said.split(",")]
    assert [number for span in spans for number in range(span[0], span[-1] + 1)] == sorted(numbers)
    assert all(after[0] > before[-1] + 1 for before, after in pairwise(spans)), "as short as can be"


def test_progress_ends_with_the_clips_since_the_last_look(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, calls = RunFolder(out), list[tuple[int, int]]()
    clips = len(run.clips)

    @contextlib.contextmanager
    def bars() -> Iterator[Callable[[str, str], ProgressCallback]]:
        yield lambda title, unit: lambda done, total: calls.append((done, total))

    monkeypatch.setattr("common.progress.progress_bars", bars)
    with _followed(prepare_submission(out, SubmitConfig()), show=True) as follow:
        follow()
        for number, own in run.clips.groupby("shard"):
            with run.shard(int(str(number))) as shard:
                for clip in own["clip_id"]:
                    shard.add_failure(Failure(clip, "decode", "made up"))
        follow()  # too soon to look again
    assert calls == [(0, clips), (clips, clips)]
