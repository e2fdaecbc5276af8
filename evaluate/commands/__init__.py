"""The command line of `python -m evaluate`."""
