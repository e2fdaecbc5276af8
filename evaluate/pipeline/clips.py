"""The clips that a recipe is run on: your own manifest, or one that is built from the files of the data set."""

from dataclasses import dataclass
from pathlib import Path

from common.callbacks import Notify
from common.errors import UserError
from distill.training_plan import check_classes
from evaluate.pipeline.inputs import PipelineInputs
from manifests.audit import refuse_unusable
from manifests.datasets import DATASETS, SyntheticDataSet
from manifests.manifest import SPLITS, Manifest, read_manifest, write_manifest
from manifests.recipes.recipe import Recipe, check_protocol


@dataclass(frozen=True)
class Clips:
    """The clips and their files.

    Attributes:
        path: the file of the manifest.
        manifest: what is in it.
        root: the folder that the manifest's paths are relative to; None: not given.
    """

    path: Path
    manifest: Manifest
    root: Path | None


def find_clips(recipe: Recipe, inputs: PipelineInputs, notify: Notify) -> Clips:
    """Return the clips of a recipe. A manifest that is built is written to `manifest.csv` in the folder of results.

    Args:
        recipe: its data set and protocol.
        inputs: your manifest, and the folder of the data set's files; what is not given is taken from the recipe.
        notify: gets a sentence about clips that are missing.

    Raises:
        UserError: neither a manifest nor files are given, the manifest is of another protocol, a split is empty, all
            training clips are of one class, a class has none, or two clips have one file.
    """
    path, root = _manifest_and_root(recipe, inputs, notify)
    manifest = read_manifest(path)
    for split in SPLITS:
        manifest.split(split)  # refuses an empty one
    check_classes(manifest.split("train")["label"], manifest.protocol)
    refuse_unusable(manifest.clips, root)
    return Clips(path, manifest, root)


def _manifest_and_root(recipe: Recipe, inputs: PipelineInputs, notify: Notify) -> tuple[Path, Path | None]:
    """Return the manifest's file and the folder its paths are relative to."""
    own = inputs.manifest or recipe.data.manifest
    if own is not None:
        check_protocol(recipe, read_manifest(own).protocol)
        if recipe.data.classes is not None:
            raise UserError(f"recipe {recipe.name} chooses data.classes, and the manifest has its own; leave one out")
        return own, inputs.videos or recipe.data.videos
    data_set = DATASETS.get(recipe.data.dataset)
    if data_set is None:
        raise UserError(
            f"recipe {recipe.name} needs --manifest, or data.manifest in it: `python -m manifests folder` makes one"
        )
    if isinstance(data_set, SyntheticDataSet):
        videos = inputs.videos or inputs.out / "videos"
        return data_set.generate(videos, 0), videos
    if inputs.videos is None:
        raise UserError(f"recipe {recipe.name} needs --videos, the folder of the data set's files")
    data = recipe.data
    manifest, sentences = data_set.build(
        inputs.videos, data.protocol, classes=data.classes, compact=data.compact_classes
    )
    path = inputs.out / "manifest.csv"
    write_manifest(manifest, path)
    for sentence in sentences:
        notify(sentence)
    return path, inputs.videos
