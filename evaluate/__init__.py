"""Score, draw, report, and reproduce: the end of the street, the only room that calls all the others."""
