"""The data sets: one file each, with its protocols and the builder of its manifest."""
