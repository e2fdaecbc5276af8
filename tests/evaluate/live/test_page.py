"""The page of recognised recordings: self-contained, escaped, with a picture of every segment."""

import re
from pathlib import Path

import numpy as np

from evaluate.decisions.decision_maker import ConfidenceThreshold
from evaluate.live.page import PageStyle, write_page
from evaluate.live.recognition import Recognition, Recording
from extract.decoding.synthetic_clip import write_numbered_clip
from tests.evaluate.live.conftest import fixed_rule

SHARES = np.array([[0.3, 0.7], [0.4, 0.6], [0.1, 0.9]], np.float32)


def test_the_page_has_pictures_and_probabilities_and_no_links(tmp_path: Path) -> None:
    write_numbered_clip(tmp_path / "a.avi", 12)
    (tmp_path / "<b>.avi").write_text("no video")
    shown = [
        Recognition(
            Recording(str(tmp_path / name), {"f": str(tmp_path / name)}),
            ("UpDown", "<i>"),
            SHARES,
            12,
            ConfidenceThreshold(0.8),
        )
        for name in ("a.avi", "<b>.avi")
    ]
    write_page(tmp_path / "page.html", shown, PageStyle("a <model>", top=2))
    page = (tmp_path / "page.html").read_text()
    assert page.count('src="data:image/jpeg;base64,') == 3
    assert page.count("<li>") + page.count("<li class") == 6 and page.count('class="decided"') == 2
    assert "Decided at 100 %: &lt;i&gt; (90 %). 12 frames." in page and "a &lt;model&gt;" in page
    assert "No pictures: its video cannot be shown: not a video" in page
    assert "UpDown" in page and "90.0%" in page
    assert not re.search(r"<(script|link (?!rel=\"icon\")|i>)|https?://", page)
    again = (tmp_path / "page.html").read_bytes()
    write_page(tmp_path / "page.html", shown, PageStyle("a <model>", top=2))
    assert (tmp_path / "page.html").read_bytes() == again


def test_the_page_has_the_decision_of_a_stored_rule(tmp_path: Path) -> None:
    recording = Recording("a", {"f": str(tmp_path / "a.avi")})
    found = Recognition(recording, ("UpDown", "<i>"), SHARES, 12, fixed_rule(2, 3, 2))
    write_page(tmp_path / "page.html", [found], PageStyle("a model"))
    page = (tmp_path / "page.html").read_text()
    assert "Decided at 67 %: &lt;i&gt; (60 %) by Fixed ratio, price 0.3. 12 frames." in page
    assert "67 % seen, decided" in page and page.count('class="decided"') == 1
