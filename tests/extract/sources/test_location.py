from pathlib import Path

import pytest

from common.errors import UserError
from extract.sources.location import filesystem, is_url, join


@pytest.mark.parametrize(
    ("root", "relative", "joined"),
    [
        ("/data", "a/b.mp4", "/data/a/b.mp4"),
        ("data", "a b#1?.mp4", "data/a b#1?.mp4"),
        ("s3://bucket/data", "a b#1?.mp4", "s3://bucket/data/a b#1?.mp4"),
        ("http://host/data", "a b#1?%.mp4", "http://host/data/a%20b%231%3F%25.mp4"),
    ],
)
def test_roots_and_paths(root: str, relative: str, joined: str) -> None:
    assert join(root, relative) == joined
    assert is_url(joined) == ("://" in joined)


@pytest.mark.parametrize("root", ["/data", "s3://bucket/data"])
@pytest.mark.parametrize("relative", ["../a.mp4", "a/../../b.mp4", "/etc/passwd"])
def test_nothing_leads_out(root: str, relative: str) -> None:
    with pytest.raises(UserError, match="leads out"):
        join(root, relative)


def test_a_missing_package_is_named_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec import core

    def missing(url: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(core, "url_to_fs", missing)
    with pytest.raises(UserError, match=r"reads s3:// is missing \(the extra `s3` has it\): Install s3fs"):
        filesystem("s3://bucket/a.mp4")


def test_an_unknown_protocol() -> None:
    with pytest.raises(UserError, match="no package that reads nonsense://a"):
        filesystem("nonsense://a")


def test_a_file_by_its_url(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    files, name = filesystem(f"file://{tmp_path}/a.txt")
    assert files.cat_file(name) == b"text"
