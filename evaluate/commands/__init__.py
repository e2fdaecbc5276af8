"""The commands of `python -m evaluate`, one file a verb."""
