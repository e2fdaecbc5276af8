"""The figure's files: what they show, and that the numbers alone decide their bytes."""

import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.image import imread

from common.errors import UserError
from evaluate.report.curve_figure import draw_figure
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
    assert "TS-LSTM, Wang et al., CVPR 2019 (unverified)" in found
    assert "GRU with distillation, Tran et al., ICIP 2021" in found
    assert "best any method can reach" in found
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


def test_eight_curves_are_told_apart_and_those_on_the_same_features_belong_together(tmp_path, monkeypatch):
    drawn = {}
    plot = Axes.plot

    def spy(axes, *values, **look):
        drawn[look["label"].partition(" (")[0]] = look
        return plot(axes, *values, **look)

    monkeypatch.setattr(Axes, "plot", spy)
    png, _ = draw_figure(EIGHT, [], tmp_path / "f")
    assert list(drawn) == list(EIGHT)
    assert len({look["color"] for look in drawn.values()}) == len(KINDS)
    for kind in KINDS:
        without, with_ = (drawn[f"{variant} distillation, {kind}"] for variant in ("Without", "With"))
        assert (without["color"], without["marker"]) == (with_["color"], with_["marker"])
        assert (without["linestyle"], without["markerfacecolor"]) == (":", "white")
        assert "linestyle" not in with_
    widths = [look["linewidth"] for look in drawn.values()]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == 8
    assert 2 <= min(widths) < max(widths) < 4
    width, height = struct.unpack(">II", png.read_bytes()[16:24])
    assert (width, height < 1300) == (1400, True)


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
