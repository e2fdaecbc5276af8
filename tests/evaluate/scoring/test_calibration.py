"""Calibration against a loop over clips and bins, and where it is known without one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.scoring.calibration import expected_calibration_error, reliability


def sure(confidences, right):
    """Two classes, one ratio, label 0: clips with these confidences of the class they say, which is right or wrong."""
    confidence = np.array(confidences, dtype=np.float64)
    own = np.where(right, confidence, 1 - confidence)
    return np.stack([own, 1 - own], axis=1)[:, None], np.zeros(len(confidence), dtype=np.int64)  # (clips, 1, 2)


def test_bins_counted_by_hand():
    found = reliability(*sure([0.6, 0.7, 0.9, 1.0], [True, False, True, True]), bins=4)
    assert found.count.tolist() == [[0, 0, 2, 2]]
    assert found.confidence[0, 2:] == pytest.approx([0.65, 0.95])
    assert found.accuracy[0, 2:] == pytest.approx([0.5, 1.0])
    assert np.isnan(found.confidence[0, :2]).all()
    assert np.isnan(found.accuracy[0, :2]).all()


def test_a_bin_holds_its_lower_end_and_the_last_one_holds_one():
    found = reliability(*sure([0.5, 0.74999, 0.75, 1.0], [True] * 4), bins=4)
    assert found.count.tolist() == [[0, 0, 2, 2]]


def test_error_worked_by_hand():
    error = expected_calibration_error(*sure([0.6, 0.7, 0.9, 1.0], [True, False, True, True]), bins=4)
    assert error == pytest.approx([(2 * 0.15 + 2 * 0.05) / 4])


def test_a_model_that_means_what_it_says_has_no_error():
    """Three of four clips that say 75 % are right, and every clip that says 100 %."""
    error = expected_calibration_error(*sure([0.75] * 4 + [1.0] * 3, [True] * 3 + [False] + [True] * 3))
    assert error == pytest.approx([0], abs=1e-15)


def test_sure_and_always_wrong_is_the_whole_error():
    assert expected_calibration_error(*sure([1.0, 1.0], [False, False])).tolist() == [1.0]


def test_gaps_in_two_bins_do_not_cancel():
    """Right with 0.6, wrong with 0.9: the means would be 0.5 against 0.75, the bins are 0.4 and 0.9 off."""
    assert expected_calibration_error(*sure([0.6, 0.9], [True, False])) == pytest.approx([0.65])
    assert expected_calibration_error(*sure([0.6, 0.9], [True, False]), bins=1) == pytest.approx([0.25])


@settings(deadline=None, max_examples=80)
@given(st.data(), st.integers(1, 20))
def test_it_is_the_plain_loop(cases, data, bins):
    probabilities, labels = data.draw(cases)
    found = reliability(probabilities, labels, bins)
    for n in range(probabilities.shape[1]):
        error = 0.0
        for b in range(bins):
            inside = [
                (float(row.max()), int(row.argmax()) == label)
                for row, label in zip(probabilities[:, n], labels, strict=True)
                if b == min(int(float(row.max()) * bins), bins - 1)
            ]
            assert found.count[n, b] == len(inside)
            if inside:
                confidence, accuracy = np.mean([c for c, _ in inside]), np.mean([r for _, r in inside])
                assert found.confidence[n, b] == pytest.approx(confidence)
                assert found.accuracy[n, b] == pytest.approx(accuracy)
                error += len(inside) / len(labels) * abs(confidence - accuracy)
        assert expected_calibration_error(probabilities, labels, bins)[n] == pytest.approx(error, abs=1e-12)
