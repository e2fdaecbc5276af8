"""The entry of a backbone: which files it takes, and how it is loaded."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from extract.networks.backbone import Backbone, Input
from manifests.recipes.extraction import Extract


@dataclass(frozen=True, kw_only=True)
class BackboneEntry(ABC):
    """A backbone that can be chosen by name.

    Attributes:
        title: what it is, in a few words.
        input: the kind of files it takes.
        default_weights: the weights that are taken where none are given; None: they have to be given.
    """

    title: str
    input: Input
    default_weights: str | None = None

    @abstractmethod
    def load(self, config: Extract, weights_folder: Path | None, seed: int) -> Backbone:
        """Return the backbone with its weights.

        Args:
            config: a recipe's section `extract`; an entry ignores the keys that it does not need.
            weights_folder: the folder of downloaded weights; None: the default folder.
            seed: decides random weights, and nothing else.

        Raises:
            UserError: the weights are missing or do not fit, or the network does not take images of this size.
        """

    def names(self, key: str) -> list[str]:
        """Return the names under which the entry is found; more than `key` for a family such as `timm:NAME`."""
        return [key]
