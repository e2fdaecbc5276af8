"""Tables of results as CSV, Markdown and LaTeX, and a short one for the terminal, from one results frame."""
