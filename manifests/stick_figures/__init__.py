"""A synthetic data set: stick figures whose actions begin alike, in XviD-like AVI files, with skeletons.

`data_set` writes it; `bound` computes the best accuracy that any classifier can expect at each observation ratio.
"""

PROTOCOL = "stick-figures-v1"  # a change of any pixel or of any split needs a new version
