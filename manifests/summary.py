"""What is in a manifest, in numbers: its protocol, clips, splits and classes."""

from collections import Counter
from dataclasses import dataclass

from manifests.manifest import SPLITS, Manifest


@dataclass(frozen=True)
class Summary:
    """The numbers of a manifest.

    Attributes:
        protocol: its protocol.
        clips: the number of its clips.
        splits: the number of clips by split.
        classes: the number of classes in its class order.
        classes_present: how many of them have clips.
    """

    protocol: str
    clips: int
    splits: dict[str, int]
    classes: int
    classes_present: int

    def sentence(self) -> str:
        """Return the numbers in one line."""
        splits = " / ".join(f"{count} {name}" for name, count in self.splits.items())
        some = "" if self.classes_present == self.classes else f"{self.classes_present} of "
        return f"{self.protocol}: {self.clips} clips ({splits}), {some}{self.classes} classes"


def summarise(manifest: Manifest) -> Summary:
    """Return the numbers of a manifest."""
    clips = manifest.clips
    counts = Counter(clips["split"])
    return Summary(
        protocol=manifest.protocol,
        clips=len(clips),
        splits={name: counts[name] for name in SPLITS},
        classes=len(manifest.classes),
        classes_present=int(clips["class_name"].nunique()),
    )
