"""The groups of clips that must stay in one split: clips of one person, or clips that were cut from one video.

The names of the files tell them, by a regular expression of yours or by the first of `PATTERNS` that fits the names.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import UserError, first_few
from manifests.file_kinds import suffix_of

FITS = 0.9  # share of the clips, or of the classes, that a pattern must fit
FEWEST = 3  # groups: one for each split


@dataclass(frozen=True)
class Pattern:
    """A usual way of naming groups.

    Attributes:
        title: what its groups are.
        regex: searched in the path below the class folder, without suffix; its first group is the name.
        of_class: groups with one name in two classes are two groups.
        surely: such names have no other meaning; otherwise most classes must have several of these groups.
    """

    title: str
    regex: re.Pattern[str]
    of_class: bool = False
    surely: bool = True


_WORDS = "subject|subj|person|actor|performer|participant|volunteer|user"
PATTERNS = (
    Pattern("performers, as P001 in S001C001P001R001A001", re.compile(r"(P\d{3})R\d{3}A\d{3}")),
    Pattern("UCF101's groups, as g01 in v_Archery_g01_c01", re.compile(r"_(g\d{2,3})_c\d{2,4}$"), of_class=True),
    Pattern("source videos, as ID in ID_000010_000020", re.compile(r"^(?:.*/)?(.+)_\d{6}_\d{6}$")),
    Pattern("subjects, as subject3", re.compile(rf"(?i)(?:^|[/_\-. ])((?:{_WORDS})[_\-]?\d+)(?!\d)")),
    Pattern("subjects, as s01 in a1_s01_t1", re.compile(r"(?i)(?:^|[/_\-.])(s\d{1,4})(?=[/_\-.]|$)")),
    Pattern("folders inside the class folders", re.compile(r"^(.+)/[^/]+$"), surely=False),
    Pattern(
        "source videos, as name in name_01", re.compile(r"^(.*[^\W\d_].*?)[_\-. (]+[a-zA-Z]*\d{1,6}\)?$"), surely=False
    ),
)


@dataclass(frozen=True)
class Groups:
    """The group of each clip.

    Attributes:
        names: in the order of the clips; "": the clip is a group of its own.
        title: what the groups are; "": nothing tells groups.
        remarks: sentences about clips without a group.
    """

    names: tuple[str, ...]
    title: str
    remarks: tuple[str, ...] = ()


def groups_by_regex(paths: Sequence[str], regex: str) -> Groups:
    """Return the groups by a regular expression of the user.

    Args:
        paths: relative to the folder.
        regex: searched in each path; its first group is the name of the clip's group.

    Raises:
        UserError: it is no regular expression, it has no group, or it fits no path.
    """
    try:
        pattern = re.compile(regex)
    except re.error as error:
        raise UserError(f"--group-regex {regex!r} is no regular expression: {error}") from error
    if not pattern.groups:
        raise UserError(f"--group-regex {regex!r} has no group; put the part that names the group into parentheses")
    names = [(match[1] or "") if (match := pattern.search(path)) else "" for path in paths]
    if not any(names):
        raise UserError(f"--group-regex {regex!r} fits no path, such as {paths[0]}")
    return Groups(tuple(names), f"your expression {regex}", _remarks(paths, names))


def groups_by_name(paths: Sequence[str], inner: Sequence[str], classes: Sequence[str]) -> Groups:
    """Return the groups by the first usual pattern that fits the names.

    Args:
        paths: relative to the folder.
        inner: the parts below the class folders.
        classes: the class of each clip.
    """
    stems = [path.removesuffix(suffix_of(path)) for path in inner]
    remarks: list[str] = []
    for pattern in PATTERNS:
        found = [match[1] if (match := pattern.regex.search(stem)) else "" for stem in stems]
        if sum(map(bool, found)) < FITS * len(found):
            continue
        names = [
            f"{label}/{name}" if name and pattern.of_class else name for label, name in zip(classes, found, strict=True)
        ]
        names = _joined_by_file(names, paths)
        count = len({*names} - {""})
        if count >= FEWEST and (pattern.surely or _are_likely(names, classes)):
            return Groups(tuple(names), pattern.title, _remarks(paths, names))
        if pattern.surely:
            remarks.append(f"the names seem to tell {pattern.title}, but there are {count} only, and three splits")
    return Groups(("",) * len(paths), "", tuple(remarks))


def _joined_by_file(names: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Return the groups after groups with pieces of one file were made one, which has the name of the first."""
    of_file: dict[str, str] = {}
    joined: dict[str, str] = {}

    def name_of(group: str) -> str:
        while group in joined:
            group = joined[group]
        return group

    for name, path in zip(names, paths, strict=True):
        one, other = name_of(of_file.setdefault(path, name)), name_of(name)
        if one != other:
            joined[other] = one
    return [name_of(name) for name in names]


def _are_likely(names: Sequence[str], classes: Sequence[str]) -> bool:
    """Return whether names look like groups: some have several clips, and most classes have several of them."""
    of_class = defaultdict(set)
    for name, label in zip(names, classes, strict=True):
        of_class[label].add(name)
    most = Counter(names).most_common(1)[0][1]
    return most > 1 and sum(len(own) >= FEWEST for own in of_class.values()) >= FITS * len(of_class)


def _remarks(paths: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    without = [path for path, name in zip(paths, names, strict=True) if not name]
    if not without:
        return ()
    return (f"{len(without)} of {len(paths)} clips name no group, and each is its own: {first_few(without)}",)
