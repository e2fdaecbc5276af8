"""The figure's files: what they show, and that the numbers alone decide their bytes."""

import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from common.errors import UserError
from evaluate.report.curve_figure import Highlight, draw_figure
from evaluate.scoring.scores import Scores
from manifests.published import published_rows, read_published

PROTOCOL = "ucf101-early-15-3-7"


def run(seed=0, protocol=PROTOCOL, **provenance):
    accuracy = 0.8 + 0.01 * np.arange(10) + 0.003 * seed
    by_clip = (np.zeros(1, dtype=np.int64), ("g",), np.zeros((1, 10), dtype=np.bool_))
    clips = {"train": 6, "test": 4}
    return Scores("GRU", protocol, seed, accuracy, accuracy, clips, 101, 10, provenance, *by_clip, 0 * accuracy, None)


def texts(svg: Path):
    """Every piece of text that a reader of the SVG sees."""
    return ["".join(node.itertext()) for node in ET.parse(svg).iter("{http://www.w3.org/2000/svg}text")]


def dashed(svg: Path):
    """How many lines are dashed, the legend's samples included: two a published curve."""
    return svg.read_text(encoding="utf-8").count("stroke-dasharray")


def test_files_hold_methods_published_curves_and_bound(tmp_path):
    scores = {"GRU <α>": [run(0), run(1)], "KNN": [run(0, synthetic_data=True)]}
    best = ("best any method can reach", np.full(10, 0.97))
    png, svg = draw_figure(scores, published_rows(PROTOCOL), tmp_path / "sub" / "curve.v1", best=best)
    assert (png.name, svg.name) == ("curve.v1.png", "curve.v1.svg")
    assert sorted(path.name for path in png.parent.iterdir()) == ["curve.v1.png", "curve.v1.svg"]
    head = png.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:])
    assert width == 1400
    assert 800 < height < 1400
    found = texts(svg)
    assert "GRU <α> (AUC 84.7 ± 0.2)" in found
    assert "KNN (AUC 84.5)" in found
    assert found[-6:] == [
        "KNN (AUC 84.5)",
        "Published:",
        "GRU with distillation, Tran et al., ICIP 2021 (AUC 92.0)",
        "GRU without distillation, Tran et al., ICIP 2021 (AUC 91.7)",
        "TS-LSTM, Wang et al., CVPR 2019 (unverified) (AUC 89.6)",
        "best any method can reach",
    ]
    assert PROTOCOL in found
    assert any("10 of 101 classes" in text and "synthetic data in KNN" in text for text in found)
    assert not any("teacher-student" in text for text in found)  # its curve is not known, only its area
    assert dashed(svg) == 2 * 3


def test_a_published_curve_of_another_protocol_is_never_drawn(tmp_path):
    for protocol in (f"{PROTOCOL}-subset", "not-stated-here"):
        svg = draw_figure({"GRU": [run(protocol=protocol)]}, read_published(), tmp_path / protocol)[1]
        assert dashed(svg) == 0
        assert not any(" et al." in text for text in texts(svg))


def test_a_band_needs_two_seeds(tmp_path):
    one = draw_figure({"GRU": [run(0)]}, [], tmp_path / "one")[1].read_text(encoding="utf-8")
    two = draw_figure({"GRU": [run(0), run(1)]}, [], tmp_path / "two")[1].read_text(encoding="utf-8")
    assert "FillBetween" not in one
    assert "FillBetween" in two


def test_twice_gives_the_same_bytes_whatever_the_users_style(tmp_path):
    scores = {"GRU": [run(0), run(1)]}
    first = draw_figure(scores, published_rows(PROTOCOL), tmp_path / "first")
    with matplotlib.rc_context({"axes.facecolor": "black", "font.family": "monospace", "svg.hashsalt": None}):
        second = draw_figure(scores, published_rows(PROTOCOL), tmp_path / "second")
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_no_path_no_date_no_program_in_the_files(tmp_path):
    png, svg = draw_figure({"GRU": [run()]}, [], tmp_path / "figure")
    for content in (png.read_bytes(), svg.read_bytes()):
        assert str(tmp_path).encode() not in content
        assert str(Path.home()).encode() not in content
        assert b"Matplotlib v" not in content
        assert b"<dc:date>" not in content
        assert b"Software" not in content


def nothing_is_cut_off(png: Path) -> bool:
    picture = imread(png)[:, :, :3]
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    return bool((edge == 1).all() and (picture < 0.5).any())


@pytest.mark.parametrize("best", [None, ("bound", np.ones(10))])
def test_everything_drawn_is_inside_the_picture(tmp_path, best):
    """Long names go into one column of the legend: no ink touches the edge."""
    names = [
        "distilled from a teacher that has seen the whole video, seed average",
        "a second name as long as the first",
    ]
    png, _ = draw_figure(
        {name: [run(0), run(1)] for name in names}, published_rows(PROTOCOL), tmp_path / "f", best=best
    )
    assert nothing_is_cut_off(png)


KINDS = ("rgb", "skeleton", "early fusion", "late fusion")
EIGHT = {f"{variant} distillation, {kind}": [run(0), run(1)] for kind in KINDS for variant in ("Without", "With")}


@pytest.fixture
def drawn(monkeypatch):
    """What the legend has: label → line, in its order."""
    lines = {}
    legend = Figure.legend

    def spy(figure, *, handles, **about):
        lines.update({line.get_label().partition(" (")[0]: line for line in handles})
        return legend(figure, handles=handles, **about)

    monkeypatch.setattr(Figure, "legend", spy)
    return lines


def style(line):
    return line.get_color(), line.get_marker(), str(line.get_linestyle()) + str(line._unscaled_dash_pattern)


def test_eight_curves_are_told_apart_and_those_on_the_same_features_belong_together(tmp_path, drawn):
    png, _ = draw_figure(EIGHT, [], tmp_path / "f", highlight=Highlight("With distillation", "Without distillation"))
    assert set(drawn) == set(EIGHT)
    assert len({line.get_color() for line in drawn.values()}) == len(KINDS)
    for kind in KINDS:
        without, with_ = (drawn[f"{variant} distillation, {kind}"] for variant in ("Without", "With"))
        assert style(without)[:2] == style(with_)[:2]
        assert (without.get_linestyle(), without.get_markerfacecolor()) == (":", "white")
        assert (with_.get_linestyle(), with_.get_markerfacecolor()) == ("-", with_.get_color())
    widths = [line.get_linewidth() for line in drawn.values()]
    strong = [width for width in widths if width >= 2]
    assert len(set(strong)) == len(strong) == 6  # a line below another one is still seen
    assert max(strong) < 4
    assert [drawn[f"With distillation, {kind}"].get_linewidth() >= 2 for kind in KINDS] == [True] * 4
    width, height = struct.unpack(">II", png.read_bytes()[16:24])
    assert (width, height < 1300) == (1400, True)


def test_fifteen_curves_have_styles_of_their_own_six_are_strong_and_the_legend_is_ordered(tmp_path, drawn):
    names = ["With distillation", "Without distillation", "Teacher", *(f"method {n}" for n in range(12))]
    about = {"Teacher": {"sees_future": True}}
    scores = {
        name: [run(-3 * n, **about.get(name, {})), run(-3 * n - 1, **about.get(name, {}))]
        for n, name in enumerate(reversed(names))
    }
    chosen = Highlight("With distillation", "Without distillation")
    png, _ = draw_figure(scores, published_rows(PROTOCOL), tmp_path / "f", highlight=chosen)
    ours, theirs = list(drawn)[:15], list(drawn)[16:]
    assert ours == list(reversed(names))  # by AUC
    assert len({style(drawn[name]) for name in ours}) == 15
    strong = {name for name in ours if drawn[name].get_linewidth() >= 2}
    assert strong == {*names[:3], "method 11", "method 10", "method 9"}
    assert all((drawn[name].get_alpha() == 1) == (name in strong) for name in ours)
    assert len({drawn[name].get_color() for name in strong}) == 6
    for name in theirs:
        red, green, blue = to_rgb(drawn[name].get_color())
        assert red == green == blue
        assert drawn[name].get_markerfacecolor() == "white"
        assert drawn[name].is_dashed()
    assert len({style(drawn[name]) for name in theirs}) == len(theirs) == 3
    assert nothing_is_cut_off(png)


def test_a_note_longer_than_a_line_is_broken_between_words(tmp_path):
    long = {"a backbone of": [run(backbone=[f"stream{number}: a_network_of_some_name" for number in range(9)])]}
    png, svg = draw_figure(long, [], tmp_path / "f")
    assert nothing_is_cut_off(png)
    words = " ".join(texts(svg))
    assert all(f"stream{number}: a_network_of_some_name" in words for number in range(9))


def test_scores_of_two_protocols_are_refused(tmp_path):
    with pytest.raises(UserError, match="differ in protocol"):
        draw_figure({"GRU": [run(), run(1, protocol="other")]}, [], tmp_path / "figure")
    assert list(tmp_path.iterdir()) == []
