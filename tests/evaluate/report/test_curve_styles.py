"""The rules by which curves are told apart."""

import numpy as np
import pytest

from evaluate.report.curve_styles import STRONG, curve_styles, own_label, published_label, with_two_points
from evaluate.scoring.scores import Scores
from manifests.published import Published


def runs(method: str, auc: float, **provenance: object) -> list[Scores]:
    by_clip = (np.zeros(1, dtype=np.int64), ("g",), np.zeros((1, 2), dtype=np.bool_))
    curve = np.full(2, auc)
    return [Scores(method, "own", 0, curve, curve, {"test": 1}, 2, 2, provenance, *by_clip, 0 * curve, None)]


@pytest.mark.parametrize(
    "names",
    [
        [f"method {n}" for n in range(30)],
        [f"method {n}, {stream}" for n in range(15) for stream in ("rgb", "skeleton")],
        [f"{variant}, stream {n}" for n in range(10) for variant in ("A", "B", "C")],
    ],
    ids=["one stream", "many methods on two streams", "few methods on many streams"],
)
def test_thirty_curves_have_styles_of_their_own_and_six_are_strong(names: list[str]) -> None:
    scores = {name: runs(name, 0.9 - 0.01 * index) for index, name in enumerate(names)}
    styles = curve_styles(scores, names[-1], names[-2])
    looks = {(style.colour, style.marker, style.dash) for style in styles.values()}
    assert len(looks) == 30
    assert list(styles) == names  # by AUC
    strong = {name for name, style in styles.items() if style.strong}
    assert len(strong) == STRONG
    assert {names[-1], names[-2], names[0], names[1]} <= strong
    assert len({styles[name].colour for name in strong}) > 1


def test_the_method_and_its_baseline_have_the_same_style_beside_any_other() -> None:
    alone = curve_styles({"ours": runs("ours", 0.5), "base": runs("base", 0.4)}, "ours", "base")
    others = {f"method {n}": runs(f"method {n}", 0.9) for n in range(10)}
    many = curve_styles({**others, "base": runs("base", 0.4), "ours": runs("ours", 0.5)}, "ours", "base")
    assert [many[name] for name in ("ours", "base")] == [alone[name] for name in ("ours", "base")]


def test_a_teacher_is_strong_whatever_its_auc() -> None:
    scores = {f"method {n}": runs(f"method {n}", 0.9) for n in range(10)}
    scores["Teacher"] = runs("Teacher", 0.1, sees_future=True)
    assert curve_styles(scores)["Teacher"].strong


def published(auc: float | None, kind: str, points: int = 2) -> Published:
    accuracy = {20 * n: 50.0 for n in range(1, points + 1)}
    return Published("GRU", "own", "all", accuracy, auc, kind, "TSM", "Tran et al.; Table 1", "secondary")  # type: ignore[arg-type]


def test_published_curves_are_ordered_by_auc_and_other_definitions_come_last() -> None:
    rows = [published(90, "area-from-zero"), published(70, "mean-of-ten"), published(80, "mean-of-ten")]
    assert [row.auc for row in with_two_points([*rows, published(99, "mean-of-ten", points=1)])] == [80, 70, 90]
    assert published_label(rows[0]) == "GRU, Tran et al. (secondary) (AUC 90.0 †)"
    assert published_label(rows[1]) == "GRU, Tran et al. (secondary) (AUC 70.0)"
    assert published_label(published(None, "not-stated")) == "GRU, Tran et al. (secondary)"
    assert own_label("ours", runs("ours", 0.5)) == "ours (AUC 50.0)"
