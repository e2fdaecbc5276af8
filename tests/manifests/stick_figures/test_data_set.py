"""The whole data set: same bytes every time, resumable, with a manifest that reads back."""

import av
import numpy as np
import pytest

from common.errors import UserError
from manifests.manifest import read_manifest
from manifests.stick_figures.actions import ACTIONS, joint_positions
from manifests.stick_figures.data_set import PROTOCOL, Clip, draw_data_set
from manifests.stick_figures.drawing import draw_frames
from manifests.stick_figures.video import write_video

FEW = {"train": 4, "validation": 1, "test": 1}
SIZE = (64, 48)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    assert draw_data_set(folder, clips_per_class=FEW, size=SIZE) == folder / "manifest.csv"
    return folder


def test_the_manifest_reads_back_and_every_video_holds_its_frames(drawn):
    manifest = read_manifest(drawn / "manifest.csv")
    assert manifest.classes == tuple(action.name for action in ACTIONS)
    assert manifest.protocol == PROTOCOL
    assert manifest.clips.groupby(["split", "class_name"]).size().groupby("split").unique().map(list).to_dict() == {
        split: [count] for split, count in FEW.items()
    }
    assert {action.name: action.family for action in ACTIONS} == dict(
        zip(manifest.clips["class_name"], manifest.clips["family"], strict=True)
    )
    for clip in manifest.clips.itertuples():
        with av.open(str(drawn / clip.path)) as container:
            assert sum(1 for _ in container.decode(video=0)) == clip.num_frames
        assert 0 < int(clip.start_frame) < int(clip.branch_frame) < clip.num_frames


def test_performers_keep_to_one_split_and_act_every_class_equally_often(drawn):
    clips = read_manifest(drawn / "manifest.csv").clips
    assert clips.groupby("group")["split"].nunique().max() == 1
    assert clips[clips["split"] == "train"]["group"].nunique() == 2
    assert (clips.groupby(["group", "class_name"]).size().unstack().nunique(axis=1) == 1).all()


def test_a_performer_has_the_same_body_in_every_clip_and_another_in_another_split():
    bodies = {
        (split, number): [Clip(action, split, number).performer(0) for action in ACTIONS]
        for split, number in (("train", 0), ("train", 2), ("train", 3), ("test", 0))
    }
    assert all(performer == performers[0] for performers in bodies.values() for performer in performers)
    assert bodies["train", 0] == bodies["train", 2]
    assert bodies["train", 0] != bodies["train", 3]
    assert bodies["train", 0] != bodies["test", 0]


def test_no_two_clips_share_their_variation():
    clips = [Clip(a, split, n) for a in ACTIONS for split in ("train", "validation", "test") for n in range(5)]
    assert len({clip.variation(0).noise_seed for clip in clips}) == len(clips)
    assert clips[0].variation(0).noise_seed != clips[0].variation(1).noise_seed


def test_timing_is_distributed_alike_in_every_class():
    means = [np.mean([Clip(action, "train", n).variation(0).branch_frame for n in range(200)]) for action in ACTIONS]
    assert np.ptp(means) < 3  # frames, of about 26 ± 5


def test_a_second_run_elsewhere_writes_the_same_bytes(drawn, tmp_path):
    draw_data_set(tmp_path, clips_per_class=FEW, size=SIZE)
    assert contents(tmp_path) == contents(drawn)


def test_any_clip_can_be_drawn_alone(drawn, tmp_path):
    clip = Clip(ACTIONS[7], "train", 3)
    frames = draw_frames(clip.action, clip.performer(0), clip.variation(0), SIZE)
    write_video(frames, tmp_path / "alone.avi", SIZE)
    assert (tmp_path / "alone.avi").read_bytes() == (drawn / clip.path).read_bytes()


def test_every_clip_has_its_skeleton(drawn):
    manifest = read_manifest(drawn / "manifest.csv")
    clips = {(clip.clip_id): clip for clip in (Clip(a, s, n) for a in ACTIONS for s in FEW for n in range(FEW[s]))}
    for row in manifest.clips.itertuples():
        joints = np.load(drawn / row.path_skeleton)
        assert row.path_skeleton == row.path.replace(".avi", ".npy")
        assert (joints.dtype, joints.shape) == (np.float32, (row.num_frames, 20, 3))
        clip = clips[row.clip_id]
        exact = joint_positions(clip.action, clip.performer(0).body, clip.variation(0))
        assert np.abs(joints - exact).max() < 1e-6  # metres
    files = [path.read_bytes() for path in drawn.rglob("*.npy")]
    assert len(set(files)) == len(files) == len(manifest.clips)


def test_a_folder_drawn_before_there_were_skeletons_gets_them(tmp_path):
    few = {"train": 1, "test": 1}
    draw_data_set(tmp_path, clips_per_class=few, size=SIZE)
    whole = contents(tmp_path)
    videos = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.avi")}
    for path in tmp_path.rglob("*.npy"):
        path.unlink()
    draw_data_set(tmp_path, clips_per_class=few, size=SIZE)
    assert contents(tmp_path) == whole
    assert {path: path.stat().st_mtime_ns for path in videos} == videos


def test_a_skeleton_is_whole_or_absent(tmp_path, monkeypatch):
    def killed(file, array):
        file.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        draw_data_set(tmp_path, clips_per_class={"train": 1, "test": 1}, size=SIZE)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".npy", ".tmp")]


def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    few = {"train": 1, "test": 1}
    manifest = draw_data_set(tmp_path, clips_per_class=few, size=SIZE)
    whole = contents(tmp_path)
    lost, *kept = sorted(tmp_path.rglob("*.avi"))
    untouched = {path: path.stat().st_mtime_ns for path in kept}
    lost.unlink()
    manifest.unlink()
    draw_data_set(tmp_path, clips_per_class=few, size=SIZE)
    assert contents(tmp_path) == whole
    assert {path: path.stat().st_mtime_ns for path in kept} == untouched


def test_more_clips_keep_those_that_are_there(drawn, tmp_path):
    draw_data_set(tmp_path, clips_per_class={"train": 1, "test": 1}, size=SIZE)
    fewer = {path: data for path, data in contents(tmp_path).items() if path.suffix in (".avi", ".npy")}
    assert len(fewer) == 2 * 2 * len(ACTIONS)
    assert fewer.items() <= contents(drawn).items()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"clips_per_class": {"train": 1, "tset": 1}}, "'tset' is no split"),
        ({"clips_per_class": {"train": -1, "test": 1}}, "-1 clips of a class"),
        ({"clips_per_class": {"train": 1}}, "no clip of split 'test'"),
        ({"clips_per_class": {}}, "no clips in it"),
        ({"seed": -1}, "seed -1 is negative"),
        ({"size": (64, 47)}, "both sides must be even"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_written(tmp_path, wrong, sentence):
    with pytest.raises(UserError, match=sentence):
        draw_data_set(tmp_path, **wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", [{"seed": 1}, {"size": (32, 32)}])
def test_a_folder_drawn_otherwise_is_refused(drawn, other):
    before = contents(drawn)
    with pytest.raises(UserError, match="give another folder"):
        draw_data_set(drawn, **{"clips_per_class": FEW, "size": SIZE, **other})
    assert contents(drawn) == before
