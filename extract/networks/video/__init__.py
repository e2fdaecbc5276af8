"""Networks that see all frames of a segment together. Their modules have the names of the released checkpoints."""
