"""The counter of epochs over several calls: progress reaches the total, and models finished before are counted once."""

from pathlib import Path

from distill.epoch_counter import EpochCounter, finished_notice
from distill.feature_set import FeatureSet
from distill.run_folder import ModelRun
from distill.training_plan import TrainingPlan
from distill.training_state import ModelId


def test_epochs_and_finished_models_are_counted(data: FeatureSet, plan: TrainingPlan, tmp_path: Path) -> None:
    runs = [ModelRun(ModelId("mean_linear", seed), tmp_path / str(seed)) for seed in range(3)]
    seen: list[tuple[int, int]] = []
    first = EpochCounter(12, lambda *now: seen.append(now))
    first.train(runs[:2], plan, data)
    assert seen[-1] == (12, 12)
    first.train(runs[:2], plan, data)
    assert (seen[-1], first.finished_before) == ((12, 12), 0)  # trained by this counter
    second = EpochCounter(18, lambda *now: seen.append(now))
    second.train(runs, plan, data)
    assert (seen[-1], second.finished_before) == ((18, 18), 2)
    assert seen == sorted(seen, key=lambda now: (now[1], now[0]))


def test_the_notice_counts() -> None:
    assert finished_notice(1, Path("out")).startswith("out: 1 model was finished before, and only read now; ")
    assert finished_notice(2, Path("out")).startswith("out: 2 models were finished before")
