"""The record of a method's own targets in a run folder, `targets.json`: how right their sources are.

They are judged on the validation clips. The record is written where only some clips have a label, because the targets
of other clips limit the student then. The training does not read it.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from common.files import write_text
from distill.feature_set import FeatureSet
from distill.label_fraction import labelled_clips
from distill.models import Classifier
from distill.run_folder import ModelRun
from distill.training_plan import TrainingPlan

TARGETS = "targets.json"


def record_targets(run: ModelRun, plan: TrainingPlan, data: FeatureSet, teachers: Mapping[Path, Classifier]) -> None:
    """Write the record of a run, if its method can judge its targets and some clips have no label.

    Args:
        run: of the plan.
        plan: has the method and its settings.
        data: training and validation split.
        teachers: by run folder.
    """
    own, fraction = plan.trained[run.model.method], plan.labels.fraction
    if own.method.judge_targets is None or fraction == 1:
        return
    labelled = labelled_clips(data.splits["train"].labels, fraction, run.model.seed)
    judged = own.method.judge_targets(data, labelled, own.settings, teachers[run.teacher] if run.teacher else None)
    write_text(run.folder / TARGETS, json.dumps({"validation_accuracy": dict(judged)}, indent=2) + "\n")
