"""The command that recognises new recordings with the models of a reproduction, for the user who has trained them."""

import shlex
from pathlib import Path

from common.errors import UserError
from evaluate.live.trained_model import find_model
from extract.backbones import find_backbone
from manifests.file_kinds import SKELETON_SUFFIXES, suffix_of
from manifests.manifest import Manifest


def predict_command(out: Path, manifest: Manifest) -> str | None:
    """Return the command, with the kind of file that the model takes; None: `predict` cannot use what is in `out`.

    Args:
        out: the folder of a reproduction.
        manifest: of the reproduction; it tells in which format the skeletons are.
    """
    try:
        streams = find_model(out, notify=lambda _: None).description.streams
        inputs = {name: find_backbone(str(stream.settings.get("backbone"))).input for name, stream in streams.items()}
    except UserError:  # no network was trained, or the features are of another program
        return None
    if set(inputs.values()) == {"video"} and len({stream.settings.get("column") for stream in streams.values()}) == 1:
        inputs = dict(list(inputs.items())[:1])  # every stream is made from the same video
    files = {name: "NEW.mp4" if kind == "video" else f"NEW{_suffix(manifest)}" for name, kind in inputs.items()}
    wanted = ",".join(f"{name}={file}" if len(files) > 1 else file for name, file in files.items())
    return f"python -m evaluate predict {shlex.quote(str(out))} {wanted}"


def _suffix(manifest: Manifest) -> str:
    """Return the suffix of the first skeleton file of a manifest."""
    columns = [name for name in map(str, manifest.clips) if name == "path" or name.startswith("path_")]
    found = (suffix_of(str(manifest.clips[name].iloc[0]), SKELETON_SUFFIXES) for name in columns)
    return next(filter(None, found), ".npy")
