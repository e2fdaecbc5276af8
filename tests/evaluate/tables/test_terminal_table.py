"""The short tables of the terminal: what they have, and that they fit 80 columns."""

import re

import numpy as np
import pytest

from common.errors import UserError
from evaluate.pipeline.results import published_of_methods
from evaluate.scoring.scores import Scores
from evaluate.tables.suite_table import Line, Section
from evaluate.tables.terminal_table import short_results, short_suite
from manifests.published import Published, published_rows

PROTOCOL = "ucf101-early-15-3-7"


def scored(method: str = "GRU", seeds: int = 2, segments: int = 10, **provenance: object) -> list[Scores]:
    """Accuracy 50, 52, … % and 52, 54, … %."""
    by_clip = (np.zeros(1, dtype=np.int64), ("g",), np.zeros((1, segments), dtype=np.bool_))
    curves = [0.5 + 0.02 * (np.arange(segments) + seed) for seed in range(seeds)]
    clips = {"train": 8056, "validation": 1582, "test": 3682}
    return [
        Scores(method, PROTOCOL, seed, curve, curve, clips, 101, 101, provenance, *by_clip, 0 * curve, None)
        for seed, curve in enumerate(curves)
    ]


def published(auc: float | None = 91.7, kind: str = "mean-of-ten") -> Published:
    return Published("GRU", PROTOCOL, "all", {20: 90.1}, auc, kind, "TSM", "Tran et al.", "verified")  # type: ignore[arg-type]


TABLE = """\
ucf101-early-15-3-7: 101 classes; 8056 train, 1582 validation, 3682 test clips;
2 seeds; random weights.

Method          20 %   50 %  100 %    AUC      ± published
GRU             53.0   59.0   69.0   60.0    1.4      91.7
With | KD_100   53.0   59.0   69.0   60.0    1.4         –

Accuracy in % by observation ratio; AUC: mean over the 10 ratios; ±: standard
deviation of the AUC over seeds; published: its AUC.
"""


def test_the_table_of_a_recipe() -> None:
    scores = {name: scored(name, random_weights=True) for name in ("GRU", "With | KD_100")}
    assert short_results(scores, {"GRU": published()}) == TABLE


def test_columns_that_would_be_empty_are_left_out() -> None:
    text = short_results({"GRU": scored(seeds=1)}, {})
    assert re.search(r"^Method +20 % +50 % +100 % +AUC$", text, re.MULTILINE)
    assert "±" not in text
    assert "published" not in text


@pytest.mark.parametrize(
    ("segments", "heads"),
    [(10, "20 % 50 % 100 %"), (5, "20 % 60 % 100 %"), (3, "33.3 % 66.7 % 100 %"), (2, "50 % 100 %"), (1, "100 %")],
)
def test_other_numbers_of_segments_have_the_nearest_ratios(segments: int, heads: str) -> None:
    text = short_results({"GRU": scored(segments=segments)}, {})
    assert f"Method {heads} AUC ±" in re.sub(" +", " ", text)


def test_nothing_is_wider_than_a_terminal() -> None:
    names = [f"Cumulative mean + linear on features number {n} of many, early fusion" for n in range(15)]
    about = {"backbone": [f"stream{n}: a_network_of_some_name" for n in range(9)], "synthetic_data": True}
    scores = {name: scored(name, 3, **about) for name in names}
    text = short_results(scores, {name: published(90.1, "area-from-zero") for name in names})
    lines = [Line("row", name, published(), runs, f"not comparable: {40 * 'word '}") for name, runs in scores.items()]
    text += short_suite(30 * "title ", [Section("base", PROTOCOL, "10%", "; ".join(names), tuple(lines))])
    assert max(map(len, text.splitlines())) <= 80
    assert "Cumulative mean +…ny, early fusion" in text  # 34 characters; the last part says which features


def test_an_area_by_another_definition_and_other_clips_are_marked() -> None:
    text = short_results({"GRU": scored()}, {"GRU": published(43.1, "not-stated")})
    assert re.search(r"^GRU .* 60.0 +1.4 +43.1 †$", text, re.MULTILINE)
    assert "† area by another definition" in text
    lines = (
        Line("a", "GRU", published(), scored(), "not comparable: 3 classes"),
        Line("b", "KNN", published(None), None, "not run: give --videos"),
        Line("c", "LSTM", published(), scored("LSTM"), ""),
    )
    text = short_suite("Table 1", [Section("base", PROTOCOL, "all", "101 classes", lines)])
    assert text.startswith(f"Table 1\n\nbase: {PROTOCOL}, all of the training labels\n101 classes.\n\nMethod ")
    assert re.search(r"^GRU .* 91.7 \*$", text, re.MULTILINE)
    assert re.search(r"^KNN  ( +–){6}$", text, re.MULTILINE)
    assert re.search(r"^LSTM .* 91.7$", text, re.MULTILINE)
    assert "* not comparable: 3 classes.\n* not run: give --videos.\n" in text
    assert "†" not in text


def test_scores_that_are_not_comparable_are_refused() -> None:
    with pytest.raises(UserError, match="number of segments"):
        short_results({"GRU": scored(), "KNN": scored("KNN", segments=5)}, {})


def test_methods_find_their_published_rows() -> None:
    rows = published_rows(PROTOCOL)
    names = ["With distillation", "Without distillation, rgb", "KNN", "somebody's own"]
    found = {name: row.method for name, row in published_of_methods(rows, names).items()}
    assert found == {
        "With distillation": "GRU with distillation",
        "Without distillation, rgb": "GRU without distillation",
    }
    assert published_of_methods([], names) == {}
