"""Which run folders a folder of results has, and which of them are taken: a method, and one seed or all of them.

`reproduce` writes `runs/seed0/METHOD`, with streams that are trained alone `runs/STREAM/seed0/METHOD`, and with few
labels a folder such as `labels-0.1` above the seeds. `distill.train` writes `seed0/METHOD`.
"""

from collections.abc import Sequence
from pathlib import Path

from common.errors import UserError, first_few, unknown_name
from common.run_record import read_record
from distill.method import ClassicalMethod
from distill.methods import METHODS
from distill.run_folder import RECIPE
from evaluate.pipeline.layout import RUNS
from evaluate.pipeline.scoring_plan import METHOD


def chosen_runs(folder: Path, method: str | None, seed: int | None) -> list[Path]:
    """Return the run folders of one method, with one seed or with all seeds.

    Args:
        folder: has runs, see `has_runs`. If there are models of several streams joined, these are taken. If there are
            only models of single streams, those of all streams are taken, as in late fusion.
        method: its name in recipes; None: `with` if it is there, else the last student of the recipe.
        seed: None: all seeds.

    Raises:
        UserError: there are no runs, or not of this method or this seed.
    """
    bases = _bases(folder)
    names = _methods(bases)
    chosen = _choose(names, folder, method)
    runs = [base / f"seed{number}" / chosen for base in bases for number in _seeds(bases, chosen, seed, folder)]
    if missing := [run for run in runs if not (run / RECIPE).exists()]:
        raise UserError(f"{missing[0]} is missing; run the same `reproduce` again, it trains what is missing")
    return runs


def has_runs(folder: Path) -> bool:
    """Tell whether a folder has run folders where `reproduce` or `distill.train` writes them."""
    return bool(_bases(folder))


def _bases(folder: Path) -> list[Path]:
    """Return the folder that has the folders of seeds; or one for each stream, if each is trained alone; or none."""
    base = folder / RUNS if (folder / RUNS).is_dir() else folder
    if (joined := _with_seeds(base)) is not None:
        return [joined]
    return [own for stream in sorted(base.iterdir()) if stream.is_dir() and (own := _with_seeds(stream)) is not None]


def _with_seeds(base: Path) -> Path | None:
    """Return a folder itself, or its only subfolder `labels-*`, if that has folders of seeds."""
    if next(base.glob(f"seed*/*/{RECIPE}"), None):
        return base
    shares = sorted(path for path in base.glob("labels-*") if next(path.glob(f"seed*/*/{RECIPE}"), None))
    if len(shares) > 1:
        raise UserError(f"{base} has models of several shares of labels; give one of {', '.join(map(str, shares))}")
    return shares[0] if shares else None


def _methods(bases: Sequence[Path]) -> list[str]:
    """Return the methods that were trained, in the order of the recipe; teachers come first."""
    records = {path.parent.name: path for base in bases for path in sorted(base.glob(f"seed*/*/{RECIPE}"))}
    order = read_record(next(iter(records.values())))["recipe"].get("methods", [])
    return sorted(records, key=lambda name: order.index(name) if name in order else -1)


def _choose(names: Sequence[str], folder: Path, method: str | None) -> str:
    if method is None:
        teachers = {METHODS[name].teacher for name in names if name in METHODS}
        students = [name for name in names if name not in teachers]
        return METHOD if METHOD in students else (students or names)[-1]
    if method in names:
        return method
    if isinstance(METHODS.get(method), ClassicalMethod):
        raise UserError(
            f"{method} trains no network, so it has no run folder and cannot recognise new recordings; in {folder} are "
            f"{', '.join(names)}"
        )
    if method in METHODS:
        raise UserError(f"{method} was not trained in {folder}; there are {', '.join(names)}")
    raise UserError(f"in {folder}: {unknown_name('method', method, names)}")


def _seeds(bases: Sequence[Path], method: str, seed: int | None, folder: Path) -> list[int]:
    found = sorted(
        int(path.parent.name.removeprefix("seed"))
        for path in bases[0].glob(f"seed*/{method}")
        if path.parent.name.removeprefix("seed").isdigit() and (path / RECIPE).exists()
    )
    if seed is None:
        return found
    if seed not in found:
        raise UserError(f"no seed {seed} of {method} in {folder}; there are {first_few([*map(str, found)])}")
    return [seed]
