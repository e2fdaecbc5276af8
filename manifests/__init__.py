"""What there is to see: clips, labels, splits, protocols, recipes, weights' addresses, published curves.

Knows nothing of torch, HDF5 or models.
"""
