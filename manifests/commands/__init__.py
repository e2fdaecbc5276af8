"""The command line of `python -m manifests`."""
