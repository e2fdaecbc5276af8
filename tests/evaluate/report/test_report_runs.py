"""Which predictions a report is made of, and which method it is about: never chosen by test clips."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from evaluate.report.runs import Runs, choose, find_manifest, read_probabilities, read_runs, refuse_other_folder
from evaluate.scoring.predictions import read_predictions
from manifests.manifest import Manifest, read_manifest, write_manifest

MakeRun = Callable[..., Path]


def read(*folders: Path) -> Runs:
    return read_runs(folders, read_manifest(find_manifest(folders[0])))


def test_methods_stand_in_the_order_of_the_runs_table_and_seeds_in_theirs(make_run: MakeRun) -> None:
    run = make_run(methods={"A": 1, "B": 2, "C": 1}, seeds=3)
    assert list(read(run).methods) == ["A", "B", "C"]
    (run / "table.csv").write_text("method,seeds\npublished,\nC,3\nA,3\n")
    runs = read(run)
    assert list(runs.methods) == ["C", "A", "B"]
    (run / "labels-0.1").mkdir()
    (run / "table.csv").rename(run / "labels-0.1" / "table.csv")
    assert list(read(run).methods) == ["C", "A", "B"]
    assert [score.seed for score in runs.methods["B"].scores] == [0, 1, 2]
    assert [path.name for path in runs.methods["B"].files] == [f"method1-seed{seed}.h5" for seed in range(3)]


def test_a_table_that_is_no_table_is_not_looked_at(make_run: MakeRun) -> None:
    run = make_run()
    for content in (b"", b"\xff\xfe\x00", b"other,columns\n1,2\n"):
        (run / "table.csv").write_bytes(content)
        assert list(read(run).methods) == ["Without distillation", "With distillation"]


def test_probabilities_are_in_the_manifests_order_whatever_the_files_is(make_run: MakeRun) -> None:
    run = make_run()
    runs = read(run)
    method = runs.methods["With distillation"]
    shuffled = Manifest(runs.manifest.clips.iloc[::-1].reset_index(drop=True), runs.manifest.classes)
    forward, backward = (read_probabilities(method, manifest) for manifest in (runs.manifest, shuffled))
    assert forward.shape == (2, 24, 10, 4)
    np.testing.assert_array_equal(forward, backward[:, ::-1])
    file = read_predictions(method.files[1])
    row = file.clip_ids.index("test05")
    np.testing.assert_array_equal(forward[1, 5], file.probabilities[row])


def test_the_default_pair_is_with_and_without_distillation(make_run: MakeRun) -> None:
    method, baseline = choose(read(make_run()))
    assert method.name == "With distillation"
    assert baseline is not None
    assert baseline.name == "Without distillation"


STREAMS = {
    "Without distillation, rgb": 1.0,
    "With distillation, rgb": 3.0,
    "Without distillation, skeleton": 3.0,
    "With distillation, skeleton": 0.5,
}


def test_of_several_the_best_on_validation_clips_is_taken_with_the_baseline_on_its_features(make_run: MakeRun) -> None:
    runs = read(make_run(methods=STREAMS))
    known = {name: method.validation_auc for name, method in runs.methods.items()}
    assert known["With distillation, rgb"] > known["With distillation, skeleton"]  # type: ignore[operator]
    method, baseline = choose(runs)
    assert (method.name, baseline and baseline.name) == ("With distillation, rgb", "Without distillation, rgb")


def test_without_validation_clips_it_is_the_last_one_even_if_it_is_the_worst_on_test_clips(make_run: MakeRun) -> None:
    runs = read(make_run(methods=STREAMS, splits=("test",)))
    aucs = {name: np.mean([score.auc_mean for score in method.scores]) for name, method in runs.methods.items()}
    assert min(aucs, key=lambda name: aucs[name]) == "With distillation, skeleton"
    method, baseline = choose(runs)
    assert (method.name, baseline and baseline.name) == (
        "With distillation, skeleton",
        "Without distillation, skeleton",
    )


def test_validation_accuracy_is_that_of_validation_clips(make_run: MakeRun) -> None:
    runs = read(make_run(seeds=1))
    clips = runs.manifest.split("validation")
    for method in runs.methods.values():
        file = read_predictions(method.files[0])
        right = [
            float(file.probabilities[file.clip_ids.index(clip), level].argmax() == label)
            for clip, label in zip(clips["clip_id"], clips["label"], strict=True)
            for level in range(10)
        ]
        assert method.validation_auc == pytest.approx(np.mean(right))


def test_names_of_strangers_have_a_method_and_no_baseline_unless_one_is_named(make_run: MakeRun) -> None:
    runs = read(make_run(methods={"KNN": 3, "GRU": 1}))
    method, baseline = choose(runs)
    assert (method.name, baseline) == ("KNN", None)
    method, baseline = choose(runs, baseline="KNN")
    assert (method.name, baseline and baseline.name) == ("GRU", "KNN")
    method, baseline = choose(runs, method="GRU", baseline="KNN")
    assert (method.name, baseline and baseline.name) == ("GRU", "KNN")


def test_a_baseline_alone_is_what_the_report_is_about(make_run: MakeRun) -> None:
    method, baseline = choose(read(make_run(methods={"Without distillation": 1})))
    assert (method.name, baseline) == ("Without distillation", None)


def test_the_manifest_is_the_one_whose_protocol_the_predictions_have(make_run: MakeRun) -> None:
    run = make_run()
    whole = read_manifest(run / "manifest.csv")
    clips = whole.clips.assign(protocol="own-protocol-subset")
    write_manifest(Manifest(clips, whole.classes), run / "manifest-without-failed.csv")
    assert find_manifest(run) == run / "manifest.csv"
    subset = make_run("subset", manifest=Manifest(clips, whole.classes))
    (subset / "manifest.csv").rename(subset / "manifest-without-failed.csv")
    (subset / "manifest.classes.txt").rename(subset / "manifest-without-failed.classes.txt")
    write_manifest(whole, subset / "manifest.csv")
    assert find_manifest(subset) == subset / "manifest-without-failed.csv"


def test_shares_of_the_labels_are_told_apart_in_one_run(make_run: MakeRun) -> None:
    run, few = make_run(), make_run("few", provenance={"labels": "10%"})
    (few / "predictions").rename(run / "predictions" / "labels-0.1")
    runs = read(run)
    plain, ours = "Without distillation", "With distillation"
    assert set(runs.methods) == {
        f"{name}, {of}" for name in (plain, ours) for of in ("all labels", "10% of the labels")
    }
    assert [len(method.scores) for method in runs.methods.values()] == [2] * 4
    for share in ("all labels", "10% of the labels"):
        _, baseline = choose(runs, method=f"{ours}, {share}")
        assert baseline is not None
        assert baseline.name == f"{plain}, {share}"
    assert choose(runs)[0].name.startswith(ours)
    assert list(read(make_run("alone", provenance={"labels": "10%"})).methods) == [
        "Without distillation",
        "With distillation",
    ]


def test_who_sees_the_future_is_never_chosen_without_being_named(make_run: MakeRun) -> None:
    run = make_run(methods={"GRU": 1, "LSTM": 0.5})
    teacher = make_run("teacher", methods={"Teacher": 9}, provenance={"sees_future": True})
    (teacher / "predictions").rename(run / "predictions" / "teacher")
    runs = read(run)
    assert runs.methods["Teacher"].sees_future
    assert max(runs.methods, key=lambda name: runs.methods[name].validation_auc or 0) == "Teacher"
    assert choose(runs)[0].name in ("GRU", "LSTM")
    assert choose(runs, method="Teacher")[0].name == "Teacher"


def test_runs_of_other_clips_cannot_stand_in_one_report(make_run: MakeRun) -> None:
    first, second = make_run("first"), make_run("second")
    manifest = read_manifest(first / "manifest.csv")
    fewer = Manifest(manifest.clips[manifest.clips["clip_id"] != "test03"].reset_index(drop=True), manifest.classes)
    read_runs([first, second], fewer)
    with pytest.raises(UserError, match="lack 1 of the 24 test clips: test03"):
        read_runs([first, make_run("third", manifest=fewer)], manifest)


def test_a_folder_with_several_runs_names_them(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(name) for name in ("ucf101", "sysu")]
    suite = tmp_path / "suite"
    suite.mkdir()
    for run in runs:
        run.rename(suite / run.name)
    refuse_other_folder(suite / "sysu")
    named = f"the runs inside are {suite}/sysu, {suite}/ucf101: give one or several of these"
    with pytest.raises(UserError, match=f"{suite} is not the folder of one run; {named}"):
        refuse_other_folder(suite)
    (tmp_path / "out").mkdir()
    suite.rename(tmp_path / "out" / "suite")
    with pytest.raises(UserError, match="out/suite/sysu, "):
        refuse_other_folder(tmp_path / "out")
    for nothing in (tmp_path / "nowhere", tmp_path / "out" / "suite" / "sysu" / "manifest.csv"):
        with pytest.raises(UserError, match="there is no run in"):
            refuse_other_folder(nothing)
