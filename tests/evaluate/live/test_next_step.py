"""The command after a reproduction: the kind of file of each stream, and none without a network."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from evaluate.live import next_step
from evaluate.live.next_step import predict_command
from manifests.manifest import Manifest, read_manifest


def test_the_command_has_the_kind_of_file(
    one_stream: Path, two_streams: Path, own_joints: Path, drawn: Path, tmp_path: Path
) -> None:
    manifest: Manifest = read_manifest(next(drawn.glob("*.csv")))
    start = "python -m evaluate predict"
    assert predict_command(one_stream, manifest) == f"{start} {one_stream} NEW.mp4"
    assert predict_command(two_streams, manifest) == f"{start} {two_streams} rgb=NEW.mp4,skeleton=NEW.npy"
    assert predict_command(own_joints, manifest) == f"{start} {own_joints} NEW.npy"
    assert predict_command(tmp_path, manifest) is None


def test_streams_of_one_video_have_one_file(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def model(**backbones: str) -> SimpleNamespace:
        streams = {
            name: SimpleNamespace(settings={"backbone": backbone, "column": "path"})
            for name, backbone in backbones.items()
        }
        return SimpleNamespace(description=SimpleNamespace(streams=streams))

    manifest = read_manifest(next(drawn.glob("*.csv")))
    both = model(rgb="efficientnet_lite0", pose="blazepose:lite")
    monkeypatch.setattr(next_step, "find_model", lambda *_, **__: both)
    assert predict_command(Path("out"), manifest) == "python -m evaluate predict out NEW.mp4"
    both.description.streams["pose"].settings["column"] = "path_other"
    assert predict_command(Path("out"), manifest) == "python -m evaluate predict out rgb=NEW.mp4,pose=NEW.mp4"
