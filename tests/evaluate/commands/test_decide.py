"""`python -m evaluate decide`: a short table, all numbers as JSON and CSV, and sentences for what does not work."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from common.errors import UserError
from evaluate.commands.app import app
from evaluate.decisions import RULES

PREDICTIONS = [f"predictions/with-seed{seed}.h5" for seed in (0, 1)]


@pytest.fixture
def words(one_stream: Path, drawn: Path) -> list[str]:
    (manifest,) = drawn.glob("*.csv")
    return ["decide", *(str(one_stream / name) for name in PREDICTIONS), "--manifest", str(manifest)]


def test_the_table_fits_a_terminal_and_the_csv_has_all_numbers(words: list[str], tmp_path: Path) -> None:
    out = tmp_path / "decisions.csv"
    shown = CliRunner().invoke(app, [*words, "--price", "0.2", "--out", str(out)], catch_exceptions=False)
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert lines[0] == "With distillation: 2 models, 10 validation clips, 10 test clips"
    assert all(any(line.startswith(rule.title) for line in lines) for rule in RULES.values())
    assert max(len(line) for line in lines if str(out) not in line) <= 90
    table = pd.read_csv(out)
    assert table["rule"].tolist() == list(RULES) and (table["price"] == 0.2).all()
    as_json = CliRunner().invoke(app, [*words, "--price", "0.2", "--json"], catch_exceptions=False).output
    rows = json.loads(as_json)["decisions"]
    assert [row["cost"] for row in rows] == pytest.approx(table["cost"].tolist(), rel=1e-5)


def test_prices_are_sorted_and_shown_once(words: list[str]) -> None:
    prices = ["--price", "0.5", "--price", "0.1", "--price", "0.5"]
    rows = json.loads(CliRunner().invoke(app, [*words, *prices, "--json"]).output)["decisions"]
    assert [row["price"] for row in rows] == [0.1] * len(RULES) + [0.5] * len(RULES)


def test_the_best_rule_of_the_mean_is_stored_with_the_model(
    words: list[str], one_stream: Path, tmp_path: Path, drawn: Path
) -> None:
    model, out = tmp_path / "model", tmp_path / "decisions.csv"
    shutil.copytree(one_stream, model)
    given = [*words, "--price", "0.2", "--price", "0.2", "--store", str(model), "--out", str(out)]
    shown = CliRunner().invoke(app, given, catch_exceptions=False)
    lines = shown.output.splitlines()
    assert lines[0] == "With distillation: the mean over the seeds 0, 1; 10 validation clips, 10 test clips"
    table = pd.read_csv(out)
    (best,) = table[table["best"]]["title"]
    assert lines[-1] == f"stored in {model}/decision_rule.safetensors: {best}, price 0.2; `predict` decides by it"
    assert any(line.startswith(f"{best} *") for line in lines)
    content = (model / "decision_rule.safetensors").read_bytes()
    found = json.loads(CliRunner().invoke(app, [*given, "--json"], catch_exceptions=False).output)
    assert found["stored"]["title"] == best and found["stored"]["file"] == f"{model}/decision_rule.safetensors"
    assert found["stored"]["seeds"] == [0, 1] and len(found["decisions"]) == len(RULES)
    assert (model / "decision_rule.safetensors").read_bytes() == content


def test_what_does_not_work_is_a_sentence(words: list[str], tmp_path: Path, drawn: Path) -> None:
    def error(*given: str) -> str:
        with pytest.raises(UserError) as caught:
            CliRunner().invoke(app, list(given), catch_exceptions=False)
        return str(caught.value)

    assert "--store needs exactly one --price" in error(*words, "--store", str(tmp_path))
    prices = ["--price", "0.1", "--price", "0.2"]
    assert "--store needs exactly one --price" in error(*words, *prices, "--store", str(tmp_path))
    assert "is no trained model" in error(*words, "--price", "0.1", "--store", str(tmp_path))
    assert "is a folder; give the name of a CSV file" in error(*words, "--out", str(tmp_path))
    (manifest,) = drawn.glob("*.csv")
    clips = pd.read_csv(manifest)
    for path, own in ((tmp_path / "none.csv", clips[clips["split"] != "validation"]),):
        own.to_csv(path, index=False)
        path.with_suffix(".classes.txt").write_text(manifest.with_suffix(".classes.txt").read_text())
        assert "0 validation clips, and decision rules are fitted on them" in error(*words[:-1], str(path))
    clips.loc[len(clips)] = clips[clips["split"] == "validation"].iloc[0].replace({}).to_dict() | {
        "clip_id": "new",
        "path": "new.avi",
    }
    clips.to_csv(tmp_path / "more.csv", index=False)
    (tmp_path / "more.classes.txt").write_text(manifest.with_suffix(".classes.txt").read_text())
    assert "has no predictions of 1 of the" in error(*words[:-1], str(tmp_path / "more.csv"))
    assert CliRunner().invoke(app, [*words, "--price", "1.5"]).exit_code == 2
