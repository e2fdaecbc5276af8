"""The page: all sections, everything escaped, nothing fetched, the same bytes again; what is missing is a sentence."""

import base64
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import h5py
import pytest
from typer.testing import CliRunner

import evaluate.commands.app
from common.errors import UserError
from evaluate.report.page import write_report
from manifests.manifest import Manifest, read_manifest, write_manifest

MakeRun = Callable[..., Path]


class Page(HTMLParser):
    """A page's tags, attributes and text, as a browser understands them."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def report(*folders: Path, **about: object) -> Page:
    out = folders[0] / "pages" / "page.html"
    write_report(folders, out, **about)  # type: ignore[arg-type]
    return Page(out)


def test_all_sections_stand_in_their_order_with_what_belongs_into_them(drawn_run: Path) -> None:
    page = report(drawn_run)
    text = page.text
    places = [
        text.index(words)
        for words in (
            "Early recognition: own-protocol",
            "4 classes",
            "random weights",
            "± is the sample standard deviation over seeds",
            "this run, 2 seeds",
            "Paired comparison",
            "95 % over seeds",
            "10,000 bootstrap resamples",
            "Over seeds: paired t interval",
            "Beyond accuracy",
            "The legend is ordered by AUC. Bands are ± one standard deviation over seeds.",
            "for each class while at most half of a clip is seen",
            "Does a method’s confidence equal its accuracy?",
            "Each row is a true class",
            "chosen by rules, not by hand",
            "Typical",
            "Recipe and provenance",
            '"backbone": "drawn <b>"',
            "c0ffee",
            "torch 0.0-drawn, device abacus",
        )
    ]
    assert places == sorted(places)
    assert page.count("figure") == 1 + 4 + 3
    assert page.count("article") == sum(tag == "svg" and own.get("class") == "chart" for tag, own in page.tags) - 5
    assert page.count("table") == 4
    assert page.count("script") == 0


def test_the_licence_of_weights_stands_beside_the_backbone(make_run: MakeRun) -> None:
    def caches(**settings: object) -> dict[str, object]:
        return {"caches": {"rgb": {"content_sha256": "1", "settings": {"backbone": "x3d:m", **settings}}}}

    named = make_run(provenance=caches(weights="X3D_M.pyth", licence="Apache-2.0 <PyTorchVideo>"))
    assert report(named).text.count("licence of the weights X3D_M.pyth of x3d:m: Apache-2.0 <PyTorchVideo>") == 1
    for other in ({"weights": "old.pth"}, {"weights": "random", "licence": "none: the weights are random"}):
        assert "licence of the weights" not in report(make_run(provenance=caches(**other))).text


def test_names_of_strangers_are_text_and_nothing_else(make_run: MakeRun) -> None:
    run = make_run(methods={"Without distillation": 1, "<img src=x onerror=alert(1)>": 2})
    page = report(run)
    assert "<img src=x onerror=alert(1)>" in page.text
    assert "<script>alert('x')</script>" in page.text
    assert page.count("script") == page.count("img") == 0
    assert not [name for _, own in page.tags for name in own if name.startswith("on")]


ALLOWED = ("#", "data:image/jpeg;base64,", "data:image/svg+xml;base64,", "data:,")


def test_nothing_is_asked_of_anybody(drawn_run: Path) -> None:
    page = report(drawn_run)
    links = [own[name] for _, own in page.tags for name in ("src", "href", "srcset", "action", "data") if name in own]
    assert len(links) > 20
    assert all(link and link.startswith(ALLOWED) for link in links)
    html = (drawn_run / "pages" / "page.html").read_text()
    assert "url(" not in html
    assert "@import" not in html
    assert "http://" not in html
    assert "https://" not in html
    assert str(drawn_run.parent) not in html
    assert len(html) < 1_000_000


def test_what_is_seen_can_be_heard(drawn_run: Path) -> None:
    page = report(drawn_run)
    assert all(own["alt"] for tag, own in page.tags if tag == "img")
    shown = [own for tag, own in page.tags if tag == "svg"]
    assert all(own.get("aria-hidden") == "true" or (own["role"] == "img" and own["aria-label"]) for own in shown)
    assert all(own.get("scope") in ("col", "row") for tag, own in page.tags if tag == "th")
    identifiers = [own["id"] for _, own in page.tags if "id" in own]
    assert len(set(identifiers)) == len(identifiers)
    assert {own["href"] for tag, own in page.tags if tag == "a"} <= {f"#{name}" for name in identifiers}
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_charts_are_well_formed_drawings(drawn_run: Path) -> None:
    report(drawn_run)
    drawings = re.findall("<svg.*?</svg>", (drawn_run / "pages" / "page.html").read_text(), re.DOTALL)
    assert len(drawings) > 10
    for drawing in drawings:
        ET.fromstring(drawing)


def test_the_same_run_gives_the_same_bytes_wherever_it_lies(drawn_run: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn_run, tmp_path / "copy" / "drawn")
    pages = []
    for folder in (drawn_run, tmp_path / "copy" / "drawn"):
        write_report([folder], tmp_path / "page.html")
        pages.append((tmp_path / "page.html").read_bytes())
    assert pages[0] == pages[1]


def test_test_clips_alone_are_enough_and_the_page_says_what_is_not_known(make_run: MakeRun) -> None:
    both, alone = report(make_run("both")), report(make_run("alone", splits=("test",)))
    sentence = "the predictions files have no validation clips"
    assert sentence not in both.text
    assert sentence in alone.text
    assert alone.count("svg") == both.count("svg")


def test_one_method_and_one_seed_leave_out_what_needs_two(make_run: MakeRun) -> None:
    page = report(make_run(methods={"GRU": 1.0}, seeds=1))
    assert "nothing is compared" in page.text
    assert "There is no baseline, so there is no gain." in page.text
    assert "Right earlier" not in page.text
    assert "one seed" in page.text
    assert "±" not in page.text


@pytest.mark.parametrize("segments", [1, 3])
def test_any_number_of_segments_will_do(make_run: MakeRun, segments: int) -> None:
    page = report(make_run(segments=segments))
    assert f"mean accuracy over the {segments} observation ratio{'s' if segments > 1 else ''};" in page.text
    assert page.count("article") > 3


def test_of_many_classes_the_extremes_are_in_view_and_the_others_are_there(
    make_run: MakeRun, many_classes: Manifest
) -> None:
    page = report(make_run(manifest=many_classes))
    assert "the 10 classes with the largest gains and the 10 with the smallest" in page.text
    assert "The other 21 classes" in page.text
    rows = [own for tag, own in page.tags if tag == "th" and own.get("scope") == "row"]
    assert len(rows) == 2 + 1 + 2 + 41
    assert all(name in page.words for name in many_classes.classes)
    assert "The other" not in report(make_run("few")).text


def test_a_row_that_sees_the_future_says_so(make_run: MakeRun) -> None:
    sentence = "sees the whole clip at every ratio"
    assert sentence in report(make_run("teacher", provenance={"sees_future": True})).text
    assert sentence not in report(make_run("student", provenance={"sees_future": False})).text


def test_without_videos_timelines_stand_alone_and_the_page_says_so(make_run: MakeRun) -> None:
    page = report(make_run())
    assert "( --videos ), so there are no images." in page.text
    assert page.count("img") == 0
    assert page.count("article") > 5


def test_a_video_that_is_missing_or_damaged_has_a_reason_instead_of_pictures(make_run: MakeRun) -> None:
    run = make_run()
    (run / "videos").mkdir()
    clips = sorted(read_manifest(run / "manifest.csv").split("test")["clip_id"])
    for clip in clips[::2]:
        (run / "videos" / f"{clip}.avi").write_bytes(b"no video")
    page = report(run)
    assert "No images: its file is not in the folder of videos." in page.text
    assert "No images: its video cannot be shown: not a video that can be opened" in page.text
    assert page.count("img") == 0


def test_several_runs_stand_in_one_report_each_under_its_name(make_run: MakeRun) -> None:
    page = report(make_run("first"), make_run("second", methods={"Without distillation": 0.5, "With distillation": 3}))
    assert "about the method With distillation, second and compares it with Without distillation, second" in page.text
    assert "With distillation, first (seeds 0, 1)" in page.text
    assert "second/predictions/method0-seed0.h5" in page.text


def test_each_share_of_the_labels_has_a_section_of_its_own(make_run: MakeRun) -> None:
    run = make_run()
    for share in ("5%", "20%"):
        few = make_run(
            share, provenance={"labels": share}, methods={"Without distillation": 0.5, "With distillation": 3}
        )
        (few / "predictions").rename(run / "predictions" / f"labels-{share}")
    page = report(run)
    titles = ["all training labels", "20% of the training labels", "5% of the training labels"]
    places = [page.text.rindex(f"Accuracy by observation ratio: {title}") for title in titles]
    assert places == sorted(places)
    starts = [page.text.rindex(f"Results: {title}") for title in titles]  # the first ones are in the navigation
    assert sorted([*starts, *places]) == [starts[0], places[0], starts[1], places[1], starts[2], places[2]]
    assert "Their numbers are not comparable, so each share has a section of its own." in page.text
    assert page.count("table") == 3 * 3 + 1  # results, comparison and measures of each share, and the gains
    html = (run / "pages" / "page.html").read_text()
    for number in (1, 2, 3):
        assert f'href="#results-{number}"' in html
        part = html[html.index(f'id="results-{number}"') : html.index(f'id="curves-{number}"')]
        assert part.count('<th scope="row">With distillation</th>') == 3  # by its name without the share
        assert part.count("a headline needs at least 10") == int(number > 1)  # few labels, two seeds
    assert "Results: " not in report(make_run("one")).text


def test_pictures_are_small_and_of_the_right_kind(drawn_run: Path) -> None:
    page = report(drawn_run)
    pictures = [str(own["src"]) for tag, own in page.tags if tag == "img"]
    articles = page.count("article")
    assert len(pictures) == 5 * articles
    contents = [base64.b64decode(one.partition(",")[2]) for one in pictures]
    assert all(one.startswith(b"\xff\xd8") and len(one) < 8000 for one in contents)


def run_command(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(evaluate.commands.app.app, ["report", *map(str, arguments)])
    return result.exit_code, str(result.exception) if isinstance(result.exception, UserError) else result.output


def test_the_command_writes_the_page_beside_the_run(make_run: MakeRun) -> None:
    run = make_run()
    status, said = run_command(run)
    assert status == 0
    assert f"report: {run / 'report.html'} (0." in "".join(said.split("\n"))
    assert "With distillation" in Page(run / "report.html").text


def no_run(run: Path) -> list[object]:
    return [run / "nowhere"]


def no_predictions(run: Path) -> list[object]:
    shutil.rmtree(run / "predictions")
    return [run]


def no_manifest(run: Path) -> list[object]:
    (run / "manifest.csv").unlink()
    return [run]


def no_such_manifest(run: Path) -> list[object]:
    return [run, "--manifest", run / "none.csv"]


def no_videos(run: Path) -> list[object]:
    return [run, "--videos", run / "none"]


def other_videos(run: Path) -> list[object]:
    return [run, "--videos", run / "predictions"]


def empty_folder(run: Path) -> list[object]:
    (run / "empty").mkdir()
    return [run / "empty"]


def no_method(run: Path) -> list[object]:
    return [run, "--method", "Mit"]


def no_baseline(run: Path) -> list[object]:
    return [run, "--baseline", "Ohne"]


def the_same_twice(run: Path) -> list[object]:
    return [run, "--method", "With distillation", "--baseline", "With distillation"]


def one_run_twice(run: Path) -> list[object]:
    return [run, run]


def damaged_predictions(run: Path) -> list[object]:
    (run / "predictions" / "method0-seed0.h5").write_bytes(b"no HDF5")
    return [run]


def another_protocol(run: Path) -> list[object]:
    with h5py.File(run / "predictions" / "method0-seed0.h5", "r+") as file:
        file.attrs["protocol"] = "another"
    return [run]


def a_way_out(run: Path) -> list[object]:
    manifest = read_manifest(run / "manifest.csv")
    write_manifest(manifest, run / "manifest.csv")
    text = (run / "manifest.csv").read_text().replace("test03.avi", "../secret.avi")
    (run / "manifest.csv").write_text(text)
    return [run, "--videos", run]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (no_run, "there is no run in"),
        (no_predictions, "there are no predictions in"),
        (no_manifest, "there is no manifest.csv in"),
        (no_such_manifest, "none.csv is missing"),
        (no_videos, "does not exist; leave --videos out"),
        (other_videos, "has no file of the test clips, such as "),
        (empty_folder, "there are no predictions in"),
        (no_method, "no method 'Mit' in these runs; there is 'Without distillation', 'With distillation'"),
        (no_baseline, "no method 'Ohne'"),
        (the_same_twice, "With distillation is both the method and the baseline"),
        (one_run_twice, "have the same name"),
        (damaged_predictions, "is not a predictions file"),
        (another_protocol, "are for protocol another"),
        (a_way_out, "leads out of"),
    ],
)
def test_what_is_missing_or_wrong_is_a_sentence(
    make_run: MakeRun, arguments: Callable[[Path], list[object]], sentence: str
) -> None:
    run = make_run()
    status, said = run_command(*arguments(run))
    assert status == 1
    assert sentence in said
    assert "\n" not in said
    assert not list(run.rglob("*.html"))
