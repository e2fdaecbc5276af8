"""The record of targets: written with few labels only, with the accuracy of each source on the validation clips."""

import json
from dataclasses import replace
from pathlib import Path

from distill.feature_set import FeatureSet
from distill.label_fraction import labelled_clips
from distill.label_spreading import Spreading
from distill.methods.whole_clip import judge_targets
from distill.run_folder import ModelRun, load_run
from distill.target_record import TARGETS
from distill.train_runs import train_runs
from distill.training_plan import TrainingPlan
from distill.training_state import ModelId
from manifests.recipes.training import Labels


def test_the_run_folder_says_how_right_the_teachers_are(data: FeatureSet, plan: TrainingPlan, tmp_path: Path) -> None:
    for name, fraction in (("few", 0.2), ("all", 1.0)):
        own = replace(plan, labels=Labels(fraction=fraction))
        teacher = tmp_path / name / "teacher"
        train_runs([ModelRun(ModelId("teacher", 0), teacher)], own, data)
        train_runs([ModelRun(ModelId("whole_clip", 0), tmp_path / name / "student", teacher)], own, data)
    kept = labelled_clips(data.splits["train"].labels, 0.2, 0)
    judged = judge_targets(data, kept, Spreading(), load_run(tmp_path / "few" / "teacher"))
    found = json.loads((tmp_path / "few" / "student" / TARGETS).read_text())
    assert found == {"validation_accuracy": judged}
    assert not (tmp_path / "few" / "teacher" / TARGETS).exists()
    assert not (tmp_path / "all" / "student" / TARGETS).exists()
