"""How fast extraction is on this machine, and how much memory it takes."""
