"""From a recipe to its table: the stages, in their order."""
