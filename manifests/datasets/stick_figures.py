"""The entry of the stick figures, the synthetic data set that `manifests.stick_figures` generates."""

from pathlib import Path

from manifests.datasets.data_set import SyntheticDataSet
from manifests.stick_figures import PROTOCOL


def generate(folder: Path, seed: int = 0) -> Path:
    """Draw the videos, skeletons and the manifest into a folder, and return the manifest's path."""
    from manifests.stick_figures.data_set import draw_data_set  # it loads the video encoder

    return draw_data_set(folder, seed=seed)


STICK_FIGURES = SyntheticDataSet(
    title="stick figures",
    protocols=(PROTOCOL,),
    generate=generate,
    files="the stick-figure data set: XviD videos, skeletons, and their manifest",
    folder="out/stick-figures",
)
