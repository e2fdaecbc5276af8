"""The video files: XviD-like AVI with B-frames, complete or missing, with frames that depend on few later frames."""

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from common.errors import UserError
from manifests.stick_figures.actions import ACTIONS
from manifests.stick_figures.drawing import draw_frames
from manifests.stick_figures.variation import draw_performer, draw_variation
from manifests.stick_figures.video import MAX_B_FRAMES, check_size, write_video

SIZE = (96, 64)


def frames_of(action, seed):
    clip = draw_variation(np.random.default_rng(seed))
    return clip, list(draw_frames(action, draw_performer(np.random.default_rng(seed)), clip, SIZE))


def decode(path):
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def test_a_file_is_mpeg4_avi_with_b_frames_and_every_frame(tmp_path):
    clip, frames = frames_of(ACTIONS[0], 3)
    write_video(frames, tmp_path / "a.avi", SIZE)
    with av.open(str(tmp_path / "a.avi")) as container:
        stream = container.streams.video[0]
        assert container.format.name == "avi"
        assert (stream.codec_context.name, stream.codec_context.codec_tag) == ("mpeg4", "XVID")
        assert (stream.width, stream.height, stream.average_rate) == (*SIZE, 25)
    decoded = decode(tmp_path / "a.avi")
    assert len(decoded) == clip.num_frames
    kinds = [PictureType(frame.pict_type) for frame in decoded]
    assert kinds.count(PictureType.B) > len(kinds) / 2
    assert set(kinds) == {PictureType.I, PictureType.P, PictureType.B}
    for frame, pixels in zip(decoded, frames, strict=True):  # in order, and recognisable
        assert np.abs(frame.to_ndarray(format="rgb24").astype(int) - pixels).mean() < 6


def test_the_same_frames_make_the_same_bytes(tmp_path):
    _, frames = frames_of(ACTIONS[1], 4)
    for name in ("a.avi", "b.avi"):
        write_video(frames, tmp_path / name, SIZE)
    assert (tmp_path / "a.avi").read_bytes() == (tmp_path / "b.avi").read_bytes()


def test_decoded_frames_know_no_more_of_the_future_than_the_bound_allows(tmp_path):
    leaked = set()
    for seed in range(6):
        partings = {}
        for action in (ACTIONS[3], ACTIONS[4], ACTIONS[8]):  # two of one family, one of another
            clip, frames = frames_of(action, seed)
            path = tmp_path / f"{action.name}{seed}.avi"
            write_video(frames, path, SIZE)
            partings[action.name] = np.stack([frame.to_ndarray(format="rgb24") for frame in decode(path)])
        siblings, stranger = [partings[ACTIONS[3].name], partings[ACTIONS[4].name]], partings[ACTIONS[8].name]
        for other, parting in ((siblings[1], clip.branch_frame), (stranger, clip.start_frame)):
            first = int(np.flatnonzero((siblings[0] != other).any(axis=(1, 2, 3)))[0])
            assert first >= parting - MAX_B_FRAMES
            leaked.add(parting - first)
    assert max(leaked) > 0  # B-frames do leak: without the allowance the bound would be wrong


def test_a_writer_that_fails_leaves_no_file(tmp_path):
    def broken():
        yield from frames_of(ACTIONS[0], 0)[1][:5]
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        write_video(broken(), tmp_path / "a.avi", SIZE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [(161, 120), (160, 30)])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(UserError, match="even and at least 32"):
        check_size(size)
