"""How two feature caches differ: which clips they have, the settings, validity, and the features clip by clip.

Clips are matched by id, whatever their order. Names are held in memory; features are read in blocks, in the order of
the first cache. Both checksums are verified before. How much of a difference matters is not decided here.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from common.errors import UserError
from common.options import Json
from extract.cache import CacheFile, check_cache, open_cache, rows_at_once

WORST = 10  # clips that are shown one by one
SHARES = (0.0, 0.001, 0.01, 0.1, 0.5)  # of the clips, the worst ones first; 0: the very worst


@dataclass(frozen=True)
class ClipDifference:
    """One clip: the lowest cosine of its segments, the largest absolute difference of a value."""

    clip_id: str
    cosine: float
    largest: float


@dataclass(frozen=True)
class Quantile:
    """A share of the clips has at most this cosine; a share, not always the same clips, at least this difference."""

    share: float
    cosine: float
    largest: float


@dataclass(frozen=True)
class Difference:
    """How cache B differs from cache A.

    Attributes:
        common: clips that both have; what follows but one is about them.
        only_in_a: clips that B lacks.
        only_in_b: clips that A lacks.
        valid: clips that are valid in one only.
        num_frames: clips with other numbers of frames.
        features: how many clips' features are not the same bit for bit.
        quantiles: how far apart the features are, over all common clips.
        worst: the clips that are furthest apart, by cosine.
        settings: those that differ, with the values `a` and `b`; a side that lacks one has no value.
    """

    common: int
    only_in_a: list[str]
    only_in_b: list[str]
    valid: list[str]
    num_frames: list[str]
    features: int
    quantiles: list[Quantile]
    worst: list[ClipDifference]
    settings: dict[str, dict[str, Any]]

    @property
    def same_content(self) -> bool:
        """Tell whether clips, validity, frames and every bit of the features are the same. Settings may differ."""
        return not (self.only_in_a or self.only_in_b or self.valid or self.num_frames or self.features)


def compare(a: Path, b: Path) -> Difference:
    """Compare two caches. A segment that is zero in both has the cosine 1, one that is zero in one of them 0.

    Raises:
        UserError: a file is missing, damaged or no cache, or their features have different shapes.
    """
    for path in (a, b):
        check_cache(path)
    with open_cache(a) as first, open_cache(b) as second:
        settings = _differing(first.settings, second.settings)
        if first.shape != second.shape:
            raise UserError(
                f"clips of {a} have features {first.shape}, those of {b} {second.shape}: there is nothing to compare; "
                f"settings that differ: {', '.join(settings) or 'none'}"
            )
        names, others = first.column("clip_id"), second.column("clip_id")
        _, in_a, in_b = np.intersect1d(names, others, return_indices=True)
        in_a, in_b = in_a[order := np.argsort(in_a)], in_b[order]  # as A has them: neighbours are read together
        cosine, largest, same = _compare_features(first, second, in_a, in_b)
        other = {
            column: names[in_a][first.column(column)[in_a] != second.column(column)[in_b]]
            for column in ("valid", "num_frames")
        }
        worst = [clip for clip in np.lexsort((-largest, cosine)) if not same[clip]][:WORST]
        return Difference(
            common=len(in_a),
            only_in_a=_text(np.delete(names, in_a)),
            only_in_b=_text(np.delete(others, in_b)),
            valid=_text(other["valid"]),
            num_frames=_text(other["num_frames"]),
            features=int((~same).sum()),
            quantiles=[
                Quantile(share, float(np.quantile(cosine, share)), float(np.quantile(largest, 1 - share)))
                for share in SHARES
                if len(in_a)
            ],
            worst=[
                ClipDifference(names[in_a[clip]].decode(), float(cosine[clip]), float(largest[clip])) for clip in worst
            ],
            settings=settings,
        )


def diff(
    a: Annotated[Path, typer.Argument(help="A feature cache (HDF5).")],
    b: Annotated[Path, typer.Argument(help="Another one.")],
    as_json: Json = False,
) -> None:
    """Compare two caches clip by clip: the lowest cosine of each clip's segments, and the settings that differ.

    Exit status 0 when clips, validity, frames and features are the same bit for bit, whatever their order and the
    settings; else 1, as `diff` has it.

    Example: `python -m extract diff tsm-fp32.h5 tsm-bf16.h5`
    """
    difference = compare(a, b)
    if as_json:
        print(json.dumps({"same_content": difference.same_content} | asdict(difference)))
    else:
        _print(difference, a, b)
    if not difference.same_content:
        raise typer.Exit(1)


def _compare_features(
    first: CacheFile, second: CacheFile, in_a: NDArray[np.int64], in_b: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return of every common clip the lowest cosine, the largest difference, and whether all bits are the same."""
    cosine, largest, same = np.empty(len(in_a)), np.empty(len(in_a)), np.empty(len(in_a), np.bool_)
    at_once = rows_at_once(first.shape)
    for start in range(0, len(in_a), at_once):
        here = slice(start, start + at_once)
        a, b = _features(first, in_a[here]), _features(second, in_b[here])  # (k, N, D)
        same_bits = (a.view(np.uint32) == b.view(np.uint32)).all(2)  # (k, N)
        cosine[here] = np.where(same_bits, 1.0, _cosines(a, b)).min(1)
        largest[here] = np.abs(a.astype(np.float64) - b).max((1, 2))
        same[here] = same_bits.all(1)
    return cosine, largest, same


def _features(file: CacheFile, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Read some clips, (k, N, D): those that follow each other in the file at once."""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    features = np.concatenate([file.features(int(run[0]), int(run[-1]) + 1) for run in runs])
    if not np.isfinite(features).all():
        raise UserError(f"{file.path} has features that are not finite numbers: no extraction of this project wrote it")
    return features


def _cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosine of every segment, (k, N)."""
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    dot, square_a, square_b = (
        np.einsum("knd,knd->kn", x, y) for x, y in ((wide_a, wide_b), (wide_a, wide_a), (wide_b, wide_b))
    )
    norms = np.sqrt(square_a) * np.sqrt(square_b)
    cosines: NDArray[np.float64] = np.where((square_a == 0) & (square_b == 0), 1.0, 0.0)
    np.divide(dot, norms, out=cosines, where=norms > 0)
    return cosines.clip(-1, 1)


def _differing(a: dict[str, Any], b: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        key: {side: settings[key] for side, settings in (("a", a), ("b", b)) if key in settings}
        for key in sorted(a.keys() | b.keys())
        if key not in a or key not in b or a[key] != b[key]
    }


def _text(names: NDArray[np.bytes_]) -> list[str]:
    return [name.decode() for name in names]


def _print(difference: Difference, a: Path, b: Path) -> None:
    print(f"A: {a}\nB: {b}")
    if difference.same_content:
        print(f"the same {difference.common} clips, bit for bit")
    else:
        print(f"{difference.common} clips in both; the features of {difference.features} differ")
    for what, clips in (
        ("clips only in A", difference.only_in_a),
        ("clips only in B", difference.only_in_b),
        ("clips valid in one only", difference.valid),
        ("clips with other numbers of frames", difference.num_frames),
    ):
        if clips:
            print(f"{what}: {len(clips)} ({', '.join(clips[:3])}{', …' if len(clips) > 3 else ''})")
    say = Console(markup=False).print
    if difference.settings:
        say(
            _table(
                "settings that differ",
                ("setting", "A", "B"),
                [
                    (key, *(json.dumps(values[side], ensure_ascii=False) if side in values else "" for side in "ab"))
                    for key, values in difference.settings.items()
                ],
            )
        )
    if difference.features:
        say(
            _table(
                "how far apart",
                ("clips", "cosine at most", "difference at least"),
                [
                    (f"{100 * quantile.share:g} %" if quantile.share else "the worst", *_figures(quantile))
                    for quantile in difference.quantiles
                ],
            )
        )
        columns = ("clip", "lowest cosine", "largest difference")
        say(_table("the worst clips", columns, [(clip.clip_id, *_figures(clip)) for clip in difference.worst]))


def _figures(of: Quantile | ClipDifference) -> tuple[str, str]:
    return f"{of.cosine:.8f}", f"{of.largest:.3g}"


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
