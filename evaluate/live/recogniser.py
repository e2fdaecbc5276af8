"""`Recogniser`: a trained model that recognises recordings. It needs no labels, no manifest and no feature cache."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from common.errors import UserError
from distill.checkpoint import load_classifier
from distill.model_description import segment_seconds
from distill.models import Classifier, predict_probabilities
from distill.observation import RATIOS
from evaluate.decisions.decision_maker import DecisionMaker
from evaluate.live.model_rule import decision_maker_of
from evaluate.live.recognition import Recognition, Recording, Unusable
from evaluate.live.recordings import find_recordings
from evaluate.live.stream_network import StreamNetwork
from evaluate.live.trained_model import TrainedModel, find_model
from evaluate.pipeline.sources import average
from extract.file_features import Features
from extract.poses.settings import PoseSettings
from extract.skeletons.joint_list import JointList

Weights = str | Path | Mapping[str, str | Path] | None


def _accept(recordings: Sequence[Recording]) -> None:
    """Accept all recordings."""


class Recogniser:
    """A trained model with the backbones that make its features. `Recogniser.load` makes one.

    Args:
        model: the files of the model.
        weights: see `load`.
        device: see `load`.
        decision_maker: None: the rule that is stored with the model, or else a threshold of confidence.

    Raises:
        UserError: see `load`.

    Attributes:
        classes: the names of the classes, in the order of the probabilities.
        num_segments: N; 10 if the model's segments last a fixed time, because the probabilities are then those at the
            ten observation ratios.
        summary: which method and seeds are used, in words.
        decision_maker: what decides on the probabilities.
    """

    def __init__(
        self,
        model: TrainedModel,
        weights: Weights = None,
        device: str = "auto",
        decision_maker: DecisionMaker | None = None,
    ) -> None:
        self.classes = model.description.classes
        self._timed = segment_seconds(model.description) is not None
        self._most_segments = model.description.num_segments
        self.num_segments = RATIOS if self._timed else self._most_segments
        self.summary = model.summary
        self.decision_maker = decision_maker_of(model) if decision_maker is None else decision_maker
        networks = model.description.networks
        names = tuple(name for name in model.description.streams if any(name in each.streams for each in networks))
        own = _weights_by_stream(weights, names)
        self._streams = {name: StreamNetwork(name, model, own.get(name), device) for name in names}
        self._networks = load_networks(model)

    @classmethod
    def load(
        cls,
        model: str | Path,
        *,
        method: str | None = None,
        seed: int | None = None,
        device: str = "auto",
        weights: Weights = None,
    ) -> "Recogniser":
        """Load a model and its backbones.

        Args:
            model: a run folder, the folder of a reproduction, or a folder that `python -m evaluate export` wrote.
            method: its name in recipes; None: `with` if it is there, else the last student of the recipe.
            seed: None: the probabilities of all seeds are averaged.
            device: of the backbone: "auto", "cpu", "cuda" or "cuda:1".
            weights: the file of weights of the backbone, if it is a file of your own that is not near the model; with
                several streams by stream.

        Raises:
            UserError: there is no such model, it is damaged or not finished, its stored decision rule is damaged, or
                the weights of a backbone are missing.
        """
        return cls(find_model(Path(model), method, seed), weights, device)

    @property
    def streams(self) -> dict[str, str]:
        """The kind of recordings that each stream takes, "video" or "skeleton", by stream."""
        return {name: stream.input for name, stream in self._streams.items()}

    @property
    def joint_list(self) -> JointList | None:
        """The joint list of the skeletons that the model has learnt from; None: there is none."""
        return next((stream.joint_list for stream in self._streams.values() if stream.joint_list is not None), None)

    @property
    def poses(self) -> PoseSettings | None:
        """How joints are found in the videos that the model takes; None: they are not."""
        return next((stream.poses for stream in self._streams.values() if stream.poses is not None), None)

    @property
    def takes_one_file(self) -> bool:
        """Whether every stream is made from the same video, as frames and the joints in them are."""
        streams = self._streams.values()
        return len({stream.column for stream in streams}) == 1 and all(stream.input == "video" for stream in streams)

    def recognise(self, recording: str | Path | Mapping[str, str | Path]) -> Recognition:
        """Return the class probabilities of one recording.

        The file is decoded in a process of its own, so a damaged file cannot crash or block the caller.

        Args:
            recording: a video, a folder with its frames as images, a skeleton file, or a URL of one; for a model of
                several streams a mapping from stream to file, unless all of them are made from the same video.

        Raises:
            UserError: it cannot be read, or it does not fit the model.
        """
        names = list(self._streams)
        meant = names if self.takes_one_file else names[:1]
        files = recording if isinstance(recording, Mapping) else dict.fromkeys(meant, recording)
        if set(files) != set(self._streams):
            raise UserError(f"the model takes the streams {', '.join(self._streams)}; give a file for each, by stream")
        named = Recording(", ".join(map(str, files.values())), {name: str(file) for name, file in files.items()})
        (result,) = self.recognise_many([named])
        if isinstance(result, Unusable):
            raise UserError(f"{result.name} cannot be recognised: {result.reason}")
        return result

    def recognise_many(self, recordings: Sequence[Recording], workers: int = 1) -> Iterator[Recognition | Unusable]:
        """Yield the result for each recording, in their order.

        Args:
            recordings: each with a file for every stream of the model.
            workers: decode processes of each stream.
        """
        each = [
            stream.features([recording.files[name] for recording in recordings], workers)
            for name, stream in self._streams.items()
        ]
        for recording, *found in zip(recordings, *each, strict=True):
            yield self._classify(recording, dict(zip(self._streams, found, strict=True)))

    def recognise_inputs(
        self, inputs: Sequence[str], workers: int = 1, check: Callable[[Sequence[Recording]], None] = _accept
    ) -> Iterator[Recognition | Unusable]:
        """Yield the result for each recording that is meant, in order, or the reason why an input cannot be used.

        Args:
            inputs: files, folders, patterns and URLs; see `evaluate.live.recordings`.
            workers: decode processes of each stream.
            check: gets the recordings before the first of them is decoded, and may raise a `UserError`.
        """
        found = find_recordings(inputs, self.streams, together=self.takes_one_file)
        recordings = [each for each in found if isinstance(each, Recording)]
        check(recordings)
        results = self.recognise_many(recordings, workers)
        for each in found:
            yield each if isinstance(each, Unusable) else next(results)

    def _classify(self, recording: Recording, found: Mapping[str, Features | str]) -> Recognition | Unusable:
        prefix = len(found) > 1
        reasons = [f"{name}: {one}" if prefix else one for name, one in found.items() if isinstance(one, str)]
        features = {name: one for name, one in found.items() if isinstance(one, Features)}
        if reasons:
            return Unusable(recording.name, "; ".join(reasons))
        probabilities = []
        own = min(len(one.values) for one in features.values())
        for network, streams in self._networks:
            values = np.concatenate([features[name].values[:own] for name in streams], axis=1)[None]
            expected = _feature_dim(network)
            if values.shape[2] != expected:
                return Unusable(
                    recording.name,
                    f"its features have {values.shape[2]} numbers a segment, and the model takes {expected}; skeletons "
                    "of another number of joints have other features",
                )
            lengths = None
            if self._timed:
                lengths = torch.tensor([own])
                values = np.pad(values, ((0, 0), (0, self._most_segments - own), (0, 0)))
            probabilities.append(predict_probabilities(network, torch.from_numpy(values), lengths=lengths)[0])
        first = next(iter(features.values()))
        return Recognition(recording, self.classes, average(probabilities), first.num_frames, self.decision_maker)


def load_networks(model: TrainedModel) -> list[tuple[Classifier, tuple[str, ...]]]:
    """Return the networks of a model, each with the streams whose features it takes.

    Raises:
        UserError: a file is damaged or does not fit the description.
    """
    return [
        (_load_network(file, len(model.description.classes), network.feature_dim), network.streams)
        for file, network in zip(model.files, model.description.networks, strict=True)
    ]


def _load_network(file: Path, num_classes: int, feature_dim: int) -> Classifier:
    network = load_classifier(file)
    found = (network.classifier.out_features, _feature_dim(network))
    if found != (num_classes, feature_dim):
        raise UserError(
            f"{file} is for {found[0]} classes and features of {found[1]} numbers, and its description has "
            f"{num_classes} and {feature_dim}; take the model from its source again"
        )
    return network


def _feature_dim(network: Classifier) -> int:
    """Return D, the length of the feature of a segment."""
    return network.classifier.in_features if network.recurrent is None else network.recurrent.input_size


def _weights_by_stream(weights: Weights, names: Sequence[str]) -> dict[str, Path]:
    if weights is None:
        return {}
    if isinstance(weights, Mapping):
        if unknown := [name for name in weights if name not in names]:
            raise UserError(f"the model has no stream {unknown[0]}; its streams are {', '.join(names)}")
        return {name: Path(file) for name, file in weights.items()}
    if len(names) > 1:
        raise UserError(f"the model has the streams {', '.join(names)}; give the weights by stream")
    return {names[0]: Path(weights)}
