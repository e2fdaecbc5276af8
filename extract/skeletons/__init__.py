"""Skeleton files of every data set to joints in metres, and the causal choice of whose joints they are. No torch."""
