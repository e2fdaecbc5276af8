"""Other processes ignore the modules of the current folder, except in the folder of a checkout."""

from pathlib import Path

import pytest

from common.subprocesses import HOME, safe_path_option


def test_the_current_folder_is_ignored_unless_it_has_the_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert safe_path_option() == ["-P"]
    monkeypatch.chdir(HOME)
    assert safe_path_option() == []
