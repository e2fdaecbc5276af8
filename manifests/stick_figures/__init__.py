"""A data set that draws itself: stick figures whose actions share their beginnings, on real XviD-like AVI files.

`data_set` writes it, `bound` says how well the best possible classifier does at each observation ratio.
No labels leak into anything random here. Nothing to train and no command line is here.
"""
