"""The backbone of one stream, loaded from the settings of the cache that a model was trained on.

Its own settings are compared with those of the cache, so a model never gets features that it has not learnt from. The
features are the bytes of the cache, if the processor is of the same kind: torch gets the cache's number of threads.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.cores import usable_cores
from common.errors import UserError
from common.files import sha256_of
from common.run_record import differences
from distill.model_description import other_features
from evaluate.live.trained_model import TrainedModel
from extract.backbones import find_backbone, load_backbone
from extract.doctor import check_decoder
from extract.feature_settings import feature_settings
from extract.file_features import Features, FileFeatures
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.networks.backbone import Backbone, Input
from extract.networks.segment_network import SegmentNetwork
from extract.recorded_features import (
    recorded_config,
    recorded_decoder,
    recorded_joint_list,
    recorded_weights_name,
)
from extract.shards.settings import recorded_runtime, recorded_threads
from extract.skeletons.joint_list_file import GENERAL_SUFFIXES, joint_list_of_file, joint_settings
from extract.skeletons.readers import READERS, is_skeleton_file
from extract.sources.location import is_url
from manifests.recipes.extraction import Extract


class StreamNetwork:
    """Makes the features of one stream of a model.

    Args:
        name: of the stream.
        model: has the settings of the stream's cache.
        weights: the file of weights of the backbone; None: it is found by its name, or near the model.
        device: "auto", "cpu", "cuda" or "cuda:1".
        segments_at_once: see `extract.network_loader.load_segment_network`.

    Raises:
        UserError: the features were made elsewhere, the weights are missing, or the backbone has other settings.
    """

    def __init__(
        self,
        name: str,
        model: TrainedModel,
        weights: Path | None = None,
        device: str = "auto",
        segments_at_once: int | None = None,
    ) -> None:
        settings = model.description.streams[name].settings
        self.name = name
        self.num_segments = model.description.num_segments
        try:
            self.input: Input = find_backbone(str(settings.get("backbone"))).input
        except UserError as error:
            raise UserError(f"the features of the model's stream {name} cannot be made here: {error}") from error
        self.decoder = recorded_decoder(settings)
        self.joint_list = recorded_joint_list(settings) if self.input == "skeleton" else None
        config = recorded_config(settings, _weights(name, model, weights), self.num_segments)
        self.frames_per_segment = config.frames
        self.column = config.column
        self.network = self._load(config, settings, device, segments_at_once)
        self.poses = self.network.backbone.poses
        self._files = FileFeatures(self.network, config, self.decoder, self.joint_list)

    def _load(
        self, config: Extract, settings: Mapping[str, Any], device: str, segments_at_once: int | None
    ) -> SegmentNetwork:
        recorded = recorded_threads(settings)
        threads = recorded if recorded is not None and recorded <= usable_cores() else None
        compiled = bool(settings.get("compiled", False))
        runtime = recorded_runtime(settings)
        machine = Machine(device=device, decoder=self.decoder, compiled=compiled, threads=threads, runtime=runtime)
        network = load_segment_network(config, machine, segments_at_once)
        if self.input == "video":
            check_decoder(self.decoder)
        here = feature_settings(config, machine, network, self.joint_list)
        # The decoder may be another one than the recorded, see `recorded_decoder`. On a GPU the runtime is torch.
        chosen = {"decoder": self.decoder} if "decoder" in settings and self.input == "video" else {}
        if network.device.type != "cpu":
            chosen["runtime"] = runtime
        if differing := other_features({self.name: {**settings, **chosen}}, {self.name: {**here, **chosen}}):
            raise UserError(
                f"the backbone of stream {self.name} does not fit the model ({', '.join(differing)}, where `there` is "
                "the model); give the weights and the version that it was trained with"
            )
        return network

    def unsuitable(self, path: str) -> str | None:
        """Return why a file of this name is of the wrong kind for the stream; None: it is of the right kind."""
        if self.input == "video":
            return "the model takes videos, and this is a skeleton file" if is_skeleton_file(path) else None
        if not is_skeleton_file(path):
            return f"the model takes skeleton files ({', '.join(READERS)}), and this is none"
        return self._other_joints(path)

    def _other_joints(self, path: str) -> str | None:
        """Return how the joints of a skeleton file differ from those that the model has learnt from, if it is known."""
        if not path.lower().endswith(GENERAL_SUFFIXES):
            if self.joint_list is None:
                return None
            return (
                f"the model has learnt from files with a joint list ({', '.join(GENERAL_SUFFIXES)}), and this is none"
            )
        if is_url(path):
            return None
        try:
            own = joint_list_of_file(path)
        except UserError as error:
            return str(error)
        if own is None or own == self.joint_list:
            return None
        there, here = joint_settings(self.joint_list), joint_settings(own)
        return f"its joint list is not the model's ({', '.join(differences(there, here))})"

    def features(self, paths: Sequence[str], workers: int) -> Iterator[Features | str]:
        """Yield the features of files in their order, or the reason why a file has none.

        Args:
            paths: local files, folders of images, or URLs.
            workers: decode processes. A damaged file cannot crash or block the caller.
        """
        reasons = [self.unsuitable(path) for path in paths]
        suitable = [path for path, reason in zip(paths, reasons, strict=True) if reason is None]
        made = self._files.make(suitable, workers)
        for reason in reasons:
            yield next(made) if reason is None else reason


def load_stream_backbone(name: str, model: TrainedModel, weights: Path | None = None) -> Backbone:
    """Return the backbone of a stream on the CPU, in float32, with the settings that the model has learnt from.

    Args:
        name: of the stream.
        model: has the settings of the stream's cache.
        weights: as in `StreamNetwork`.

    Raises:
        UserError: the features were made elsewhere, the weights are missing, or the backbone has other settings.
    """
    recorded = model.description.streams[name].settings
    try:
        find_backbone(str(recorded.get("backbone")))
    except UserError as error:
        raise UserError(f"the features of the model's stream {name} cannot be made here: {error}") from error
    config = recorded_config(recorded, _weights(name, model, weights), model.description.num_segments)
    backbone = load_backbone(config)
    own = {key: recorded[key] for key in backbone.settings if key in recorded}
    if differing := other_features({name: own}, {name: backbone.settings}):
        raise UserError(f"the backbone of stream {name} does not fit the model ({', '.join(differing)})")
    return backbone


def local_weights(name: str, model: TrainedModel, given: Path | None = None) -> Path | None:
    """Return the file of weights of a stream's backbone, by its checksum; None: no file is given or near the model.

    Raises:
        UserError: the given file is missing, or is another one.
    """
    settings = model.description.streams[name].settings
    sha256 = settings.get("weights_sha256")
    if given is not None:
        if not given.is_file():
            raise UserError(f"the weights {given} of stream {name} do not exist")
        if sha256_of(given) != sha256:
            raise UserError(
                f"{given} is not the file of weights that stream {name} was made with: its weights_sha256 is {sha256} "
                f"in the model; give the file {settings.get('weights')} of that time"
            )
        return given
    own = [model.backbones[name]] if name in model.backbones else []
    return next((path for path in (*own, *model.nearby) if path.is_file() and sha256_of(path) == sha256), None)


def _weights(name: str, model: TrainedModel, given: Path | None) -> str:
    """Return the weights of a stream's backbone, as the section `extract` of a recipe names them."""
    settings = model.description.streams[name].settings
    if (file := local_weights(name, model, given)) is not None:
        return str(file)
    if (known := recorded_weights_name(settings)) is not None:
        return known
    raise UserError(
        f"the weights of the backbone {settings.get('backbone')} of stream {name} are not here: they were the file "
        f"{settings.get('weights')} with sha256 {settings.get('weights_sha256')}; give it with --weights {name}=FILE"
    )
