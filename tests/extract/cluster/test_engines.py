"""The dict of engines is their only list: a new engine is found, documented and submitted to without another edit."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field
from typer.testing import CliRunner

from common.command_line import new_app
from extract.cluster.engine import Engine, EngineCallbacks, EngineSettings
from extract.cluster.engines import ENGINES
from extract.cluster.submission import Submission
from extract.commands import submit as command


@pytest.mark.parametrize("name", ENGINES)
def test_every_option_of_an_engine_has_a_default_and_a_help(name: str) -> None:
    for field in ENGINES[name].settings.model_fields.values():
        assert field.description and not field.is_required()


def test_options_of_one_name_are_the_same_in_all_engines() -> None:
    seen: dict[str, Any] = {}
    for engine in ENGINES.values():
        for name, field in engine.settings.model_fields.items():
            assert seen.setdefault(name, (field.annotation, field.description)) == (field.annotation, field.description)


class BatchSettings(EngineSettings):
    """Options of an engine that this test adds."""

    queue: str = Field(default="", description="the queue")


def test_a_new_engine_is_one_entry(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[tuple[int, ...], BatchSettings, bool]] = []

    def submit(submission: Submission, settings: BatchSettings, dry_run: bool, callbacks: EngineCallbacks) -> None:
        asked.append((submission.shards, settings, dry_run))
        callbacks.report("job 7")

    monkeypatch.setitem(ENGINES, "batch", Engine("Batch", BatchSettings, waits=False, submit=submit))
    app = new_app("")
    app.command()(importlib.reload(command).submit)
    result = CliRunner().invoke(
        app, [str(out), "--engine", "batch", "--queue", "long", "--dry-run"], catch_exceptions=False
    )
    assert result.exit_code == 0 and result.output == "job 7\n"
    assert asked == [((0, 1, 2), BatchSettings(queue="long"), True)]
    shown = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output.split())
    assert "Batch: the queue." in shown and "kubernetes, ray, batch" in shown
    monkeypatch.undo()
    importlib.reload(command)
