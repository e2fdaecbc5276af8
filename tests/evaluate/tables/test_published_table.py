"""Golden tables, and what must never stand in one."""

import csv
import io
import re

import numpy as np
import pytest

from common.errors import UserError
from evaluate.scoring.scores import Scores
from evaluate.tables.published_table import make_table, render_csv, render_latex, render_markdown
from manifests.published import Published, read_published

PROTOCOL = "ucf101-early-15-3-7"


def run(method="GRU", seed=0, shift=0.0, protocol=PROTOCOL, segments=10, **provenance):
    """Accuracy 50, 52, … 68 % (+ shift) over ten ratios: mean 59."""
    accuracy = 0.5 + 0.02 * np.arange(segments) + shift
    provenance = {"backbone": "tsm-resnet50"} | provenance
    clips = {"train": 8056, "validation": 1582, "test": 3682}
    by_clip = (np.zeros(1, dtype=np.int64), ("g",), np.zeros((1, segments), dtype=np.bool_))
    return Scores(
        method, protocol, seed, accuracy, accuracy + 0.2, clips, 101, 101, provenance, *by_clip, 0 * accuracy, None
    )


def published(method="TS_LSTM*", protocol=PROTOCOL, kind="mean-of-ten", auc=89.64):
    accuracy = {20: 87.13, 60: 91.04, 100: 91.47}
    return Published(method, protocol, "all", accuracy, auc, kind, "RGB", "Wang & Hu, 2019; Table 1", "unverified")


MARKDOWN = """\
ucf101-early-15-3-7: 101 classes; 8056 train, 1582 validation, 3682 test clips; 2 seeds; backbone tsm-resnet50. \
Accuracy (%) by observation ratio; AUC is the mean over the 10 ratios; ± is the sample standard deviation over seeds.

| Method | 20% | 40% | 60% | 80% | 100% | AUC | Source |
|:-|-:|-:|-:|-:|-:|-:|:-|
| TS\\_LSTM\\* | 87.1 | – | 91.0 | – | 91.5 | 89.6 | published, unverified: Wang & Hu, 2019; Table 1 |
| GRU \\| KD | 53.0 ± 1.4 | 57.0 ± 1.4 | 61.0 ± 1.4 | 65.0 ± 1.4 | 69.0 ± 1.4 | 60.0 ± 1.4 | this run, 2 seeds |
"""

LATEX = r"""\begin{table}
\caption{ucf101-early-15-3-7: 101 classes; 8056 train, 1582 validation, 3682 test clips; 1 seed; backbone tsm-resnet50. Accuracy (\%) by observation ratio; AUC is the mean over the 10 ratios. \textdagger{} area by another definition, or by one not stated: not comparable with the mean over the ratios.}
\begin{tabular}{lrrrrrrl}
\toprule
Method & 20\% & 40\% & 60\% & 80\% & 100\% & AUC & Source \\
\midrule
TS\_LSTM* & 87.1 & -- & 91.0 & -- & 91.5 & 43.1 \textdagger{} & published, unverified: Wang \& Hu, 2019; Table 1 \\
\midrule
GRU & 52.0 & 56.0 & 60.0 & 64.0 & 68.0 & 59.0 & this run, 1 seed \\
\bottomrule
\end{tabular}
\end{table}
"""  # noqa: E501


def without_padding(markdown):
    return re.sub(" +", " ", re.sub("-+([:|])", r"-\1", markdown))


def test_markdown():
    scores = {"GRU | KD": [run(seed=0), run(seed=1, shift=0.02)]}
    assert without_padding(render_markdown(make_table(scores, [published()]))) == MARKDOWN


def test_latex():
    assert render_latex(make_table({"GRU": [run()]}, [published(auc=43.1, kind="area-from-zero")])) == LATEX


def test_latex_escapes_every_special_character():
    text = render_latex(make_table({r"a&b%c$d#e_f{g}~^\h ±": [run()]}))
    escaped = r"a\&b\%c\$d\#e\_f\{g\}\textasciitilde{}\textasciicircum{}\textbackslash{}h $\pm$"
    assert escaped in text
    assert text.count(r"\midrule") == 1  # nothing published, nothing to part


def test_csv_has_every_ratio_both_areas_and_top5():
    scores = {"GRU": [run(seed=0), run(seed=1, shift=0.02)]}
    text = render_csv(make_table(scores, [published(), published("old", kind="not-stated", auc=43.1)]))
    theirs, old, ours = csv.DictReader(io.StringIO(text))
    assert (ours["method"], ours["protocol"], ours["seeds"], ours["source"]) == (
        "GRU", PROTOCOL, "2", "this run, 2 seeds"
    )  # fmt: skip
    for n, ratio in enumerate(range(10, 101, 10)):
        assert float(ours[f"accuracy_{ratio}"]) == pytest.approx(51 + 2 * n)
        assert float(ours[f"accuracy_{ratio}_std"]) == pytest.approx(2**0.5, abs=1e-4)
        assert float(ours[f"top5_{ratio}"]) == pytest.approx(71 + 2 * n)
    assert (ours["auc_mean"], ours["auc_trapezoid"], ours["auc_other"]) == ("60", "60", "")
    assert (theirs["accuracy_20"], theirs["accuracy_20_std"], theirs["accuracy_10"]) == ("87.13", "", "")
    assert (theirs["auc_mean"], theirs["auc_other"], theirs["seeds"]) == ("89.64", "", "")
    assert (old["auc_mean"], old["auc_other"]) == ("", "43.1")


def test_one_seed_has_no_deviation():
    table = make_table({"GRU": [run()]})
    assert "±" not in render_markdown(table)
    (row,) = csv.DictReader(io.StringIO(render_csv(table)))
    assert row["accuracy_10_std"] == row["auc_mean_std"] == ""


def test_the_two_areas_are_different_columns():
    bent = run()
    bent.accuracy[0] = 0.0
    (row,) = csv.DictReader(io.StringIO(render_csv(make_table({"GRU": [bent]}))))
    assert float(row["auc_mean"]) == pytest.approx(54)
    assert float(row["auc_trapezoid"]) == pytest.approx((590 - 50 - 68 / 2) / 9, abs=1e-3)


@pytest.mark.parametrize("protocol", [f"{PROTOCOL}-subset", "not-stated", "ntu60-xsub"])
def test_a_published_row_of_another_protocol_never_appears(protocol):
    rows = [row for row in read_published() if row.protocol != "ntu60-xsub"]
    table = make_table({"GRU": [run(protocol="ntu60-xsub")]}, [*rows, published(protocol=PROTOCOL)])
    assert list(table.frame["method"]) == ["GRU"]
    table = make_table({"GRU": [run()]}, [published("stranger", protocol=protocol), published("known")])
    assert list(table.frame["method"]) == ["known", "GRU"]
    assert "stranger" not in render_markdown(table) + render_csv(table) + render_latex(table)


def test_caption_says_what_is_random_synthetic_partial_or_few():
    half = {"random_weights": True, "synthetic_data": True, "labels": "10%"}
    every = make_table({"GRU": [run(**half)], "KNN": [run(**half)]}).caption
    assert "; 10% of the training labels; random weights; synthetic data." in every
    some = make_table({"GRU": [run(**half), run(seed=1)], "KNN": [run()]}).caption
    assert "; 1 to 2 seeds; " in some
    assert "random weights in GRU; synthetic data in GRU." in some
    assert "random" not in make_table({"GRU": [run(random_weights=False)]}).caption


def test_caption_names_each_backbone_once_and_the_stream_that_is_random():
    rgb, skeleton = "rgb: tsm (random)", "skeleton: va_cnn (own)"
    scores = {
        f"{variant}, {kind}": [run(backbone=backbones, random_weights=rgb in backbones)]
        for kind, backbones in {"skeleton": [skeleton], "rgb": [rgb], "early fusion": [rgb, skeleton]}.items()
        for variant in ("Without", "With")
    }
    caption = make_table(scores).caption
    assert f"; backbone {rgb}, {skeleton}; random weights in rgb, early fusion. " in caption
    scores["Without, skeleton"] = [run(random_weights=True)]  # one of two on the same features: by its whole name
    assert "random weights in Without, skeleton, Without, rgb, With, rgb, Without, early" in make_table(scores).caption


def test_other_numbers_of_segments_print_their_own_ratios():
    header = without_padding(render_markdown(make_table({"GRU": [run(segments=3)]}))).splitlines()[2]
    assert header == "| Method | 33.3% | 66.7% | 100% | AUC | Source |"
    header = without_padding(render_markdown(make_table({"GRU": [run(segments=5)]}))).splitlines()[2]
    assert header == "| Method | 20% | 40% | 60% | 80% | 100% | AUC | Source |"


@pytest.mark.parametrize(
    ("scores", "sentence"),
    [
        ({}, "there are no scores"),
        ({"GRU": [run()], "KNN": []}, "there are no scores"),
        ({"GRU": [run(), run(protocol="other", seed=1)]}, "differ in protocol"),
        ({"GRU": [run()], "KNN": [run(segments=5)]}, "number of segments"),
        ({"GRU": [run(seed=3), run(seed=3)]}, r"a seed occurs twice among \[3, 3\]"),
    ],
)
def test_what_cannot_stand_in_one_table_is_refused(scores, sentence):
    with pytest.raises(UserError, match=sentence):
        make_table(scores)
