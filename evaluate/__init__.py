"""Score, draw, report, and reproduce: the only package that imports all the others."""
