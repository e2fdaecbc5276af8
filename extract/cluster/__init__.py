"""Starting the workers of a planned run: on this machine, under SLURM, on Kubernetes, on a Ray cluster.

Nothing here decides a value or knows what a worker does: every engine starts `python -m extract run --shard I/N`.
"""
