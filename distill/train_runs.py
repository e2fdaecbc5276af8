"""Training into run folders. Models of one shape train side by side; a killed training resumes with the same call."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import sha256_of, write_text
from common.run_record import claim, differences, fingerprint, only_writer, read_record, refuse_other
from common.training_run import (
    DONE,
    METRICS,
    RESUME,
    WEIGHTS,
    Curves,
    StateSaver,
    versions,
    write_completion,
    write_metrics,
)
from distill.checkpoint import load_state, save_classifier, save_state
from distill.feature_set import FeatureSet
from distill.label_fraction import labelled_clips
from distill.model_description import MODEL, describe_model, refuse_other_features, write_description
from distill.models import Classifier
from distill.run_folder import (
    LABELLED,
    RECIPE,
    CompletionRecord,
    ModelRun,
    load_run,
    read_completion,
    read_settings,
)
from distill.run_settings import data_settings, run_settings
from distill.side_by_side import models_at_once, shape, train_together
from distill.standardisation import fold, moments
from distill.target_record import record_targets
from distill.training import new_network
from distill.training_plan import TrainingPlan, check_classes, check_cuts, check_lengths, check_num_segments
from distill.training_state import EpochResult, ModelId, TrainingState

SAVE_SECONDS = 5.0  # between two writes of the resume state; later epochs are trained again, to the same bits

EpochCallback = Callable[[ModelId, EpochResult], None]


def train_runs(
    runs: Sequence[ModelRun], plan: TrainingPlan, data: FeatureSet, after_epoch: EpochCallback | None = None
) -> list[CompletionRecord]:
    """Train models into their run folders. Finished runs are left as they are, interrupted ones resume.

    Args:
        runs: a folder is made if it does not exist, and refused if it holds anything but this very run.
        plan: everything else that determines the weights.
        data: training and validation split, on the device to train on.
        after_epoch: gets each epoch of each model, with those of an interrupted call.

    Returns:
        The completion record of each run.

    Raises:
        UserError: a folder belongs to another run, is in use or not writable; a teacher is missing or was trained on
            other data; the plan does not fit the data; or the training fails.
    """
    check_num_segments(plan, data.num_segments)
    if data.has_lengths:
        check_lengths(plan)
    else:
        check_cuts(plan)
    check_classes(data.splits["train"].labels.tolist(), data.protocol)
    trainer = _Trainer(
        plan,
        data,
        settings={run: _settings(run, plan, data) for run in runs},
        teachers={run.teacher: _load_teacher(run, plan, data) for run in runs if run.teacher},
        after_epoch=after_epoch,
    )
    for run in runs:
        if (run.folder / DONE).exists():
            refuse_other(run.folder / RECIPE, {"settings": trainer.settings[run]})
            read_completion(run.folder)
            if not (run.folder / MODEL).exists():  # an earlier version trained it
                with contextlib.suppress(UserError):  # the folder cannot be written, and nothing here needs the file
                    _describe(run, plan, data)
    by_shape: dict[object, list[ModelRun]] = {}
    for run in runs:
        by_shape.setdefault(shape(run.model, plan), []).append(run)
    for together in by_shape.values():
        trainer.train_shape(together)
    return [read_completion(run.folder) for run in runs]


def count_finished(runs: Sequence[ModelRun]) -> int:
    """Return how many of some runs are finished. `train_runs` only reads them."""
    return len(runs) - len(_unfinished(runs))


@dataclass(frozen=True)
class _Trainer:
    """What all runs of one call share."""

    plan: TrainingPlan
    data: FeatureSet
    settings: Mapping[ModelRun, Mapping[str, Any]]
    teachers: Mapping[Path, Classifier]  # by run folder
    after_epoch: EpochCallback | None

    def train_shape(self, together: Sequence[ModelRun]) -> None:
        """Train those runs of one shape that are not finished."""
        device = self.data.splits["train"].features.device
        with contextlib.ExitStack() as held:
            for run in _unfinished(together):
                held.enter_context(only_writer(run.folder))
            unfinished = _unfinished(together)  # another process may have finished one before it was locked
            for run in unfinished:
                self._claim(run)
            at_once = models_at_once(new_network(together[0].model, self.plan, self.data), device)
            for some, resume in self._groups(together, unfinished, at_once):
                self._train(some, resume)
            for run in together:
                (run.folder / RESUME).unlink(missing_ok=True)

    def _claim(self, run: ModelRun) -> None:
        train, fraction = self.data.splits["train"], self.plan.labels.fraction
        decisive = {"settings": self.settings[run], "versions": versions(train.features.device.type)}
        claim(run.folder / RECIPE, decisive, {"recipe": dict(self.plan.record)})
        if fraction < 1:
            labelled = labelled_clips(train.labels, fraction, run.model.seed).tolist()
            names = [clip for clip, has_label in zip(train.clip_id, labelled, strict=True) if has_label]
            write_text(run.folder / LABELLED, "".join(f"{name}\n" for name in names))

    def _groups(
        self, together: Sequence[ModelRun], unfinished: Sequence[ModelRun], at_once: int
    ) -> list[tuple[list[ModelRun], TrainingState | None]]:
        """Return the runs that train side by side, with their state: those of each interrupted training, then the new
        ones, `at_once` in a group.
        """
        left = {fingerprint(self.settings[run]): run for run in unfinished}
        groups: list[tuple[list[ModelRun], TrainingState | None]] = []
        for run in together:
            if left and (run.folder / RESUME).exists():
                state, members = load_state(run.folder / RESUME)
                rows = [row for row, member in enumerate(members) if member in left]
                if rows:
                    groups.append(([left.pop(members[row]) for row in rows], state.of_models(rows)))
        new = list(left.values())
        return groups + [(new[first : first + at_once], None) for first in range(0, len(new), at_once)]

    def _train(self, runs: Sequence[ModelRun], resume: TrainingState | None) -> None:
        if resume:
            for epochs in zip(*resume.histories, strict=True):
                self._report(runs, epochs)
        members = [fingerprint(self.settings[run]) for run in runs]
        with contextlib.ExitStack() as opened:
            epochs_done = resume.epochs if resume else 0
            curves = [opened.enter_context(Curves(run.folder, epochs_done)) for run in runs]
            saver = StateSaver[TrainingState](
                lambda state: save_state(runs[0].folder / RESUME, state, members), SAVE_SECONDS
            )

            def after_epoch(state: TrainingState) -> None:
                saver.add(state)
                for own, history in zip(curves, state.histories, strict=True):
                    own.add([epoch.as_row() for epoch in history])
                self._report(runs, [history[-1] for history in state.histories])

            state = train_together(
                [run.model for run in runs],
                self.plan,
                self.data,
                [self.teachers[run.teacher] if run.teacher else None for run in runs],
                resume=resume,
                after_epoch=after_epoch,
            )
        for row, run in enumerate(runs):
            self._complete(run, state, row)

    def _report(self, runs: Sequence[ModelRun], epochs: Sequence[EpochResult]) -> None:
        if self.after_epoch:
            for run, epoch in zip(runs, epochs, strict=True):
                self.after_epoch(run.model, epoch)

    def _complete(self, run: ModelRun, state: TrainingState, row: int) -> None:
        """Write the weights of the selected epoch, the curves, and last the completion record."""
        selected, history = state.selected[row], state.histories[row]
        train = self.data.splits["train"]
        scores = {"epoch": selected.epoch, "validation_auc": selected.validation_auc}
        weights = {name: tensor[row] for name, tensor in state.best.items()}
        if self.plan.training.standardize:
            weights = fold(weights, *moments(train.features, train.lengths))
        kind = self.plan.trained[run.model.method].method.network
        save_classifier(run.folder / WEIGHTS, kind, weights, {"selected": scores, "settings": self.settings[run]})
        write_metrics(run.folder / METRICS, [epoch.as_row() for epoch in history])
        record_targets(run, self.plan, self.data, self.teachers)
        _describe(run, self.plan, self.data)
        write_completion(
            run.folder,
            {"epochs": len(history), "selected_epoch": selected.epoch, "validation_auc": selected.validation_auc},
        )


def _describe(run: ModelRun, plan: TrainingPlan, data: FeatureSet) -> None:
    """Write the description of a model whose weights are written."""
    trained_with = read_record(run.folder / RECIPE)["versions"]
    write_description(run.folder, describe_model(run.model, plan, data, sha256_of(run.folder / WEIGHTS), trained_with))


def _unfinished(runs: Sequence[ModelRun]) -> list[ModelRun]:
    return [run for run in runs if not (run.folder / DONE).exists()]


def _settings(run: ModelRun, plan: TrainingPlan, data: FeatureSet) -> dict[str, Any]:
    """Return the settings of a run; refuse a missing teacher, or one that the method does not use."""
    needed = plan.trained[run.model.method].method.teacher
    if needed and run.teacher is None:
        raise UserError(
            f"method {run.model.method!r} needs a teacher, trained with method {needed!r}; "
            "give its run folder with --teacher"
        )
    if run.teacher and not needed:
        raise UserError(
            f"method {run.model.method!r} has no teacher, and --teacher {run.teacher} is given; leave it out"
        )
    teacher_sha256 = read_completion(run.teacher).weights_sha256 if run.teacher else None
    return run_settings(plan, data, run.model, teacher_sha256)


def _load_teacher(run: ModelRun, plan: TrainingPlan, data: FeatureSet) -> Classifier:
    """Return the teacher; refuse one of another method, of other data, or of labels that the student must not read."""
    assert run.teacher is not None
    there = read_settings(run.teacher)
    refuse_other_features(run.teacher, data.streams)
    wanted: dict[str, Any] = {"method": plan.trained[run.model.method].method.teacher, "data": data_settings(data)}
    if plan.labels.fraction < 1 or there["labels"]["fraction"] < 1:  # the seed determines which clips have a label
        wanted |= {"seed": run.model.seed, "labels.fraction": plan.labels.fraction}
    found = {**there, "labels.fraction": there["labels"]["fraction"]}
    if differing := differences({key: found[key] for key in wanted}, wanted):
        raise UserError(
            f"{run.teacher} is not the teacher of method {run.model.method!r} here ({', '.join(differing)}); "
            "train a teacher for it"
        )
    return load_run(run.teacher, data.splits["train"].features.device)
