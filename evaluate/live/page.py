"""One HTML page about recognised recordings, with a picture and the most probable classes after each segment.

The page needs no other file and has no script. The template escapes every name. The looks are those of the report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from common.files import write_text
from evaluate.live.recognition import Recognition
from evaluate.live.written import decision_in_words, percent
from evaluate.report import page as report
from evaluate.report.key_frames import KeyFrames, file_key_frames
from extract.poses.settings import PoseSettings
from extract.skeletons.joint_list import JointList
from extract.skeletons.readers import is_skeleton_file


@dataclass(frozen=True)
class PageStyle:
    """What a page says beside the probabilities.

    Attributes:
        model: what recognised the recordings, in words.
        top: how many classes are shown at each moment.
        joint_list: of skeletons, to draw them; None: there is none.
        poses: how joints are found in videos, to draw them; None: the model takes none.
    """

    model: str
    top: int = 3
    joint_list: JointList | None = None
    poses: PoseSettings | None = None


def write_page(out: Path, recognitions: Sequence[Recognition], style: PageStyle) -> None:
    """Write the page.

    Args:
        out: the file.
        recognitions: in the order of the page. Their files are read again for the pictures.
        style: what is shown of them.

    Raises:
        UserError: the file cannot be written.
    """
    recordings = [_context(each, _pictures(each, style), style) for each in recognitions]
    folders = [Path(__file__).parent, Path(report.__file__).parent]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    write_text(out, environment.get_template("page.html.j2").render(recordings=recordings, model=style.model))


def _pictures(recognition: Recognition, style: PageStyle) -> KeyFrames:
    """Return a picture of each segment's end, of the first stream that is a video or else of the first stream."""
    paths = list(recognition.recording.files.values())
    path = next((each for each in paths if not is_skeleton_file(each)), paths[0])
    num_segments = len(recognition.probabilities)
    levels = range(1, num_segments + 1)
    return file_key_frames({path: path}, num_segments, levels, style.joint_list, poses=style.poses)[path]


def _context(recognition: Recognition, pictures: KeyFrames, style: PageStyle) -> Mapping[str, Any]:
    """Return the values that the template shows of one recording."""
    decision = recognition.decision()
    moments = [
        {
            "seen": percent(ratio),
            "decided": decision is not None and decision.level == level,
            "picture": pictures.pictures[level - 1] if pictures.pictures else "",
            "top": [{"name": name, "percent": percent(share), "width": f"{100 * share:.1f}"} for name, share in best],
        }
        for level, (ratio, best) in enumerate(zip(recognition.ratios, recognition.top(style.top), strict=True), start=1)
    ]
    sentence = decision_in_words(recognition)
    return {
        "name": recognition.recording.name,
        "num_frames": recognition.num_frames,
        "decision": sentence[0].upper() + sentence[1:],
        "no_pictures": pictures.reason,
        "moments": moments,
    }
