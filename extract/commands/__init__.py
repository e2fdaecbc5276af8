"""The command line of `python -m extract`."""
