"""The record of a run folder: other settings are refused, and other clips get a folder beside."""

import json
from pathlib import Path

import pytest

from common.errors import UserError
from common.run_record import claim, folder_of, only_writer, short_name


def test_other_versions_in_an_unfinished_run_are_refused_with_advice(tmp_path: Path) -> None:
    record = tmp_path / "recipe.json"
    claim(record, {"settings": {"seed": 0}, "versions": {"torch": "1"}}, {})
    with pytest.raises(
        UserError, match=r"versions\.torch: 1 there, 2 wanted.*where it began, and it resumes"
    ) as raised:
        claim(record, {"settings": {"seed": 0}, "versions": {"torch": "2"}}, {})
    assert "loses only the epochs of this training" in str(raised.value)
    with pytest.raises(UserError, match="seed: 0 there, 1 wanted.*; give another folder, or remove it"):
        claim(record, {"settings": {"seed": 1}, "versions": {"torch": "2"}}, {})


def test_a_run_of_other_clips_has_a_folder_beside(tmp_path: Path) -> None:
    first, wanted = tmp_path / "network", {"clips": {"train": 3}, "labels_sha256": "a"}
    assert folder_of(first, "settings.json", wanted) == first, "nothing is there yet"
    first.mkdir()
    (first / "settings.json").write_text(json.dumps({"settings": {**wanted, "epochs": 7}}))
    assert folder_of(first, "settings.json", wanted) == first
    others = {**wanted, "clips": {"train": 4}}
    assert folder_of(first, "settings.json", others) == tmp_path / f"network-{short_name(others)}"
    assert short_name(others) == short_name(dict(reversed(others.items()))) != short_name(wanted)


def test_the_only_writer_removes_the_temporary_files_of_a_killed_process(tmp_path: Path) -> None:
    leftover = tmp_path / ".metrics.csv.abcdefgh.tmp"
    leftover.touch()
    with only_writer(tmp_path):
        assert not leftover.exists()
        with pytest.raises(UserError, match="another process is training into"), only_writer(tmp_path):
            pass
