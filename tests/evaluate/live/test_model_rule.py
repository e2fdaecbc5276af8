"""A stored rule decides for the networks that it was fitted for, and for no others."""

import json
import shutil
from pathlib import Path

import pytest

from common.errors import UserError
from distill.model_description import MODEL
from evaluate.decisions import RULES
from evaluate.decisions.decision_maker import ConfidenceThreshold
from evaluate.live.model_rule import decision_maker_of, rule_file
from evaluate.live.recogniser import Recogniser
from evaluate.live.trained_model import find_model
from tests.evaluate.live.conftest import store_fixed_rule


@pytest.fixture
def copied(one_stream: Path, tmp_path: Path) -> Path:
    """A copy of the reproduction that a test may change."""
    shutil.copytree(one_stream, tmp_path / "out")
    return tmp_path / "out"


def test_without_a_rule_a_threshold_decides(one_stream: Path) -> None:
    notices: list[str] = []
    assert decision_maker_of(find_model(one_stream), notices.append) == ConfidenceThreshold(0.5) and not notices


def test_other_seeds_and_methods_are_decided_by_the_threshold_with_a_notice(copied: Path) -> None:
    rule = store_fixed_rule(find_model(copied))
    assert decision_maker_of(find_model(copied)).as_json() == rule.as_json()
    assert rule.as_json() == {"rule": "fixed", "title": RULES["fixed"].title, "price": 0.3}
    for method, seed in ((None, 0), ("without", None), ("teacher", 1)):
        notices: list[str] = []
        assert decision_maker_of(find_model(copied, method, seed), notices.append) == ConfidenceThreshold()
        (notice,) = notices
        assert notice == (
            f"the decision rule in {copied}/decision_rule.safetensors (Fixed ratio, price 0.3) is not used: it is for "
            "the method with, seeds 0, 1"
        )
    run = copied / "runs" / "seed1" / "with"
    assert decision_maker_of(find_model(run)) == ConfidenceThreshold(), "a run folder has a rule of its own"


def test_a_rule_of_networks_that_were_trained_again_is_not_used(copied: Path) -> None:
    store_fixed_rule(find_model(copied))
    path = copied / "runs" / "seed1" / "with" / MODEL
    described = json.loads(path.read_text())
    described["networks"][0]["weights_sha256"] = "other"
    path.write_text(json.dumps(described))
    notices: list[str] = []
    assert decision_maker_of(find_model(copied), notices.append) == ConfidenceThreshold()
    assert notices[0].endswith("is not used: it is for other weights of the method with, seeds 0, 1")


def test_a_rule_that_cannot_be_used_is_an_error_unless_a_threshold_is_given(copied: Path) -> None:
    model = find_model(copied)
    store_fixed_rule(model, num_classes=7)
    with pytest.raises(UserError, match="is for 5 segments and 7 classes, and the model has 5 and 10; remove it, or"):
        Recogniser.load(copied, device="cpu")
    rule_file(model).write_bytes(b"damaged")
    with pytest.raises(UserError, match="is not a whole decision rule .*remove it, or store a rule again"):
        Recogniser.load(copied, device="cpu")
    threshold = ConfidenceThreshold(0.7)
    assert Recogniser(model, device="cpu", decision_maker=threshold).decision_maker is threshold
