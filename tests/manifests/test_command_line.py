"""How every command line ends: in a sentence, whatever of the user's making it was."""

import pytest

from manifests.command_line import run_cli
from manifests.errors import UserError


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UserError("a.csv is empty"), "error: a.csv is empty\n"),
        (PermissionError(13, "Permission denied", "/a/b"), "error: /a/b: you may not read or write it; look at"),
    ],
)
def test_errors_are_sentences(error: Exception, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    def app() -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        run_cli(app)
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith(sentence)


def test_a_defect_is_none_of_the_users(capsys: pytest.CaptureFixture[str]) -> None:
    def app() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_cli(app)
