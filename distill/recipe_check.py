"""What a recipe must fulfil before anything is trained. What one value alone decides is checked when it is read."""

from collections.abc import Iterable, Sequence

from common.errors import UserError
from distill.losses import check_tau
from distill.methods import METHODS
from manifests.recipes.recipe import Recipe


def check_recipe(recipe: Recipe, num_segments: int | None, methods: Sequence[str] | None = None) -> None:
    """Refuse values that cannot work together, or not with these features.

    Args:
        recipe: with the values.
        num_segments: N of the features; None: the recipe's own.
        methods: what is to be trained; None: the recipe's own methods. Their teachers are checked too.

    Raises:
        UserError: τ leaves no pair of segments, the features have another N than the recipe, or a network's size is
            impossible.
    """
    wanted = {table.segments for table in recipe.stream_tables.values()}  # one number at most, see `Recipe`
    if num_segments is not None and wanted - {num_segments}:
        raise UserError(
            f"recipe {recipe.name} has {min(wanted)} segments a clip, and the cache has {num_segments}; "
            "give the cache of this recipe, or change segments in a recipe of your own"
        )
    num_segments = num_segments or min(wanted, default=None)
    for method in recipe.methods if methods is None else methods:
        about = METHODS.get(method)
        if about is None:  # not trained
            continue
        about.hidden(recipe)  # refuses a size that the method cannot have
        if about.teacher:
            METHODS[about.teacher].hidden(recipe)
        if about.needs_tau and recipe.distillation.beta > 0 and num_segments is not None:
            try:
                check_tau(recipe.distillation.tau, num_segments)
            except UserError as error:
                raise UserError(f"recipe {recipe.name}, method {method}: {error}") from error


def check_classes(labels: Iterable[int], protocol: str) -> None:
    """Refuse training clips that are all of one class.

    Args:
        labels: of the training clips.
        protocol: what errors call them.

    Raises:
        UserError: all training clips are of one class.
    """
    if len(set(labels)) < 2:
        raise UserError(
            f"all training clips of {protocol} are of one class, so there is nothing to learn; "
            "give a manifest whose split 'train' has clips of two classes at least"
        )
