"""Recipes: the TOML files, and the models that read them."""
