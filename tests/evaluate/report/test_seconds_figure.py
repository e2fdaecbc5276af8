"""The figure of accuracy by seconds seen: what it shows, and that the numbers alone decide its bytes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluate.report.seconds_figure import draw_seconds_figure
from evaluate.scoring.scores import Scores
from evaluate.scoring.seconds import SecondsScores


def timed(run: Scores, share: float) -> Scores:
    correct = np.random.default_rng(run.seed).random((20, 40)) < share
    return replace(run, seconds=SecondsScores(0.1, correct, 1 + 2 * np.arange(20)))


def test_it_shows_the_methods_that_have_seconds_and_depends_on_the_numbers_alone(
    runs: Callable[..., list[Scores]], tmp_path: Path
) -> None:
    scores = {"GRU": [timed(run, 0.6) for run in runs("GRU", 0.5)], "k-NN": runs("k-NN", 0.4)}
    one, two = (draw_seconds_figure(scores, tmp_path / name) for name in ("one", "two"))
    assert [path.name for path in one] == ["one.png", "one.svg"]
    for first, second in zip(one, two, strict=True):
        assert first.read_bytes() == second.read_bytes()
    text = one[1].read_text(encoding="utf-8")
    for words in ("Seconds seen", "Accuracy (%)", "running", "a clip that has ended counts with its last", "GRU (AUC"):
        assert words in text
    assert "k-NN (AUC" not in text
    other = draw_seconds_figure({"GRU": [timed(run, 0.7) for run in runs("GRU", 0.5)]}, tmp_path / "three")
    assert other[1].read_bytes() != one[1].read_bytes()
