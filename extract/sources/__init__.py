"""Where clips come from: listings, archives, URLs, and how one is brought to this machine."""
