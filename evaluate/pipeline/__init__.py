"""From a recipe to its results table: the plans, the stages in their order, and suites of recipes."""
