"""In which order a recipe's models are trained, and into which folders: teachers first, for a student needs its own."""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

from distill.features import FeatureSet
from distill.methods import METHODS
from distill.run_folder import Finished, Run, train_runs
from distill.state import Epoch, Job
from manifests.recipes.recipe import Recipe


def stages(methods: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the teachers that methods need, and the methods that are not among them.

    Names that are not in `METHODS` are passed over, for nothing of them is trained.
    """
    trained = [method for method in methods if method in METHODS]
    teachers = list(dict.fromkeys(teacher for method in trained if (teacher := METHODS[method].teacher)))
    return teachers, [method for method in trained if method not in teachers]


def run_folder(folder: Path, job: Job) -> Path:
    """Return the run folder of a model in the folder of all of a recipe."""
    return folder / f"seed{job.seed}" / job.method


def runs_of(methods: Sequence[str], seeds: Sequence[int], folder: Path) -> list[Run]:
    """Return the runs of methods with every seed, each with its teacher's run in the same folder."""
    jobs = [Job(method, seed) for method, seed in product(methods, seeds)]
    teachers = [Job(job.about.teacher, job.seed) if job.about.teacher else None for job in jobs]
    return [
        Run(job, run_folder(folder, job), run_folder(folder, teacher) if teacher else None)
        for job, teacher in zip(jobs, teachers, strict=True)
    ]


class Tally:
    """Epochs done of all that are to be trained, told to `move` as (done, all)."""

    def __init__(self, total: int, move: Callable[[int, int], None]) -> None:
        self._total, self._move = total, move
        self._done: dict[Path, int] = {}

    def train(self, runs: Sequence[Run], recipe: Recipe, data: FeatureSet) -> list[Finished]:
        """Do `train_runs`, and count; runs that are found finished count whole."""
        folder_of = {run.job: run.folder for run in runs}

        def show(job: Job, epoch: Epoch) -> None:
            self._count({folder_of[job]: epoch.epoch})

        finished = train_runs(runs, recipe, data, show)
        self._count({run.folder: recipe.training.epochs for run in runs})
        return finished

    def _count(self, epochs: dict[Path, int]) -> None:
        self._done |= epochs
        self._move(sum(self._done.values()), self._total)
