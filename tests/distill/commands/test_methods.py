"""`python -m distill methods`: every method by its name, for people and for programs."""

import json

from typer.testing import CliRunner

from distill.commands.app import app
from distill.methods import METHODS


def test_every_method_is_listed() -> None:
    text = CliRunner().invoke(app, ["methods"]).stdout
    assert [line.split()[0] for line in text.splitlines()] == list(METHODS)
    assert "section [east]: oracle" in text
    rows = json.loads(CliRunner().invoke(app, ["methods", "--json"]).stdout)
    assert {row["name"]: row["teacher"] for row in rows} == {name: method.teacher for name, method in METHODS.items()}
