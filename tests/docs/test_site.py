"""The documentation site: it builds without a warning, loads nothing from outside, and has every key of a recipe."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from distill.methods.east import East
from manifests.recipes.recipe import Recipe
from manifests.recipes.training import Training

ROOT = Path(__file__).parent.parent.parent
LOADS = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*?(?:src|href)=[\"']?(https?:)?//[^\"' >]+", re.IGNORECASE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def text_of(page: Path) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")))


@pytest.mark.slow
def test_nothing_is_loaded_from_outside(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        assert not LOADS.findall(page.read_text(encoding="utf-8")), page
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", style.read_text(encoding="utf-8")), style


@pytest.mark.slow
def test_no_part_is_left_out(site: Path) -> None:
    for page in site.glob("*.html"):
        assert "{{" not in text_of(page), page


@pytest.mark.slow
def test_every_key_of_a_recipe_is_there(site: Path) -> None:
    """Keys in tables, sections in headings; each key has a meaning."""
    page = (site / "recipes.html").read_text(encoding="utf-8")
    for name in (*Recipe.model_fields, *Training.model_fields, *East.model_fields):
        assert re.search(rf"<code>\[?{name}[.\]<]", page), name
    tables = [table for table in page.split("<table>") if "<th>meaning</th>" in table]
    rows = [row for table in tables for row in re.findall(r"<tr>(.*?)</tr>", table, flags=re.DOTALL)]
    assert len(rows) > 60
    for row in rows:
        assert not row.rstrip().endswith("<td></td>"), row


@pytest.mark.parametrize(
    ("tag", "outside"),
    [
        ('<script src="https://cdn.example/a.js">', True),
        ('<link rel="stylesheet" href="//fonts.example/css">', True),
        ("<img src=http://example/a.png>", True),
        ('<script src="assets/a.js">', False),
        ('<a href="https://example">', False),
    ],
)
def test_what_loads_from_outside_is_recognised(tag: str, outside: bool) -> None:
    assert bool(LOADS.search(tag)) == outside
