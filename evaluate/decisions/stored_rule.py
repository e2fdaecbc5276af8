"""A fitted rule with everything that is needed to decide, and its file, which is kept with the model.

The file is a safetensors file: the state of the rule as arrays of float64, and the rest as JSON in its header. Its
sha256 is that of the whole content without the sha256 itself.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from common.config import Config, parse_config
from common.errors import UserError, unknown_name
from common.tensor_bytes import tensor_bytes
from common.tensor_files import load_tensors, save_tensors
from evaluate.decisions import RULES, FittedRule
from evaluate.decisions.decision_maker import DecisionMaker, prefers_a_class
from evaluate.decisions.rule import Stops
from evaluate.decisions.temperature import scale
from evaluate.scoring.metrics import Floats

ENTRY, SHA256 = "json", "sha256"  # of the metadata in the file, and of the checksum in it
FORMAT: Literal[1] = 1
REMEDY = (
    "remove it, or store a rule again with `python -m evaluate decide PREDICTIONS --manifest FILE --price PRICE "
    "--store MODEL`"
)
Listed = Field(strict=False)  # JSON has lists and no tuples


class StoredRule(Config, DecisionMaker):
    """A rule that was fitted to the answers of a model."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    format: Literal[1] = FORMAT
    rule: str  # its name in `RULES`
    price: float  # of waiting
    temperature: float  # of the probabilities that the rule sees
    method: str  # of the model, by its name in recipes
    seeds: Annotated[tuple[int, ...], Listed]  # their probabilities are averaged
    networks: Annotated[tuple[str, ...], Listed]  # the sha256 of the weights of each network of the model
    num_segments: Annotated[int, Field(ge=1)]  # N
    num_classes: Annotated[int, Field(ge=1)]  # C
    fitted_on: str  # the sha256 of the probabilities and labels of the validation clips
    fitted: FittedRule = Field(exclude=True)

    @property
    def summary(self) -> str:
        """The rule and the price, in words."""
        return f"{RULES[self.rule].title}, price {self.price:g}"

    def decided(self, probabilities: Floats) -> Stops:
        """See `DecisionMaker.decided`. At the last of N levels every recording is decided."""
        several = probabilities if probabilities.ndim == 3 else probabilities[None]
        stops = self.fitted.stops(scale(np.ascontiguousarray(several), self.temperature)) & prefers_a_class(several)
        if several.shape[1] == self.num_segments:
            stops[:, -1] = True
        return stops if probabilities.ndim == 3 else np.asarray(stops[0])

    def as_json(self) -> dict[str, float | str]:
        """See `DecisionMaker.as_json`."""
        return {"rule": self.rule, "title": RULES[self.rule].title, "price": self.price}


def write_rule(path: Path, rule: StoredRule) -> None:
    """Write a rule, atomically. Equal rules give equal bytes.

    Raises:
        UserError: the file cannot be written.
    """
    state, about = rule.fitted.state(), rule.model_dump(mode="json")
    save_tensors(path, state, {**about, SHA256: _sha256(state, about)}, ENTRY)


def read_rule(path: Path, num_segments: int, num_classes: int) -> StoredRule:
    """Return the rule that `write_rule` wrote. What it needs is loaded, so the first decision is as quick as the next.

    Args:
        path: the file.
        num_segments: N of the model.
        num_classes: C of the model.

    Raises:
        UserError: the file is missing or damaged, the rule is not known here, or it is for another N or C.
    """
    tensors, about = load_tensors(path, ENTRY, "decision rule", REMEDY)
    state = {name: tensor.numpy() for name, tensor in tensors.items()}
    if not isinstance(about, dict) or about.pop(SHA256, None) != _sha256(state, about):
        raise UserError(f"{path} is not a whole decision rule (its sha256 differs); {REMEDY}")
    name = about.get("rule")
    if about.get("format") != FORMAT or name not in RULES:
        why = unknown_name("decision rule", str(name), RULES) if about.get("format") == FORMAT else "another format"
        raise UserError(f"{path} was written by another version of the program ({why}); {REMEDY}")
    try:
        rule = parse_config(StoredRule, {**about, "fitted": RULES[name].restore(state)}, "its header")
        rule.decided(np.full((rule.num_segments, rule.num_classes), 1 / rule.num_classes))  # do the arrays fit?
    except (UserError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"{path} is not a decision rule that this program wrote ({error}); {REMEDY}") from error
    if (rule.num_segments, rule.num_classes) != (num_segments, num_classes):
        raise UserError(
            f"{path} is for {rule.num_segments} segments and {rule.num_classes} classes, and the model has "
            f"{num_segments} and {num_classes}; {REMEDY}"
        )
    return rule


def _sha256(state: Mapping[str, NDArray[np.float64]], about: Mapping[str, Any]) -> str:
    return hashlib.sha256(tensor_bytes(state, {ENTRY: json.dumps(about, sort_keys=True)})).hexdigest()
