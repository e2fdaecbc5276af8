"""A manifest and a recipe from a folder of your own: find the clips, their classes and groups, and divide them."""
