"""The entry of a data set: what its command, recipes, archives and the comparison with published results need."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from common.errors import UserError
from manifests.manifest import Manifest

Built = tuple[Manifest, list[str]]  # a manifest, and sentences about the clips that are missing


class Builder(Protocol):
    """Make the manifest of the clips that are in a folder."""

    def __call__(self, folder: Path, protocol: str, *, hold_out: Collection[int] | None = None) -> Built:
        """Return the manifest of the clips in `folder` under `protocol`."""


class SubsetBuilder(Protocol):
    """Make the manifest of the clips that are in a folder, of all classes or of some."""

    def __call__(
        self,
        folder: Path,
        protocol: str,
        *,
        classes: Sequence[str] | None = None,
        compact: bool = False,
        hold_out: Collection[int] | None = None,
    ) -> Built:
        """Return the manifest of the clips of `classes` in `folder` under `protocol`."""


@dataclass(frozen=True)
class Archives:
    """How the files of a data set are obtained.

    Attributes:
        where: what to download from which address, and which terms apply, as a request to the reader.
        columns: the columns of the manifest that every clip must have.
        checksums: "sha256:…" or "md5:…" of the archives, by file name.
        remarks: return further sentences about an unpacked folder; None: there are none.
    """

    where: str
    columns: tuple[str, ...] = ("path",)
    checksums: Mapping[str, str] = field(default_factory=dict)
    remarks: Callable[[Path], list[str]] | None = None


@dataclass(frozen=True)
class DataSet:
    """A data set whose files the user has.

    Attributes:
        title: its name in sentences.
        protocols: the names of its protocols, as the help lists them; the first one is the default.
        builder: makes its manifest.
        subset_builder: makes its manifest of some of the classes; None: the classes cannot be chosen.
        files: the folder that the builder takes, for the help of the command.
        folder: an example of that folder.
        group_unit: what is held out for validation: "subject" or "group".
        group_example: an example of numbers to hold out.
        protocol_help: the protocols, if there are too many for a list.
        sizes: by protocol, the numbers of classes, of training and validation clips, and of test clips of the whole
            data set. Some protocols leave the validation split open, so it counts as training.
        archives: how the files are obtained; None: `manifests unpack` cannot prepare this data set.
    """

    title: str
    protocols: tuple[str, ...]
    builder: Builder
    files: str
    folder: str
    subset_builder: SubsetBuilder | None = None
    group_unit: str = "subject"
    group_example: str = "1,2"
    protocol_help: str = ""
    sizes: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    archives: Archives | None = None

    def build(
        self,
        folder: Path,
        protocol: str | None = None,
        *,
        classes: Sequence[str] | None = None,
        compact: bool = False,
        hold_out: Collection[int] | None = None,
    ) -> Built:
        """Make the manifest of the clips that are in a folder.

        Args:
            folder: paths in the manifest are relative to it.
            protocol: one of `protocols`; None: the first one.
            classes: names of the classes wanted; None: all.
            compact: number the classes that are there 0, 1, … instead of keeping the official indices.
            hold_out: the training groups to use as validation; None: the data set's default.

        Returns:
            The manifest, and sentences about the clips that are missing.

        Raises:
            UserError: as the builder; the classes of this data set cannot be chosen.
        """
        protocol = protocol or self.protocols[0]
        if classes is None and not compact:
            return self.builder(folder, protocol, hold_out=hold_out)
        if self.subset_builder is None:
            raise UserError(f"the classes of {self.title} cannot be chosen; leave the choice of classes out")
        return self.subset_builder(folder, protocol, classes=classes, compact=compact, hold_out=hold_out)


@dataclass(frozen=True)
class SyntheticDataSet:
    """A data set that this program generates.

    Attributes:
        title: its name in sentences.
        protocols: the names of its protocols.
        generate: write the videos and the manifest into a folder, from a seed, and return the manifest's path.
        files: what is generated, for the help of the command.
        folder: an example of the folder.
    """

    title: str
    protocols: tuple[str, ...]
    generate: Callable[[Path, int], Path]
    files: str
    folder: str
