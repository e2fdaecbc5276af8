"""Divide clips into training, validation and test: by class as evenly as groups allow, and no group in two splits.

The largest groups are assigned first, each to the split that lacks most of its classes. Groups of one size are in an
order that depends on the seed and on their names only.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.errors import UserError
from manifests.manifest import SPLITS

NEEDED = {"train": 1, "test": 3, "validation": 4}  # split → groups from which each class has clips in it
OVERALL = 0.5  # weight of the balance of all clips, beside the balance of each class
URGENT = 1e6  # weight of a split in which a class would have no clip


@dataclass(frozen=True)
class Shares:
    """Which shares of the clips become validation and test clips, and the seed of the division.

    Attributes:
        validation: between 0 and 1.
        test: between 0 and 1; the training clips are the rest.
        seed: another seed makes another division.
    """

    validation: float = 0.15
    test: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        for option, share in (("--val", self.validation), ("--test", self.test)):
            if not 0 < share < 1:
                raise UserError(f"{option} {share:g} is no share of the clips; give a number between 0 and 1")
        if self.validation + self.test >= 1:
            raise UserError(f"--val {self.validation:g} and --test {self.test:g} leave no clips for training")


def divide(classes: Sequence[str], groups: Sequence[str], shares: Mapping[str, float], seed: int) -> list[str]:
    """Return the split of each clip.

    Args:
        classes: the class of each clip.
        groups: the group of each clip; clips of one group come into one split.
        shares: by split, all together 1; "train" must be among them.
        seed: decides among groups of one size.

    Raises:
        UserError: there are fewer groups than splits, or a split cannot have clips without taking the last training
            clips of a class.
    """
    members: dict[str, Counter[str]] = defaultdict(Counter)  # group → clips by class
    for group, label in zip(groups, classes, strict=True):
        members[group][label] += 1
    state = _State(members, shares)
    order = sorted(members, key=lambda group: (-members[group].total(), _place(seed, group)))
    for group in order:
        state.assign(group, max(shares, key=lambda split: state.score(group, split)))
    for split in shares:
        if not state.total[split]:
            _fill(state, split, order[::-1])
    return [state.split_of[group] for group in groups]


class _State:
    """How many clips each split has so far.

    Args:
        members: by group, its clips by class.
        shares: by split.
    """

    def __init__(self, members: Mapping[str, Counter[str]], shares: Mapping[str, float]) -> None:
        self.members = members
        self.shares = shares
        self.size: Counter[str] = Counter()  # clips by class
        self.waiting: Counter[str] = Counter()  # groups by class that are not assigned yet
        for own in members.values():
            self.size.update(own)
            self.waiting.update(own.keys())
        self.groups = self.waiting.copy()  # groups by class
        self.there: dict[str, Counter[str]] = {split: Counter() for split in shares}  # split → clips by class
        self.total: Counter[str] = Counter()  # clips by split
        self.split_of: dict[str, str] = {}

    def score(self, group: str, split: str) -> float:
        """Return how much a split needs a group."""
        own = self.members[group]
        size, share = own.total(), self.shares[split]
        score = OVERALL * (share * (self.total.total() + size) - self.total[split])
        for label, clips in own.items():
            score += (share * self.size[label] - self.there[split][label]) * clips / size
            if self._is_urgent(label, split):
                score += URGENT
        return score

    def _is_urgent(self, label: str, split: str) -> bool:
        """Return whether a class would have no clip in a split. A class of two groups may have no test clip.

        A class of three may have no validation clip.
        """
        needed = [name for name, groups in NEEDED.items() if name in self.shares and self.groups[label] >= groups]
        lacking = [name for name in needed if not self.there[name][label]]
        return split in lacking and (split == "train" or self.waiting[label] <= len(lacking))

    def assign(self, group: str, split: str) -> None:
        """Assign a group to a split, also one that had another split before."""
        own = self.members[group]
        before = self.split_of.get(group)
        if before is None:
            self.waiting.subtract(own.keys())
        else:
            self.there[before].subtract(own)
            self.total[before] -= own.total()
        self.there[split].update(own)
        self.total[split] += own.total()
        self.split_of[group] = split


def _fill(state: _State, split: str, smallest_first: Sequence[str]) -> None:
    """Move a group into a split that has no clips: of the test clips if they are of several groups, or of training."""
    for other in ("test", "validation", "train"):
        own = [group for group in smallest_first if state.split_of[group] == other]
        for group in own if len(own) > 1 else ():
            if other != "train" or all(
                state.there["train"][label] > clips for label, clips in state.members[group].items()
            ):
                state.assign(group, split)
                return
    raise UserError(
        f"{len(state.members)} groups or single clips of {len(state.size)} classes are too few for the splits "
        f"{', '.join(state.shares)}, if each class must have training clips; add clips"
    )


def _place(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"{seed}\t{group}".encode()).digest()


def split_counts(classes: Sequence[str], splits: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the number of clips by class and split; the classes are in the order in which they appear."""
    counts: dict[str, dict[str, int]] = {name: dict.fromkeys(SPLITS, 0) for name in dict.fromkeys(classes)}
    for name, split in zip(classes, splits, strict=True):
        counts[name][split] += 1
    return counts
