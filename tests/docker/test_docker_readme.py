"""docker/README.md's numbers are the recipes' and the tolerances', and its commands are ones that exist."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluate.scoring.tolerance import TOLERANCES
from manifests.published import published_rows
from manifests.recipes.recipe import read_recipe

README = (Path(__file__).parent.parent.parent / "docker" / "README.md").read_text(encoding="utf-8")
ROWS = {"UCF101": "ucf101", "SYSU 3DHOI": "sysu", "NTU RGB+D 60": "ntu60"}


@pytest.mark.parametrize("title", ROWS)
def test_expected_numbers_are_the_published_ones(title: str) -> None:
    protocol = read_recipe(Path(ROWS[title])).data.protocol
    published = {row.method: row for row in published_rows(protocol)}
    with_, without = (published.get(f"GRU {which} distillation") for which in ("with", "without"))
    assert with_ and with_.accuracy
    numbers = " ".join(f"{with_.accuracy[ratio]:.1f}" for ratio in (20, 40, 60, 80, 100))
    points = TOLERANCES[protocol, "all"].points
    cells = [title, numbers, f"{with_.auc:.1f}", f"{without.auc:.1f}" if without else "not printed", f"{points:.1f}"]
    assert f"| {' | '.join(cells)} |" in README


def test_its_commands_exist() -> None:
    from evaluate.commands.app import app as evaluate
    from extract.commands.app import app as extract
    from manifests.commands.app import app as manifests

    apps = {"evaluate": evaluate, "extract": extract, "manifests": manifests}
    typed = set(re.findall(r"^(?:early|\$CONTAINER python -m) (\w+) (\w+)", README, flags=re.MULTILINE))
    commands = {(room, verb) for room, verb in typed if room != "reproduce"}
    assert {("evaluate", "check"), ("manifests", "unpack"), ("extract", "plan")} <= commands
    for room, verb in commands:
        assert CliRunner().invoke(apps[room], [verb, "--help"]).exit_code == 0, f"{room} {verb}"
    for recipe in re.findall(r"^early reproduce (\w+)", README, flags=re.MULTILINE):
        assert recipe == "table1" or read_recipe(Path(recipe)).name == recipe
