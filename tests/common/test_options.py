"""The options for logs are the same in every command that works long."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
import typer.main
from typer.testing import CliRunner

from common.command_line import new_app
from common.exits import resumable
from common.log import notify
from common.options import LOG_OPTIONS, Json, with_logs

LONG = {
    "extract run", "extract poses", "extract retry", "extract clean", "extract submit", "extract merge",
    "extract verify", "extract train-vacnn", "extract weights get", "distill train", "distill sweep",
    "evaluate reproduce", "manifests unpack",
}  # fmt: skip


def verbs(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
    for key, verb in (inner or {}).items():
        yield from verbs(verb, f"{name} {key}")


def test_every_long_command_has_them() -> None:
    having = set()
    for package in ("manifests", "extract", "distill", "evaluate"):
        app = importlib.import_module(f"{package}.commands.app").app
        for name, verb in verbs(typer.main.get_command(app), package):
            own = {option.name for option in verb.params} & set(LOG_OPTIONS)
            assert own in (set(), set(LOG_OPTIONS)), name
            having |= {name} if own else set()
    assert having == LONG


@pytest.fixture
def app() -> typer.Typer:
    """A command line of one command."""
    made = new_app("About.")

    @made.command()
    @resumable
    @with_logs
    def work(clips: Annotated[int, typer.Argument()], as_json: Json = False) -> None:
        """Work."""
        notify(f"{clips} clips")
        print({"clips": clips} if as_json else "done")

    return made


def test_a_command_is_given_its_own_options_only(app: typer.Typer, tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["3", "--json", "--log-file", str(tmp_path / "a.log")])
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "{'clips': 3}\n", "3 clips\n")
    assert "INFO 3 clips\n" in (tmp_path / "a.log").read_text()
    ended = CliRunner().invoke(app, ["3", "--quiet"])
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "done\n", "")
    assert "--log-file" in CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).stdout
