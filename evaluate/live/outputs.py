"""The files that a call of `predict` writes: a table, annotated videos, a page. They are checked before the work."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from common.callbacks import Notify, no_notice
from common.errors import UserError
from common.files import write_text
from evaluate.live.annotate import annotate
from evaluate.live.page import PageStyle, write_page
from evaluate.live.recognition import Recognition, Recording
from evaluate.live.written import as_csv
from extract.poses.settings import PoseSettings
from extract.skeletons.joint_list import JointList
from extract.skeletons.readers import is_skeleton_file
from extract.sources.location import is_url

MP4 = ".mp4"


@dataclass(frozen=True)
class Outputs:
    """The files to write.

    Attributes:
        csv: all probabilities; None: not written, as for the next two.
        annotate: an MP4, or a folder for one of each video.
        html: a page.
        top: how many classes are shown.
    """

    csv: Path | None
    annotate: Path | None
    html: Path | None
    top: int

    def check(self) -> None:
        """Refuse files that cannot be written, before anything is recognised.

        Raises:
            UserError: naming the file and the reason.
        """
        for file in (self.csv, self.html, self.annotate):
            if file is None:
                continue
            as_folder = file is self.annotate and not self._is_one_file
            if file.is_dir() and not as_folder:
                raise UserError(f"cannot write {file}: it is a folder; give the name of a file")
            if as_folder and file.suffix:
                raise UserError(f"annotated videos are MP4 files, and {file} ends in {file.suffix}; end it in {MP4}")
            _try_to_write(file if as_folder else file.parent, file)

    def check_inputs(self, inputs: Sequence[str]) -> None:
        """Refuse annotated videos in a folder of the inputs: the next call would recognise them as inputs too.

        Args:
            inputs: as the user gives them.

        Raises:
            UserError: naming the folder.
        """
        for text in inputs:
            folder = Path(text.removeprefix("file://"))
            if self.annotate is None or not text or is_url(text) or not folder.is_dir():
                continue
            if self.annotate.resolve().is_relative_to(folder.resolve()):
                raise UserError(
                    f"--annotate {self.annotate} is in the input folder {folder}, so the next call would take the "
                    "annotated videos as inputs; give a folder outside it"
                )

    def check_streams(self, streams: Mapping[str, str]) -> None:
        """Refuse annotated videos of a model without a video.

        Args:
            streams: "video" or "skeleton" by stream of the model.

        Raises:
            UserError: there is no video to annotate.
        """
        if self.annotate is not None and "video" not in streams.values():
            raise UserError("--annotate needs a model of videos, and this one takes skeletons; --html draws these")

    def check_recordings(self, recordings: Sequence[Recording]) -> None:
        """Refuse one file for several annotated videos, and an output that is an input.

        Raises:
            UserError: naming the file.
        """
        if self._is_one_file and len(recordings) > 1:
            raise UserError(f"--annotate {self.annotate} is one file for {len(recordings)} videos; give a folder")
        inputs = {Path(path).resolve() for each in recordings for path in each.files.values() if not is_url(path)}
        own = [file for file in (self.csv, self.html) if file is not None]
        for file in (*own, *(out for _, _, out in self._annotated(recordings))):
            if file.resolve() in inputs:
                raise UserError(f"{file} is one of the inputs; give another output")

    def write(
        self,
        recognitions: Sequence[Recognition],
        model: str,
        joint_list: JointList | None,
        poses: PoseSettings | None = None,
        notify: Notify = no_notice,
    ) -> Iterator[str]:
        """Write the files; yield a sentence for each annotated video that cannot be written.

        Args:
            recognitions: what is written.
            model: what recognised them, in words.
            joint_list: of their skeletons; None: there is none.
            poses: how joints are found in their videos; None: the model takes none.
            notify: gets a sentence for each file that was written.

        Raises:
            UserError: the table or the page cannot be written.
        """
        if self.csv is not None:
            write_text(self.csv, as_csv(recognitions))
            notify(f"written: {self.csv}")
        if self.html is not None:
            write_page(self.html, recognitions, PageStyle(model, self.top, joint_list, poses))
            notify(f"written: {self.html}")
        by_recording = {id(each.recording): each for each in recognitions}
        for recording, path, out in self._annotated([each.recording for each in recognitions]):
            try:
                annotate(path, by_recording[id(recording)], out, self.top, poses)
                notify(f"written: {out}")
            except UserError as error:
                yield str(error)

    @property
    def _is_one_file(self) -> bool:
        return self.annotate is not None and self.annotate.suffix.lower() == MP4 and not self.annotate.is_dir()

    def _annotated(self, recordings: Sequence[Recording]) -> Iterator[tuple[Recording, str, Path]]:
        """Yield each recording with its video and the file that is written. No two files have one name."""
        if self.annotate is None:
            return
        paths = [next(p for p in recording.files.values() if not is_skeleton_file(p)) for recording in recordings]
        stems = [PurePosixPath(path.partition("?")[0] if is_url(path) else path).stem or "video" for path in paths]
        for recording, path, name in zip(recordings, paths, distinct_names(stems), strict=True):
            yield recording, path, self.annotate if self._is_one_file else self.annotate / name


def distinct_names(stems: Sequence[str]) -> list[str]:
    """Return the name of an MP4 for each stem. No two are equal, also where upper and lower case are the same."""
    names = dict[str, str]()
    for stem in stems:
        name = next(name for name in _names(stem) if name.casefold() not in names)
        names[name.casefold()] = name
    return list(names.values())


def _names(stem: str) -> Iterator[str]:
    yield f"{stem}{MP4}"
    for number in range(2, 1 << 31):
        yield f"{stem}-{number}{MP4}"


def _try_to_write(folder: Path, file: Path) -> None:
    """Make a folder and a file in it, which is removed.

    Raises:
        UserError: the system refuses it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror or error}") from error
