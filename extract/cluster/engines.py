"""The engines by the name that `--engine` takes. A new engine is a file beside this one, and a line here."""

from extract.cluster.engine import Engine
from extract.cluster.kubernetes import KUBERNETES
from extract.cluster.local import LOCAL
from extract.cluster.ray_queue import RAY
from extract.cluster.slurm import SLURM

ENGINES: dict[str, Engine] = {"local": LOCAL, "slurm": SLURM, "kubernetes": KUBERNETES, "ray": RAY}
