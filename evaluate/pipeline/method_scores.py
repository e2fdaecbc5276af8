"""The scoring stage: the predictions of every method for validation and test clips, their files, and their scores.

Late fusion is one more row for each method: the mean of the probabilities of the models of all streams. Test labels are
read by `score_predictions` only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path, PurePath

import numpy as np
import torch
from numpy.typing import NDArray

from distill.feature_set import FeatureSet, make_feature_set, refuse_not_finite
from distill.label_fraction import labelled_clips
from distill.methods import METHODS
from distill.model_description import StreamSettings, refuse_other_features
from distill.models import predict_probabilities
from distill.run_folder import folder_of_model, load_run
from distill.training_plan import TrainingPlan
from distill.training_state import ModelId
from evaluate.pipeline.layout import predictions_folder, runs_folder
from evaluate.pipeline.provenance import provenance_of
from evaluate.pipeline.row_names import row_name
from evaluate.pipeline.scoring_plan import ScoringPlan
from evaluate.pipeline.sources import LATE, Source, average
from evaluate.scoring.early_gain import agreement
from evaluate.scoring.predictions import (
    AfterSegments,
    Predictions,
    protocol_of_segments,
    read_predictions,
    write_predictions,
)
from evaluate.scoring.scores import Scores, score_predictions
from manifests.manifest import Manifest


@dataclass(frozen=True)
class MethodScores:
    """The rows of the results table, in its order.

    Attributes:
        scores: by the name of the row, one `Scores` for each seed.
        files: by the name of the row, the predictions file of each seed.
    """

    scores: dict[str, list[Scores]]
    files: dict[str, list[Path]]


def score_methods(plan: ScoringPlan, out: Path, manifest: Manifest, sources: Sequence[Source]) -> MethodScores:
    """Write the predictions of every method and of its late fusion, and score the rows of the results table.

    Args:
        plan: the rows.
        out: the folder of runs and predictions.
        manifest: the clips and, for scoring, their labels.
        sources: what the models get as input; all models are trained.

    Raises:
        UserError: a run is not finished, or a file cannot be written.
    """
    rows = MethodScores({}, {})

    def keep(path: Path, predictions: Predictions, in_table: bool) -> None:
        write_predictions(path, predictions)
        if in_table:
            rows.scores.setdefault(predictions.method, []).append(score_predictions(read_predictions(path), manifest))
            rows.files.setdefault(predictions.method, []).append(path)

    training = plan.training
    for source in sources:
        for model, predictions in _predict(plan, out, manifest, source):
            keep(_predictions_file(out, source, training, model), predictions, source.in_table)
    if plan.fusion == "early":
        return rows
    alone = [source for source in sources if len(source.caches) == 1]
    for method, seed in product(training.methods, training.seeds):
        files = [_predictions_file(out, source, training, ModelId(method, seed)) for source in alone]
        path = predictions_folder(out, PurePath(), training.labels) / f"late-fusion-{method}-seed{seed}.h5"
        keep(path, _late_fusion(plan, manifest, method, files, alone), True)
    return rows


def _predict(plan: ScoringPlan, out: Path, manifest: Manifest, source: Source) -> Iterator[tuple[ModelId, Predictions]]:
    """Yield the predictions of every method and seed on one source."""
    training = plan.training
    models = _SourceModels.of(training, out, manifest, source)
    tested = len(manifest.split("test"))
    for model in (ModelId(method, seed) for method, seed in product(training.methods, training.seeds)):
        probabilities = models.probabilities(model)
        provenance = provenance_of(plan, manifest, model.method, source.caches)
        if teacher := METHODS[model.method].teacher:
            taught = models.probabilities(ModelId(teacher, model.seed))
            provenance["teacher_agreement"] = agreement(probabilities[-tested:], taught[-tested:]).tolist()
        yield (
            model,
            Predictions(
                probabilities=probabilities,
                clip_ids=models.clips,
                protocol=protocol_of_segments(manifest.protocol, source.segment_seconds),
                method=row_name(model.method, source.name),
                seed=model.seed,
                classes=manifest.classes,
                provenance=provenance,
                after_segments=models.after_segments(model, source.segment_seconds),
            ),
        )


def _late_fusion(
    plan: ScoringPlan, manifest: Manifest, method: str, files: Sequence[Path], alone: Sequence[Source]
) -> Predictions:
    """Return the mean of the predictions of one method and seed on each stream alone."""
    parts = [read_predictions(file) for file in files]
    caches = {name: about for source in alone for name, about in source.caches.items()}
    return replace(
        parts[0],
        probabilities=average([part.probabilities for part in parts]),
        after_segments=_average_after_segments([part.after_segments for part in parts]),
        method=row_name(method, LATE),
        provenance=provenance_of(plan, manifest, method, caches),
    )


def _average_after_segments(parts: Sequence[AfterSegments | None]) -> AfterSegments | None:
    """Return the mean of the predictions after each segment, or None if a part has none.

    A clip that has ended in one stream counts there with its last prediction.
    """
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return AfterSegments(
        known[0].segment_seconds,
        average([part.probabilities for part in known]),
        np.max([part.num_segments for part in known], axis=0),
    )


def _predictions_file(out: Path, source: Source, training: TrainingPlan, model: ModelId) -> Path:
    folder = predictions_folder(out, source.folder, training.labels)
    return folder / f"{model.method}-seed{model.seed}.h5"


@dataclass(frozen=True)
class _SourceModels:
    """The models of one source, and what they predict from.

    Attributes:
        plan: how they were trained.
        runs: the folder of their run folders.
        clips: the validation and test clips.
        features: (clips, N, D) of these.
        lengths: (clips,), how many segments each of them has, if segments last a fixed time; None: all have N.
        streams: the settings of the caches that the features come from, by stream.
        training_data: for classical methods, which predict from the training clips directly; None: there are none.
        without_seed: probabilities of classical methods, which are the same for every seed if all clips have a label.
    """

    plan: TrainingPlan
    runs: Path
    clips: tuple[str, ...]
    features: torch.Tensor
    lengths: torch.Tensor | None
    streams: StreamSettings
    training_data: FeatureSet | None
    without_seed: dict[str, NDArray[np.float32]]

    @classmethod
    def of(cls, plan: TrainingPlan, out: Path, manifest: Manifest, source: Source) -> "_SourceModels":
        clips = (*manifest.split("validation")["clip_id"], *manifest.split("test")["clip_id"])
        row = {clip_id: index for index, clip_id in enumerate(source.cache.clip_id)}
        rows, counts = [row[clip_id] for clip_id in clips], source.cache.num_segments
        features = torch.from_numpy(source.cache.features[rows])
        lengths = None if counts is None else torch.from_numpy(counts[rows])
        refuse_not_finite(features, clips)
        data = make_feature_set(source.cache, manifest) if plan.classical else None
        streams = {name: about["settings"] for name, about in source.caches.items()}
        return cls(plan, runs_folder(out, source.folder, plan.labels), clips, features, lengths, streams, data, {})

    def probabilities(self, model: ModelId) -> NDArray[np.float32]:
        """Return the probabilities (clips, N, C) of a trained network or of a classical method.

        Where segments last a fixed time, they are those at the ten observation ratios, (clips, 10, C).
        """
        if model.method in self.plan.trained:
            folder = folder_of_model(self.runs, model)
            refuse_other_features(folder, self.streams)
            return predict_probabilities(load_run(folder), self.features, lengths=self.lengths)
        if model.method in self.without_seed:
            return self.without_seed[model.method]
        assert self.training_data is not None
        own = self.plan.classical[model.method]
        labelled = labelled_clips(self.training_data.splits["train"].labels, self.plan.labels.fraction, model.seed)
        probabilities = own.method.fit_predict(self.training_data, labelled, self.features, self.lengths, own.settings)
        if self.plan.labels.fraction == 1:
            self.without_seed[model.method] = probabilities
        return probabilities

    def after_segments(self, model: ModelId, segment_seconds: float | None) -> AfterSegments | None:
        """Return what a trained network predicts after each segment; None: segments do not last a fixed time."""
        if segment_seconds is None or self.lengths is None or model.method not in self.plan.trained:
            return None
        probabilities = predict_probabilities(load_run(folder_of_model(self.runs, model)), self.features)
        lengths = self.lengths.numpy()
        levels = np.minimum(np.arange(probabilities.shape[1]), lengths[:, None] - 1)  # (clips, N)
        return AfterSegments(
            segment_seconds, np.take_along_axis(probabilities, levels[..., None], axis=1), lengths.astype(np.int64)
        )
