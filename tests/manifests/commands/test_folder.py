"""`python -m manifests folder`: counts, remarks and the next command; JSON for programs."""

import json
from pathlib import Path

from typer.testing import CliRunner

from manifests.commands.app import app
from tests.manifests.importing.conftest import clips_of, write_clips


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["folder", *map(str, words)])
    return result.exit_code, result.stdout, result.stderr


def test_the_counts_and_the_next_command_are_printed(tmp_path: Path) -> None:
    write_clips(tmp_path / "v", [*clips_of(["walk", "[run]"], 10), *(f"walk/n{number}.txt" for number in range(5))])
    code, out, err = run(tmp_path / "v", "--out", tmp_path / "mine")
    assert code == 0
    spaces = run(tmp_path / "v", "--out", tmp_path / "it is mine")[1]
    assert f"next: python -m evaluate reproduce '{tmp_path}/it is mine/recipe.toml'" in spaces
    rows = [line.split() for line in out.splitlines() if line.strip().startswith(("walk", "[run]"))]
    assert [row[:2] for row in rows] == [["[run]", "6"], ["walk", "6"]]
    assert "20 clips (12 train / 3 validation / 5 test), 2 classes" in out
    assert f"next: python -m evaluate reproduce {tmp_path}/mine/recipe.toml" in out
    assert "left out, not a video or skeleton file: walk/n0.txt, walk/n1.txt, walk/n2.txt and 2 more" in err
    assert "nothing in the names tells which clips were cut from one video" in err
    assert "has these clips already" in run(tmp_path / "v", "--out", tmp_path / "mine")[1]


def test_the_table_of_many_classes_is_short(tmp_path: Path) -> None:
    write_clips(tmp_path / "v", clips_of([f"class{number:02}" for number in range(30)], 5))
    code, out, _ = run(tmp_path / "v", "--out", tmp_path / "mine")
    assert code == 0
    assert "class07" not in out
    assert "fewest of a class" in out


def test_json_has_every_class_and_every_file_that_was_left_out(tmp_path: Path) -> None:
    write_clips(tmp_path / "v", [*clips_of([f"c{number:02}" for number in range(30)], 6, "{label}/s0{number}_x.mp4")])
    write_clips(tmp_path / "v", [f"c00/n{number}.txt" for number in range(9)])
    code, out, _ = run(
        tmp_path / "v", "--out", tmp_path / "mine", "--json", "--val", "0.2", "--test", "0.3", "--seed", "4"
    )
    content = json.loads(out)
    assert code == 0
    assert content["protocol"] == "mine-by-groups-validation20-test30-seed4"
    assert (content["clips"], content["classes"], len(content["counts"])) == (180, 30, 30)
    assert content["counts"]["c00"].keys() == {"train", "validation", "test"}
    assert len(content["left_out"]["not a video or skeleton file"]) == 9
    assert content["groups"] == "subjects, as s01 in a1_s01_t1"
    assert content["recipe"] == f"{tmp_path}/mine/recipe.toml"
