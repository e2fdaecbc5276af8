"""Published results: the numbers that papers print, each with its protocol, definition, source and mark.

The numbers are in `published.csv`. No number is computed or interpolated; an unknown ratio stays unknown.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from manifests.datasets import DATASETS, DataSet
from manifests.manifest import Manifest

PUBLISHED = Path(__file__).with_name("published.csv")
RATIOS = tuple(range(10, 101, 10))  # observation ratios in per cent: the columns r10, r20, … r100
NOT_STATED = "not-stated"  # the protocol of rows that cannot be compared with results

Mark = Literal["verified", "secondary", "unverified"]
AucKind = Literal["mean-of-ten", "area-from-zero", "not-stated"]


@dataclass(frozen=True)
class Published:
    """One row of a published table.

    Attributes:
        method: the method's name; the paper's "Ours" is called "GRU with distillation" here.
        protocol: data set and split; numbers under two protocols are not comparable.
        labels: the fraction of the training clips whose label was used, "all" or "10%".
        accuracy: observation ratio (%) → accuracy (%), known ratios only, in ascending order.
        auc: area under the curve in per cent as printed, or None.
        auc_kind: its definition. "mean-of-ten" is the mean over the ratios 10…100 % (the ICIP 2021 paper states no
            definition; this one follows from its tables), "area-from-zero" is the trapezoid from ratio 0, which is
            lower, or "not-stated".
        features: the input of the method.
        source: "citation; place in it".
        mark: "verified" in the source, "secondary" from another text about it, "unverified" if nobody read it.
    """

    method: str
    protocol: str
    labels: str
    accuracy: dict[int, float]
    auc: float | None
    auc_kind: AucKind
    features: str
    source: str
    mark: Mark

    @property
    def citation(self) -> str:
        """The source without the place, as in `Tran et al., ICIP 2021`."""
        return self.source.split(";")[0]


# Numbers of classes, of training and validation clips, and of test clips of every whole data set, by protocol.
WHOLE = {
    protocol: size
    for data_set in DATASETS.values()
    if isinstance(data_set, DataSet)
    for protocol, size in data_set.sizes.items()
}


def read_published(path: Path = PUBLISHED) -> list[Published]:
    """Return every published row in the order of the file, also those that cannot be compared with results."""
    with path.open(encoding="utf-8", newline="") as file:
        return [_row(cells) for cells in csv.DictReader(file)]


def published_rows(protocol: str, labels: str = "all") -> list[Published]:
    """Return the rows that have exactly this protocol, so that a result under it can be compared with them.

    A subset (`ucf101-early-15-3-7-subset`) is another protocol, and `not-stated` is no protocol; both have no rows.
    """
    if protocol == NOT_STATED:
        return []
    return [row for row in read_published() if row.protocol == protocol and row.labels == labels]


def is_whole(manifest: Manifest) -> bool:
    """Return whether a manifest has all clips and classes of its protocol.

    Only then can its results be compared with published rows. Validation clips count as training clips, because some
    protocols do not define a validation split.
    """
    test = int((manifest.clips["split"] == "test").sum())
    return WHOLE.get(manifest.protocol) == (len(manifest.classes), len(manifest.clips) - test, test)


def _row(cells: dict[str, str]) -> Published:
    return Published(
        method=cells["method"],
        protocol=cells["protocol"],
        labels=cells["data_labels"],
        accuracy={ratio: float(cells[f"r{ratio}"]) for ratio in RATIOS if cells[f"r{ratio}"]},
        auc=float(cells["auc"]) if cells["auc"] else None,
        auc_kind=cast(AucKind, cells["auc_kind"]),
        features=cells["features"],
        source=cells["source"],
        mark=cast(Mark, cells["mark"]),
    )
