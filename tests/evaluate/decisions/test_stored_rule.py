"""A stored rule decides as the fitted one, causally; and its file is checked."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from common.errors import UserError
from common.tensor_files import load_tensors, save_tensors
from evaluate.decisions import RULES
from evaluate.decisions.rule import FittedRule
from evaluate.decisions.stored_rule import ENTRY, SHA256, StoredRule, _sha256, read_rule, write_rule
from evaluate.decisions.temperature import scale

CLIPS, LEVELS, CLASSES = 40, 6, 3
TEMPERATURE = 1.7
EVERY_RULE = pytest.mark.parametrize("name", RULES)


def drawn(seed: int, clips: int = CLIPS, levels: int = LEVELS) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (clips, N, C) that become better with time, and labels."""
    chance = np.random.default_rng(seed)
    labels = chance.integers(CLASSES, size=clips)
    logits = chance.normal(size=(clips, levels, CLASSES))
    logits[np.arange(clips), :, labels] += np.linspace(0, 4, levels)
    powers = np.exp(logits)
    return (powers / powers.sum(axis=2, keepdims=True)).astype(np.float32), labels


def fitted(name: str, price: float, levels: int = LEVELS) -> FittedRule:
    probabilities, labels = drawn(0, levels=levels)
    return RULES[name].fit(scale(probabilities, TEMPERATURE), labels, price)


def stored(name: str, price: float = 0.2, levels: int = LEVELS) -> StoredRule:
    return StoredRule(
        rule=name,
        price=price,
        temperature=TEMPERATURE,
        method="with",
        seeds=(0, 2),
        networks=("aa", "bb"),
        num_segments=levels,
        num_classes=CLASSES,
        fitted_on="cc",
        fitted=fitted(name, price, levels),
    )


@functools.cache
def by_name(name: str) -> StoredRule:
    """Return a rule that is fitted once, when a test needs it and not when the tests are collected."""
    return stored(name)


# Few different values, so that classes are equally probable and weighted sums are exactly 0.
LOGITS = arrays(np.float32, (5, LEVELS, CLASSES), elements=st.sampled_from([-30, -1, 0, 0.5, 1, 2, 30]))


@EVERY_RULE
@given(logits=LOGITS, other=LOGITS)
@settings(max_examples=60)
def test_no_decision_depends_on_later_levels_or_other_recordings(
    name: str, logits: np.ndarray, other: np.ndarray
) -> None:
    rule = by_name(name)
    probabilities, later = (np.exp(own) / np.exp(own).sum(axis=2, keepdims=True) for own in (logits, other))
    whole = rule.decided(probabilities)
    assert whole.shape == probabilities.shape[:2] and whole.dtype == bool and whole[:, -1].all()
    for seen in range(1, LEVELS + 1):
        changed = np.concatenate([probabilities[:, :seen], later[:, seen:]], axis=1)
        assert np.array_equal(rule.decided(changed)[:, :seen], whole[:, :seen])
        assert np.array_equal(rule.decided(probabilities[:, :seen]), whole[:, :seen])
        for clip in range(len(logits)):
            assert np.array_equal(rule.decided(probabilities[clip, :seen]), whole[clip, :seen])


@EVERY_RULE
def test_it_decides_as_the_fitted_rule_at_its_temperature(name: str) -> None:
    rule, probabilities = by_name(name), drawn(1)[0]
    expected = rule.fitted.stops(scale(probabilities, TEMPERATURE))
    expected[:, -1] = True
    found = rule.decided(probabilities)
    assert np.array_equal(found, expected)
    assert found[:, :-1].any() and not found.all()


@EVERY_RULE
@pytest.mark.parametrize("levels", [1, LEVELS])
def test_the_file_has_all_of_it(name: str, levels: int, tmp_path: Path) -> None:
    rule, path = stored(name, 0.3, levels), tmp_path / "a" / "rule.safetensors"
    write_rule(path, rule)
    found = read_rule(path, levels, CLASSES)
    assert found.model_dump() == rule.model_dump() and found.summary == f"{RULES[name].title}, price 0.3"
    state = rule.fitted.state()
    assert {key: value.tobytes() for key, value in found.fitted.state().items()} == {
        key: value.tobytes() for key, value in state.items()
    }
    assert all(value.dtype == np.float64 for value in state.values())
    probabilities = drawn(2, levels=levels)[0]
    assert np.array_equal(found.decided(probabilities), rule.decided(probabilities))
    again = path.read_bytes()
    write_rule(path, found)
    assert path.read_bytes() == again


@EVERY_RULE
def test_a_fitted_rule_is_arrays_and_numbers(name: str) -> None:
    for value in vars(by_name(name).fitted).values():
        assert isinstance(value, float | int) or (isinstance(value, np.ndarray) and value.dtype == np.float64)


def test_every_changed_byte_of_the_arrays_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "rule.safetensors"
    write_rule(path, by_name("economy"))
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"rule.safetensors is not a whole decision rule .its sha256 differs.*--store"):
        read_rule(path, LEVELS, CLASSES)
    path.write_bytes(content[:-5])
    with pytest.raises(UserError, match=r"rule.safetensors is not a whole decision rule .*--store MODEL"):
        read_rule(path, LEVELS, CLASSES)
    with pytest.raises(UserError, match="nowhere is missing"):
        read_rule(tmp_path / "nowhere", LEVELS, CLASSES)


def rewrite(path: Path, changes: Mapping[str, Any]) -> None:
    """Change the metadata of a file, with the checksum that fits."""
    tensors, about = load_tensors(path, ENTRY)
    state = {name: tensor.numpy() for name, tensor in tensors.items()}
    about = {key: value for key, value in about.items() if key != SHA256} | dict(changes)
    save_tensors(path, state, {**json.loads(json.dumps(about)), SHA256: _sha256(state, about)}, ENTRY)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rule": "economi"}, "another version of the program .no decision rule 'economi'; did you mean 'economy'"),
        ({"format": 2}, "another version of the program .another format"),
        ({"rule": "teaser"}, "is not a decision rule that this program wrote .*in_a_row|unexpected keyword"),
        ({"price": "high"}, "rule.safetensors is not a .*its header: price: must be a number, not 'high'"),
        ({"num_segments": 7}, "is not a decision rule that this program wrote"),
        ({"num_classes": 0}, "its header: num_classes: must be greater than or equal to 1"),
        ({"num_classes": 4}, f"is for {LEVELS} segments and 4 classes, and the model has {LEVELS} and 3"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    path = tmp_path / "rule.safetensors"
    write_rule(path, by_name("economy"))
    rewrite(path, changes)
    with pytest.raises(UserError, match=sentence) as caught:
        read_rule(path, LEVELS, CLASSES)
    assert str(caught.value).endswith("--store MODEL`")


@EVERY_RULE
def test_a_rule_for_another_model_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "rule.safetensors"
    write_rule(path, by_name(name))
    for size in ((LEVELS + 1, CLASSES), (LEVELS, CLASSES + 1)):
        with pytest.raises(UserError, match=f"is for {LEVELS} segments and 3 classes, and the model has {size[0]} and"):
            read_rule(path, *size)
