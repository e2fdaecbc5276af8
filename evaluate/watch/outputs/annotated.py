"""The frames of `watch` as an MP4 for each source, with the probabilities of that moment below the picture.

The file is written in fragments, so what was written can be played even if the program is killed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.callbacks import Notify
from common.errors import UserError
from evaluate.decisions.decision_maker import DecisionMaker
from evaluate.live.annotate import add_stream, enlarged
from evaluate.live.outputs import MP4, distinct_names
from evaluate.live.panel import Panel
from evaluate.live.recognition import Recognition, Recording
from evaluate.watch.events import Event, Picture, Prediction, SourceEnded, shown_name
from evaluate.watch.outputs.output import Output
from evaluate.watch.outputs.timeline import short_name
from evaluate.watch.picks import GAP_SECONDS

CLOCK = Fraction(1, 1000)  # seconds, of the times in the file
SHORTEST = 1  # tick from frame to frame
USUAL_RATE = Fraction(25)  # frames a second, until the times of the stream say another one
FRAGMENT = 50  # frames; so many at most are lost if the program is killed
TOP = 3  # classes with a bar


@dataclass(frozen=True)
class ShownModel:
    """What the panel needs to know of the model: the classes, the segments of an episode, and what decides."""

    classes: tuple[str, ...]
    num_segments: int
    decision_maker: DecisionMaker


class AnnotatedVideos(Output):
    """Writes a video of each source.

    Args:
        out: an MP4, or a folder for several sources.
        sources: as the user gave them.
        model: what is drawn.
        notify: gets a sentence for each file that was written.

    Raises:
        UserError: one file is named for several sources, it is no MP4, or it cannot be written.
    """

    def __init__(self, out: Path, sources: Sequence[str], model: ShownModel, notify: Notify) -> None:
        is_file = out.suffix.lower() == MP4
        if out.suffix and not is_file and not out.is_dir():
            raise UserError(f"annotated videos are MP4 files, and {out} ends in {out.suffix}; end it in {MP4}")
        if is_file and len(sources) > 1:
            raise UserError(f"--annotate {out} is one file for {len(sources)} sources; give a folder")
        stems = [Path(short_name(source)).stem or "source" for source in sources]
        files = [out] if is_file else [out / name for name in distinct_names(stems)]
        inputs = {Path(source).resolve() for source in sources}
        for file in files:
            if file.resolve() in inputs:
                raise UserError(
                    f"--annotate {out} would write over the source {shown_name(str(file))}; give another name"
                )
        try:
            for file in files:
                file.parent.mkdir(parents=True, exist_ok=True)
            self._videos = {
                shown_name(source): _Video(file, model) for source, file in zip(sources, files, strict=True)
            }
        except (OSError, av.FFmpegError) as error:
            raise UserError(f"cannot write {out}: {error.strerror or error}") from error
        self._notify = notify

    def show(self, event: Event) -> None:
        """See `Output.show`."""
        if isinstance(event, Prediction):
            self._videos[event.source].predictions = _continued(self._videos[event.source].predictions, event)
        elif isinstance(event, Picture):
            self._videos[event.source].write(event)
        elif isinstance(event, SourceEnded):
            self._close(self._videos[event.source])

    def close(self) -> None:
        """See `Output.close`."""
        for video in self._videos.values():
            self._close(video)

    def _close(self, video: "_Video") -> None:
        if video.close():
            self._notify(f"written: {video.file}")


def _continued(before: list[Prediction], event: Prediction) -> list[Prediction]:
    """Return the predictions of an event's episode so far."""
    return [*(before if before and before[-1].episode == event.episode else []), event]


class _Video:
    """One file, which begins with the first picture."""

    def __init__(self, file: Path, model: ShownModel) -> None:
        self.file = file
        self.predictions: list[Prediction] = []  # of the current episode
        self._model = model
        self._container: av.container.OutputContainer | None = None
        self._now, self._last_time = 0, 0.0
        self._panel: NDArray[np.uint8] | None = None
        self._drawn: list[Prediction] | None = None

    def write(self, picture: Picture) -> None:
        frame = enlarged(picture.frame)
        if self._container is None:
            self._begin(frame, picture.time)
        width, height = self._size
        if frame.shape[:2] != (height, width):  # the size of the stream has changed
            frame = np.asarray(Image.fromarray(frame).resize((width, height)), np.uint8)
        passed = picture.time - self._last_time
        usual = 0 <= passed <= GAP_SECONDS
        self._now += max(SHORTEST, round(passed / CLOCK)) if usual else round(1 / USUAL_RATE / CLOCK)
        self._last_time = picture.time
        whole = av.VideoFrame.from_ndarray(np.concatenate([frame, self._below(width)]), format="rgb24")
        whole.pts, whole.time_base = self._now, CLOCK
        assert self._container is not None
        self._container.mux(self._stream.encode(whole))

    def close(self) -> bool:
        """Finish the file; return whether there was something to finish."""
        if self._container is None:
            return False
        self._container.mux(self._stream.encode(None))
        self._container.close()
        self._container = None
        return True

    def _begin(self, frame: NDArray[np.uint8], moment: float) -> None:
        self._size = (frame.shape[1], frame.shape[0])
        self._last_time = moment
        options = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
        self._container = av.open(str(self.file), "w", format="mp4", options=options)
        height = frame.shape[0] + len(self._below(frame.shape[1]))
        self._stream = add_stream(self._container, USUAL_RATE, frame.shape[1], height)
        self._stream.codec_context.time_base = CLOCK
        self._stream.codec_context.gop_size = FRAGMENT

    def _below(self, width: int) -> NDArray[np.uint8]:
        """Return the panel of the moment: (H, width, 3). It is drawn anew after each segment only."""
        if self._panel is None or self._drawn is not self.predictions:
            self._panel, self._drawn = self._draw(width), self.predictions
        return self._panel

    def _draw(self, width: int) -> NDArray[np.uint8]:
        model = self._model
        probabilities = np.zeros((model.num_segments, len(model.classes)), np.float32)  # zero: not seen yet
        for row, prediction in enumerate(self.predictions):
            probabilities[row] = prediction.probabilities
        recognition = Recognition(Recording("", {}), model.classes, probabilities, 0, model.decision_maker)
        return Panel(recognition, range(1, model.num_segments + 1), TOP, width).draw(len(self.predictions) - 1)
