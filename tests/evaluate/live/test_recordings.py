"""Files, folders, patterns, URLs and several streams as the inputs of a recognition."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluate.live.recognition import Recording, Unusable
from evaluate.live.recordings import find_recordings

VIDEO, SKELETON = {"features": "video"}, {"features": "skeleton"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.avi",
        "a.MP4",
        "deep/c.mkv",
        "deep/s.npy",
        ".hidden.avi",
        "notes.txt",
        "frames/1.jpg",
        "frames/2.jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def names(found: list[Recording | Unusable], folder: Path) -> list[str]:
    assert all(isinstance(each, Recording) and list(each.files.values()) == [each.name] for each in found)
    return [each.name.removeprefix(f"{folder}/") for each in found]


def test_a_folder_is_searched_and_sorted(folder: Path) -> None:
    assert names(find_recordings([str(folder)], VIDEO), folder) == ["a.MP4", "b.avi", "deep/c.mkv"]
    assert names(find_recordings([str(folder)], SKELETON), folder) == ["deep/s.npy"]
    both = find_recordings([str(folder / "b.avi"), f"file://{folder}/deep"], VIDEO)
    assert names(both, folder) == ["b.avi", "deep/c.mkv"]


def test_streams_that_are_made_from_one_video_take_one_file(folder: Path) -> None:
    both = {"rgb": "video", "pose": "video"}
    (found,) = find_recordings([str(folder / "b.avi")], both, together=True)
    path = str(folder / "b.avi")
    assert found == Recording(path, {"rgb": path, "pose": path})
    assert len(find_recordings([str(folder)], both, together=True)) == 3
    (apart,) = find_recordings([path], both)
    assert isinstance(apart, Unusable) and apart.reason.endswith("write rgb=FILE,pose=FILE")


def test_a_folder_of_pictures_is_one_video(folder: Path) -> None:
    assert names(find_recordings([str(folder / "frames")], VIDEO), folder) == ["frames"]
    (unusable,) = find_recordings([str(folder / "frames")], SKELETON)
    assert unusable == Unusable(f"{folder}/frames", "there are no skeleton files in it; the model takes skeleton files")


def test_patterns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names(find_recordings([f"{folder}/*.[am]*"], VIDEO), folder) == ["b.avi"]
    assert names(find_recordings([f"{folder}/**/*.mkv"], VIDEO), folder) == ["deep/c.mkv"]
    (folder / "odd[1].avi").touch()  # a file of this name is no pattern
    assert names(find_recordings([f"{folder}/odd[1].avi"], VIDEO), folder) == ["odd[1].avi"]
    (unusable,) = find_recordings([f"{folder}/*.mov"], VIDEO)
    assert unusable == Unusable(f"{folder}/*.mov", "no file matches this pattern")


def test_what_is_missing_or_empty_is_named(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "only").mkdir()
    (folder / "only" / "s.mat").touch()
    found = find_recordings([str(folder / name) for name in ("x.mp4", "empty", "only", "b.avi")], VIDEO)
    assert [each.reason for each in found if isinstance(each, Unusable)] == [
        "it does not exist",
        "there are no videos in it; the model takes videos",
        "there are no videos in it, but 1 other recordings; the model takes videos",
    ]
    assert isinstance(found[3], Recording)


def test_several_streams_have_a_file_each() -> None:
    streams = {"rgb": "video", "skeleton": "skeleton"}
    (found,) = find_recordings(["skeleton=a,b=c.npy,rgb=x/y,z.mp4"], streams)
    assert found == Recording("skeleton=a,b=c.npy,rgb=x/y,z.mp4", {"skeleton": "a,b=c.npy", "rgb": "x/y,z.mp4"})
    reason = "the model has the streams rgb, skeleton; write rgb=FILE,skeleton=FILE"
    for text in ("a.mp4", "rgb=a.mp4", "rgb=a.mp4,rgb=b.mp4", "rgb=a.mp4,skeleton=", "rgb=a,skeleton=b,skeleton=c"):
        assert find_recordings([text], streams) == [Unusable(text, reason)]


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            """Print nothing."""

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def test_urls(server: str) -> None:
    assert find_recordings([f"{server}/b.avi?token=1"], VIDEO) == [
        Recording(f"{server}/b.avi?token=1", {"features": f"{server}/b.avi?token=1"})
    ]
    pytest.importorskip("aiohttp")
    assert names(find_recordings([f"{server}/deep"], VIDEO), Path(server)) == [f"{server}/deep/c.mkv"]
    (unusable,) = find_recordings([f"{server}/nowhere"], VIDEO)
    assert isinstance(unusable, Unusable) and "does not exist" in unusable.reason


def test_an_empty_input_is_no_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert find_recordings([""], VIDEO) == [Unusable("''", "the input is empty")]
