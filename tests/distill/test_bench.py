"""The training benchmark: it runs, its operations are counted right, and its ratios are of its own figures."""

import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from distill import bench
from distill.commands.app import app
from distill.models import Classifier
from distill.stack import Stack


def test_figures_hang_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "FEATURE_DIM", 8)
    monkeypatch.setattr(bench, "SQUARE", 64)
    words = ["bench", "--device", "cpu", "--clips", "64", "--seeds", "2", "--epochs", "1", "--json"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.output)
    assert figures["models_together"] == 8
    plain, work = figures["plain_epochs_per_s"], figures["gflop_per_epoch"]
    assert figures["ratio_one"] == pytest.approx(figures["one_epochs_per_s"] / plain)
    assert figures["ratio_together"] == pytest.approx(figures["together_model_epochs_per_s"] / plain)
    assert figures["ratio_limit"] == pytest.approx(figures["gflop_per_s_product"] / (work * plain))
    assert min(value for value in figures.values() if isinstance(value, float)) > 0


def test_operations_are_those_that_torch_counts() -> None:
    """One batch of 64 through a stack of one, counted by torch; an epoch is 8,056 clips."""
    stack = Stack.of([Classifier("gru", bench.FEATURE_DIM, bench.SIZES.student, bench.CLASSES)])
    features = torch.zeros(1, 64, bench.STEPS, bench.FEATURE_DIM)
    with FlopCounterMode(display=False) as counter:
        loss = stack(features).logits.sum()
        torch.autograd.grad(loss, list(stack.parameters.values()))
    assert bench._gflop_per_epoch() == pytest.approx(counter.get_total_flops() * bench.CLIPS / 64 / 1e9, rel=0.01)
