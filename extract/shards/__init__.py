"""A run in pieces that any worker can do: its plan, its folder on disk, how far it is."""
