"""The predictions file: round trip, every refusal a sentence, and scoring joined by clip id."""

import dataclasses

import h5py
import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from evaluate.scoring.earliness import Decision
from evaluate.scoring.predictions import AfterSegments, Predictions, read_predictions, write_predictions
from evaluate.scoring.scores import score_predictions
from manifests.manifest import Manifest

CLASSES = ("Archery", "Bowling", "Fencing – Épée")
PROTOCOL = "ucf101-early-15-3-7-subset"
LABELS = {"a": 0, "b": 1, "c": 0, "d": 1}  # the test clips


@pytest.fixture
def manifest():
    rows = [("t", 2, "train"), *((clip, label, "test") for clip, label in LABELS.items())]
    clips = pd.DataFrame(
        [
            {"clip_id": clip, "path": f"{clip}.avi", "label": label, "class_name": CLASSES[label], "group": "g01",
             "split": split, "protocol": PROTOCOL}
            for clip, label, split in rows
        ]
    )  # fmt: skip
    return Manifest(clips, CLASSES)


@pytest.fixture
def predictions():
    """Segment 1: only `a` is right; segment 2: `a`, `b` and `d` are."""
    logits = np.array([[0, 0], [0, 1], [1, 2], [2, 1]])  # the class with 0.8, by clip and segment
    probabilities = np.full((4, 2, 3), 0.1, dtype=np.float32)
    np.put_along_axis(probabilities, logits[:, :, None], 0.8, axis=2)
    return Predictions(probabilities, tuple(LABELS), PROTOCOL, "GRU", 7, CLASSES, {"backbone": "tsm", "deep": [1]})


def changed(predictions, **fields):
    return dataclasses.replace(predictions, **fields)


def test_round_trip_and_the_same_bytes_twice(tmp_path, predictions):
    write_predictions(tmp_path / "one.h5", predictions)
    backwards = dict(reversed(predictions.provenance.items()))
    write_predictions(tmp_path / "two.h5", changed(predictions, provenance=backwards))
    read = read_predictions(tmp_path / "one.h5")
    assert read.probabilities.dtype == np.float32
    assert read.probabilities.tobytes() == predictions.probabilities.tobytes()
    for name in ("clip_ids", "protocol", "method", "seed", "classes", "provenance"):
        assert getattr(read, name) == getattr(predictions, name)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def after_segments(**fields):
    """Segments of half a second; clip `a` has 1, `b` 3, `c` and `d` 2. Class 0 is most probable but at the third."""
    probabilities = np.full((4, 3, 3), [0.8, 0.1, 0.1], dtype=np.float32)
    probabilities[:, 2] = [0.1, 0.8, 0.1]
    made = {"segment_seconds": 0.5, "probabilities": probabilities, "num_segments": np.array([1, 3, 2, 2])}
    return AfterSegments(**made | fields)


def test_predictions_after_each_segment_are_kept_and_scored_on_test_clips(tmp_path, predictions, manifest):
    assert score_predictions(predictions, manifest).seconds is None
    more = np.concatenate([after_segments().probabilities[::-1], np.full((1, 3, 3), 1 / 3, np.float32)])
    after = after_segments(probabilities=more, num_segments=np.array([2, 2, 3, 1, 3]))
    ratios = np.concatenate([predictions.probabilities[::-1], predictions.probabilities[:1]])
    made = changed(predictions, probabilities=ratios, clip_ids=("d", "c", "b", "a", "t"), after_segments=after)
    write_predictions(tmp_path / "one.h5", made)
    read = read_predictions(tmp_path / "one.h5")
    assert read.after_segments.probabilities.tobytes() == more.tobytes()
    assert read.after_segments.num_segments.tolist() == [2, 2, 3, 1, 3]
    seconds = score_predictions(read, manifest).seconds
    assert seconds.seconds.tolist() == [0.5, 1.0, 1.5]
    assert seconds.correct.tolist() == [[True] * 3, [False, False, True], [True] * 3, [False] * 3]
    assert seconds.clips_running.tolist() == [4, 3, 1]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"num_segments": np.array([0, 3, 2, 2])}, "num_segments must have a number from 1 to N for each clip"),
        ({"num_segments": np.array([1, 4, 2, 2])}, "num_segments must have a number from 1 to N for each clip"),
        ({"num_segments": np.array([1, 3])}, "num_segments must have a number from 1 to N for each clip"),
        ({"probabilities": np.full((4, 3, 2), 0.5, np.float32)}, r"after_segments: the shape is \(4, 3, 2\)"),
        (
            {"probabilities": np.full((4, 3, 3), 0.5, np.float32)},
            "after_segments: the probabilities do not add up to 1",
        ),
        ({"segment_seconds": 0.0}, "segment_seconds is 0.0; it must be a time above 0"),
    ],
)
def test_damaged_predictions_after_each_segment_are_refused(tmp_path, predictions, fields, sentence):
    with pytest.raises(UserError, match=sentence):
        write_predictions(tmp_path / "one.h5", changed(predictions, after_segments=after_segments(**fields)))


def test_predictions_after_each_segment_without_their_time_are_refused(tmp_path, predictions):
    write_predictions(tmp_path / "one.h5", changed(predictions, after_segments=after_segments()))
    with h5py.File(tmp_path / "one.h5", "a") as file:
        del file.attrs["segment_seconds"]
    with pytest.raises(UserError, match="is not a predictions file: .*segment_seconds"):
        read_predictions(tmp_path / "one.h5")


def test_score_is_counted_by_hand(predictions, manifest):
    scores = score_predictions(predictions, manifest)
    assert scores.accuracy.tolist() == [0.25, 0.75]
    assert scores.top5.tolist() == [1.0, 1.0]
    assert scores.auc_mean == 0.5
    assert scores.clips == {"train": 1, "validation": 0, "test": 4}
    assert (scores.classes, scores.classes_tested) == (3, 2)
    assert scores.correct.tolist() == [[True, True], [False, True], [False, False], [False, True]]
    assert scores.labels.tolist() == [0, 1, 0, 1]
    assert scores.groups == ("g01",) * 4
    assert scores.calibration_error == pytest.approx([0.8 - 0.25, 0.8 - 0.75])
    assert scores.time_to_correct.tolist() == [0.5, 1.0, pytest.approx(np.nan, nan_ok=True), 1.0]
    assert scores.class_accuracy[:2].tolist() == [[0.5, 0.5], [0.0, 1.0]]
    assert np.isnan(scores.class_accuracy[2]).all()
    assert scores.decision is None  # no validation clips


# The probability of class 1 at four levels, the rest is class 0's. At 0.5 it is a tie, and class 0 is said.
COURSES = {
    "a": [0.125, 0.125, 0.125, 0.125],
    "b": [0.5, 0.75, 0.5, 0.5],
    "c": [0.5, 0.5, 0.5, 0.5],
    "d": [0.0, 1.0, 1.0, 1.0],
    "v": [0.5, 1.0, 1.0, 1.0],
    "w": [0.5, 1.0, 1.0, 1.0],
}


def with_validation(manifest, predictions, told=tuple(COURSES)):
    """Two validation clips of class 1, before and after the others in the manifest, and the courses of some clips."""
    clips = manifest.clips
    first, last = (
        clips.iloc[[0]].assign(clip_id=name, path=f"{name}.avi", label=1, class_name=CLASSES[1], split="validation")
        for name in ("v", "w")
    )
    ones = np.array([COURSES[clip] for clip in told], dtype=np.float32)  # (clips, N=4)
    probabilities = np.stack([1 - ones, ones, 0 * ones], axis=2)
    return (
        changed(predictions, probabilities=probabilities, clip_ids=told),
        Manifest(pd.concat([first, clips, last], ignore_index=True), CLASSES),
    )


def test_the_threshold_is_chosen_on_validation_clips_and_judged_on_test_clips(predictions, manifest):
    """Validation: 0.55 is the lowest that waits for the second level. Test: decided at 1, 2, 4, 1; only `d` wrong."""
    scores = score_predictions(*with_validation(manifest, predictions))
    assert scores.decision == Decision(threshold=0.55, accuracy=0.75, earliness=0.5)
    assert scores.clips == {"train": 1, "validation": 2, "test": 4}
    assert scores.correct[:, 0].tolist() == [True, False, True, False]  # of test clips alone


def test_test_labels_have_no_say_in_the_threshold(predictions, manifest):
    told, clips = with_validation(manifest, predictions)
    others = clips.clips.assign(label=clips.clips["label"].where(clips.clips["split"] != "test", 2))
    assert score_predictions(told, Manifest(others, CLASSES)).decision == Decision(
        threshold=0.55, accuracy=0.0, earliness=0.5
    )


def test_without_all_of_the_validation_clips_there_is_no_decision(predictions, manifest):
    assert score_predictions(*with_validation(manifest, predictions, told=(*LABELS, "v"))).decision is None
    assert score_predictions(*with_validation(manifest, predictions, told=tuple(LABELS))).decision is None


def test_order_and_further_clips_change_nothing(predictions, manifest):
    order = [2, 0, 3, 1, 1]
    probabilities = predictions.probabilities[order]
    ids = [predictions.clip_ids[i] for i in order[:-1]] + ["t"]  # the training clip is not looked at
    shuffled = changed(predictions, probabilities=probabilities, clip_ids=tuple(ids))
    assert (
        score_predictions(shuffled, manifest).accuracy.tolist()
        == score_predictions(predictions, manifest).accuracy.tolist()
    )
    assert (
        score_predictions(shuffled, manifest).correct.tolist()
        == score_predictions(predictions, manifest).correct.tolist()
    )


def test_missing_test_clips_are_counted_and_named(predictions, manifest):
    few = changed(predictions, probabilities=predictions.probabilities[:1], clip_ids=("d",))
    with pytest.raises(UserError, match=r"lack 3 of the 4 test clips: a, b, c;"):
        score_predictions(few, manifest)


def test_another_protocol_is_refused(predictions, manifest):
    with pytest.raises(UserError, match=r"for protocol ucf101-early-15-3-7, the manifest is .*-subset"):
        score_predictions(changed(predictions, protocol="ucf101-early-15-3-7"), manifest)


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [
        ((CLASSES[1], CLASSES[0], CLASSES[2]), "class 0 is 'Bowling' against 'Archery'"),
        ((*CLASSES, "YoYo"), "4 classes against 3"),
    ],
)
def test_another_class_order_is_refused(predictions, manifest, classes, sentence):
    with pytest.raises(UserError, match=sentence):
        score_predictions(changed(predictions, classes=classes), manifest)


def with_cell(value):
    def change(predictions):
        probabilities = predictions.probabilities.copy()
        probabilities[1, 1, 2] = value
        return changed(predictions, probabilities=probabilities)

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (with_cell(np.nan), r"not a finite number \(clip 'b', after segment 2 of 2\)"),
        (with_cell(-0.1), r"not in \[0, 1\] \(clip 'b'"),
        (with_cell(1.5), r"not in \[0, 1\]"),
        (with_cell(0.102), r"do not add up to 1 \(clip 'b'"),
        (lambda p: changed(p, clip_ids=("a", "b", "c", "b")), "clip id 'b' occurs twice"),
        (lambda p: changed(p, clip_ids=("a", "b")), r"must be \(2, N, 3\)"),
        (lambda p: changed(p, classes=CLASSES[:2]), r"must be \(4, N, 2\)"),
        (lambda p: changed(p, probabilities=p.probabilities[:, 0]), r"shape \(4, 3\)"),
        (lambda p: changed(p, probabilities=p.probabilities[:, :0]), r"shape \(4, 0, 3\)"),
        (lambda p: changed(p, probabilities=p.probabilities[:0], clip_ids=()), r"shape \(0, 2, 3\)"),
    ],
)
def test_malformed_predictions_are_not_written(tmp_path, predictions, change, sentence):
    with pytest.raises(UserError, match=sentence):
        write_predictions(tmp_path / "p.h5", change(predictions))
    assert list(tmp_path.iterdir()) == []


def test_sums_within_a_thousandth_pass(tmp_path, predictions):
    write_predictions(tmp_path / "p.h5", with_cell(0.1009)(predictions))


@pytest.mark.parametrize("value", [1 + 1e-7, -1e-7])
def test_what_rounding_took_out_of_range_is_put_back(tmp_path, predictions, value):
    """As 1.0000001, which shares of votes are that were divided by a sum in another order."""
    probabilities = predictions.probabilities.copy()
    probabilities[1, 1] = [value, 1 - value, 0]
    path = tmp_path / "p.h5"
    write_predictions(path, changed(predictions, probabilities=probabilities))
    read = read_predictions(path).probabilities
    assert read[1, 1].tolist() == [round(value), 1 - round(value), 0]
    assert (read >= 0).all() and (read <= 1).all()


def drop_dataset(file):
    del file["clip_id"]


def drop_attribute(file):
    del file.attrs["seed"]


def break_json(file):
    file.attrs["classes"] = "Archery, Bowling"


def wrong_kind(file):
    del file["clip_id"]
    file["clip_id"] = np.arange(4)


def logits(file):
    file["probabilities"][0] = 3.0


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (drop_dataset, "clip_id is missing"),
        (drop_attribute, "attribute seed is missing"),
        (break_json, "is not a predictions file"),
        (wrong_kind, "is not a predictions file"),
        (logits, "write softmax outputs, not logits"),
    ],
)
def test_malformed_file_gives_a_sentence(tmp_path, predictions, damage, sentence):
    path = tmp_path / "p.h5"
    write_predictions(path, predictions)
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(UserError, match=sentence):
        read_predictions(path)


def test_missing_and_foreign_files_give_a_sentence(tmp_path):
    with pytest.raises(UserError, match="there are no predictions at"):
        read_predictions(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("probabilities")
    with pytest.raises(UserError, match="is not a predictions file"):
        read_predictions(tmp_path / "text.h5")


def test_a_strangers_file_with_other_types_is_read(tmp_path, predictions):
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["probabilities"] = predictions.probabilities.astype(np.float64)
        file["clip_id"] = list(predictions.clip_ids)  # variable-length strings
        file.attrs.update(
            protocol=PROTOCOL, method="theirs", seed=0, classes='["Archery", "Bowling", "Épée"]', provenance="{}"
        )
    read = read_predictions(tmp_path / "p.h5")
    assert read.clip_ids == predictions.clip_ids
    assert read.probabilities.dtype == np.float32


def test_a_feature_cache_is_named(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["features"] = np.zeros((1, 10, 2), np.float32)
    with pytest.raises(UserError, match=r"is not a predictions file but a feature cache; give the \.h5 files in"):
        read_predictions(tmp_path / "f.h5")
