"""How a list of clips differs from the list that a run was begun with."""

from dataclasses import dataclass

import pandas as pd

from common.errors import first_few
from extract.sources.listing import pieces_of


@dataclass(frozen=True)
class ClipChanges:
    """The differences between two lists of clips.

    Attributes:
        added: clips that only the new list has.
        removed: clips that only the old list has.
        changed: clips with another path, archive or piece: (name, place before, place now).
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[tuple[str, str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        kinds = (("added", self.added), ("removed", self.removed), ("changed", [name for name, _, _ in self.changed]))
        return ", ".join(f"{len(names)} {kind} ({first_few(names)})" for kind, names in kinds if names)


def compare_clips(before: pd.DataFrame, now: pd.DataFrame) -> ClipChanges:
    """Compare two lists of clips; each has the columns clip_id, path, archive, start and end."""
    old, new = _places(before), _places(now)
    return ClipChanges(
        added=tuple(clip for clip in new if clip not in old),
        removed=tuple(clip for clip in old if clip not in new),
        changed=tuple((clip, old[clip], place) for clip, place in new.items() if old.get(clip, place) != place),
    )


def _places(clips: pd.DataFrame) -> dict[str, str]:
    columns = (clips[name].tolist() for name in ("clip_id", "path", "archive"))
    return {
        clip: (f"{path} in {archive}" if archive else path) + ("" if piece.is_whole else f", seconds {piece}")
        for clip, path, archive, piece in zip(*columns, pieces_of(clips), strict=True)
    }
