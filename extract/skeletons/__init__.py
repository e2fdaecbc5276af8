"""From the skeleton files of every data set to joints in metres, and the causal choice of the actors. No torch."""
