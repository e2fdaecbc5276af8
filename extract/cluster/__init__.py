"""Start the workers of a planned run: on this machine, under SLURM, on Kubernetes, on a Ray cluster.

Every engine starts the same command, `python -m extract run --shard I/N` or `--shard -`, and no engine decides a value.
"""
