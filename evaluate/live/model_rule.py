"""The decision rule that is stored with a model: its file, and whether it is for the networks that are used."""

from pathlib import Path

from common import log
from common.callbacks import Notify
from evaluate.decisions.decision_maker import ConfidenceThreshold, DecisionMaker
from evaluate.decisions.stored_rule import StoredRule, read_rule
from evaluate.live.trained_model import TrainedModel

RULE = "decision_rule.safetensors"  # in the folder of the model


def rule_file(model: TrainedModel) -> Path:
    """Return where the rule of a model is stored."""
    return model.folder / RULE


def networks_of(model: TrainedModel) -> tuple[str, ...]:
    """Return the sha256 of the weights of each network, which tells for which networks a rule is."""
    return tuple(network.weights_sha256 for network in model.description.networks)


def find_rule(model: TrainedModel, notify: Notify = log.notify) -> StoredRule | None:
    """Return the rule that is stored with a model; None: there is none for the networks that were chosen.

    Args:
        model: with the networks that were chosen.
        notify: gets a sentence if there is a rule for other networks.

    Raises:
        UserError: the file is damaged, or it is of another model.
    """
    path, described = rule_file(model), model.description
    if not path.exists():
        return None
    rule = read_rule(path, described.num_segments, len(described.classes))
    if rule.networks == networks_of(model):
        return rule
    same = (rule.method, rule.seeds) == (described.method, model.seeds)
    which = "other weights of " if same else ""
    notify(
        f"the decision rule in {path} ({rule.summary}) is not used: it is for {which}the method {rule.method}, seeds "
        f"{', '.join(map(str, rule.seeds))}"
    )
    return None


def decision_maker_of(model: TrainedModel, notify: Notify = log.notify) -> DecisionMaker:
    """Return what decides on the answers of a model: its stored rule, or else the usual threshold of confidence.

    Args:
        model: see `find_rule`.
        notify: see `find_rule`.

    Raises:
        UserError: see `find_rule`.
    """
    return find_rule(model, notify) or ConfidenceThreshold()
