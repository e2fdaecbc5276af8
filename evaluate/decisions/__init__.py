"""Decision rules: one file each, and the dict of their entries. A new rule is a file with an entry, and a line here."""

from evaluate.decisions.calimera import CALIMERA
from evaluate.decisions.economy import ECONOMY
from evaluate.decisions.fixed_level import FIXED_LEVEL
from evaluate.decisions.rule import DecisionRule, FittedRule, decided_levels
from evaluate.decisions.stopping_rule import STOPPING_RULE
from evaluate.decisions.teaser import TEASER
from evaluate.decisions.threshold import THRESHOLD

__all__ = ["RULES", "DecisionRule", "FittedRule", "decided_levels"]

RULES: dict[str, DecisionRule] = {
    "fixed": FIXED_LEVEL,
    "threshold": THRESHOLD,
    "stopping": STOPPING_RULE,
    "economy": ECONOMY,
    "calimera": CALIMERA,
    "teaser": TEASER,
}
