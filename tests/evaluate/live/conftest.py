"""Rules to store with a model. A model sets torch's number of threads; the tests of this folder leave it as it was."""

from collections.abc import Iterator

import pytest
import torch

from evaluate.decisions.fixed_level import FittedLevel
from evaluate.decisions.stored_rule import StoredRule, write_rule
from evaluate.live.model_rule import networks_of, rule_file
from evaluate.live.trained_model import TrainedModel


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    """Leave torch with as many threads as before: a model sets the number of its cache."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def fixed_rule(level: int, num_segments: int, num_classes: int, **changes: object) -> StoredRule:
    """Return a rule that decides at a level, counted from 1."""
    values = {
        "rule": "fixed",
        "price": 0.3,
        "temperature": 1.0,
        "method": "with",
        "seeds": (0,),
        "networks": ("",),
        "num_segments": num_segments,
        "num_classes": num_classes,
        "fitted_on": "",
        "fitted": FittedLevel(level),
    }
    return StoredRule(**(values | changes))  # type: ignore[arg-type]


def store_fixed_rule(model: TrainedModel, level: int = 3, num_classes: int = 10) -> StoredRule:
    """Store a rule that decides at a level with a model of five segments and ten classes."""
    method, seeds = model.description.method, model.seeds
    rule = fixed_rule(level, 5, num_classes, method=method, seeds=seeds, networks=networks_of(model))
    write_rule(rule_file(model), rule)
    return rule
