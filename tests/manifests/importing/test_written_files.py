"""The three files of an import: a recipe that runs as it is, and nothing of another import is replaced."""

from pathlib import Path

import pytest

import manifests
from common.errors import UserError
from manifests import from_folder, read_manifest, read_recipe
from tests.manifests.importing.conftest import clips_of, write_clips


def test_from_folder_writes_three_files_and_returns_the_manifest(videos: Path, tmp_path: Path) -> None:
    write_clips(videos, [*clips_of("ab", 50), "a/notes.txt"])
    sentences: list[str] = []
    manifest = from_folder(videos, tmp_path / "my data", notify=sentences.append)
    assert sorted(path.name for path in (tmp_path / "my data").iterdir()) == [
        "manifest.classes.txt", "manifest.csv", "recipe.toml"
    ]  # fmt: skip
    assert manifest.clips.equals(read_manifest(tmp_path / "my data" / "manifest.csv").clips)
    assert manifest.protocol.startswith("my-data-by-clips-")
    assert sentences[0] == "left out, not a video or skeleton file: a/notes.txt"
    recipe = read_recipe(tmp_path / "my data" / "recipe.toml")
    assert (recipe.name, recipe.seeds, recipe.methods) == ("my-data", [0, 1, 2], ["without", "with"])
    assert recipe.data.manifest == tmp_path / "my data" / "manifest.csv"
    assert recipe.data.videos == videos
    assert recipe.extract is not None
    assert (recipe.extract.backbone, recipe.extract.frames_per_segment) == ("auto", "auto")
    assert manifests.Manifest is type(manifest)


def test_behind_a_link_the_path_to_the_files_is_absolute(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clips(videos, clips_of("ab", 5))
    (tmp_path / "deep" / "real").mkdir(parents=True)
    (tmp_path / "mine").symlink_to("deep/real")
    monkeypatch.chdir(tmp_path)
    from_folder("videos", "mine")
    recipe = read_recipe(Path("mine/recipe.toml"))
    assert recipe.data.videos is not None and recipe.data.videos.resolve() == videos.resolve()


def test_a_relative_folder_stays_relative(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clips(videos, clips_of("ab", 5))
    monkeypatch.chdir(tmp_path)
    from_folder("videos", "deep/mine")
    assert 'videos = "../../videos"\n' in Path("deep/mine/recipe.toml").read_text()
    (tmp_path / "moved").mkdir()
    Path("deep").rename("moved/deep")
    Path("videos").rename("moved/videos")
    recipe = read_recipe(tmp_path / "moved" / "deep" / "mine" / "recipe.toml")
    assert recipe.data.videos is not None
    assert recipe.data.videos.resolve() == tmp_path / "moved" / "videos"


def test_the_same_import_again_changes_nothing(videos: Path, tmp_path: Path) -> None:
    write_clips(videos, clips_of("ab", 5))
    out = tmp_path / "mine"
    from_folder(videos, out)
    (out / "recipe.toml").write_text((out / "recipe.toml").read_text() + "# mine\n")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()}
    notes: list[str] = []
    from_folder(videos, out, notify=notes.append)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()} == before
    assert notes[1:] == [
        f"{out}/manifest.csv has these clips already",
        f"{out}/recipe.toml was changed after its import, and stays as it is; --force writes it anew",
    ]
    (out / "recipe.toml").unlink()
    from_folder(videos, out)
    assert read_recipe(out / "recipe.toml").name == "mine"


def test_another_manifest_is_replaced_only_by_force(videos: Path, tmp_path: Path) -> None:
    write_clips(videos, clips_of("ab", 5))
    out = tmp_path / "mine"
    first = from_folder(videos, out)
    write_clips(videos, ["a/new.mp4"])
    before = (out / "manifest.csv").read_bytes()
    with pytest.raises(UserError, match=r"mine/manifest\.csv exists, and is of another import; give --force"):
        from_folder(videos, out)
    assert (out / "manifest.csv").read_bytes() == before
    assert len(from_folder(videos, out, force=True).clips) == len(first.clips) + 1
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "recipe.toml").write_text("# of somebody else\n")
    with pytest.raises(UserError, match=r"other/recipe\.toml exists"):
        from_folder(videos, tmp_path / "other")
    assert not (tmp_path / "other" / "manifest.csv").exists()


def test_out_may_hold_the_videos_but_not_be_in_them(videos: Path, tmp_path: Path) -> None:
    write_clips(videos, clips_of("ab", 5))
    for out in (videos, videos / "mine", videos / "a"):
        with pytest.raises(UserError, match="where the next import would take it for a class"):
            from_folder(videos, out)
    from_folder(videos, tmp_path)
    assert read_recipe(tmp_path / "recipe.toml").data.videos == videos


def test_nothing_is_written_where_the_clips_cannot_be_divided(videos: Path, tmp_path: Path) -> None:
    write_clips(videos, ["a/1.mp4"])
    with pytest.raises(UserError, match="one class"):
        from_folder(videos, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
