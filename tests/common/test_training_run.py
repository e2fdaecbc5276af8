"""What all trainings write: curves, states on a timer, completion records."""

import csv
from pathlib import Path

import pytest

from common.errors import UserError
from common.training_run import Curves, StateSaver, read_completion, versions, write_completion, write_metrics

ROWS = [{"epoch": 1, "loss": 0.1, "rate": 1e-05}, {"epoch": 2, "loss": 1 / 3, "rate": 0.0001}]


def test_curves_have_all_digits_and_each_epoch_once(tmp_path: Path) -> None:
    write_metrics(tmp_path / "metrics.csv", ROWS)
    text = (tmp_path / "metrics.csv").read_text()
    assert text == f"epoch,loss,rate\n1,0.1,1e-05\n2,{1 / 3!r},0.0001\n"
    with (tmp_path / "metrics.csv").open(newline="") as file:
        assert [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)] == ROWS


def test_tensorboard_has_the_epochs_of_a_resumed_training_once(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Curves(tmp_path, 0) as curves:
        curves.add(ROWS[:1])
        curves.add([ROWS[0], {**ROWS[1], "loss": 9.0}])  # after the last state: trained again
    with Curves(tmp_path, 1) as curves:
        curves.add(ROWS)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(point.step, point.value) for point in events.Scalars("loss")] == [
        (1, pytest.approx(0.1)),
        (2, pytest.approx(1 / 3)),
    ]
    assert "epoch" not in events.Tags()["scalars"]


def test_states_are_saved_when_it_is_time() -> None:
    saved: list[int] = []
    with StateSaver[int](saved.append, 0.0) as always, StateSaver[int](saved.append, 1e9) as never:
        for state in (1, 2):
            always.add(state)
            never.add(-state)
    assert saved == [1, 2]


@pytest.mark.parametrize(("when_interrupted", "expected"), [(True, [2]), (False, [])])
def test_an_interrupted_training_may_save_its_last_state(when_interrupted: bool, expected: list[int]) -> None:
    saved: list[int] = []
    with (
        pytest.raises(KeyboardInterrupt),
        StateSaver[int](saved.append, 1e9, when_interrupted=when_interrupted) as saver,
    ):
        saver.add(1)
        saver.add(2)
        raise KeyboardInterrupt
    assert saved == expected


def test_a_completion_record_is_of_its_weights(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no finished run; run its training again"):
        read_completion(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"weights")
    write_completion(tmp_path, {"epochs": 3})
    assert read_completion(tmp_path)["epochs"] == 3
    (tmp_path / "weights.safetensors").write_bytes(b"others")
    with pytest.raises(UserError, match="is not the file that the training wrote"):
        read_completion(tmp_path)


def test_versions_decide_whether_an_unfinished_training_resumes() -> None:
    assert versions("cpu").keys() == {"early-recognition", "torch", "device"}
