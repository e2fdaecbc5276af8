"""Where clips come from: lists of clips, folders, archives and URLs, and how a file is copied to this machine."""
