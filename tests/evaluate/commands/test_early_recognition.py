"""`early-recognition`: the groups, the version and the completion, without loading what is not asked for."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluate.commands.early_recognition import PACKAGES, app


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_help_lists_the_packages() -> None:
    shown = invoke("--help")
    for package in PACKAGES:
        assert f"│ {package} " in shown
    assert "--version" in shown and "--install-completion" in shown


def test_version() -> None:
    assert invoke("--version") == f"early-recognition {version('early-recognition')}\n"


def test_a_command_of_a_package_runs(tmp_path: Path) -> None:
    for clip in ("YoYo_g01_c01", "YoYo_g16_c01", "YoYo_g20_c01"):
        (tmp_path / f"v_{clip}.avi").touch()
    shown = invoke("manifests", "ucf101", tmp_path, "--out", tmp_path / "m.csv")
    assert shown.startswith("ucf101-early-15-3-7-subset: 3 clips (1 train / 1 validation / 1 test), 1 of 101 classes\n")
    assert invoke("manifests", "check", tmp_path / "m.csv").startswith("ucf101-early-15-3-7-subset: 3 clips")


def test_an_unknown_package_is_refused() -> None:
    result = CliRunner().invoke(app, ["extrakt", "run"])
    assert result.exit_code == 2 and "extrakt" in result.output


@pytest.mark.parametrize(
    ("words", "wanted"),
    [("early-recognition ext", ["extract"]), ("early-recognition manifests un", ["unpack"])],
)
def test_completion(words: str, wanted: list[str]) -> None:
    """What bash asks for when the user presses the tab key."""
    environment = {
        **os.environ,
        "_EARLY_RECOGNITION_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    code = "import sys; sys.argv[0] = 'early-recognition'; from early_recognition import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == wanted
