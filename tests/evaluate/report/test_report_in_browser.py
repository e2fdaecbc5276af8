"""The report in a real browser, from a desk's to a telephone's width: whole, quiet, and nothing fetched.

Chromium is driven by its own chromedriver over the WebDriver protocol, which is a few requests of JSON: a package for
that would be the heaviest of all that the tests need.
"""

import contextlib
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluate.report.page import write_report

FLAGS = """
    --headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars
"""
SIZES = {"desk": (1280, 900, False), "tablet": (768, 1024, True), "telephone": (390, 844, True)}
SECTIONS = ["Results", "Accuracy by observation ratio", "Gain by class", "Calibration", "Confusion", "Single clips"]
TIMEOUT = 60.0  # seconds a browser may take to start or to answer

pytestmark = pytest.mark.browser


class Browser:
    """One headless Chromium."""

    def __init__(self, driver: str, profile: Path) -> None:
        self.profile = profile
        self.process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True)
        self.url = ""

    def start(self, chromium: str) -> None:
        assert self.process.stdout is not None
        lines = iter(self.process.stdout.readline, "")
        port = next(match[1] for line in lines if (match := re.search(r"started successfully on port (\d+)", line)))
        self.url = f"http://127.0.0.1:{port}/session"
        options = {"binary": chromium, "args": [*FLAGS.split(), f"--user-data-dir={self.profile}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.url += "/" + self.call("POST", "", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        self.call("POST", "/url", {"url": "about:blank"})
        self.requests()  # of the page that the browser began with

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return json.load(answer)["value"]

    def devtools(self, command: str, **parameters: object) -> Any:
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, page: Path, size: str, dark: bool = False) -> None:
        width, height, mobile = SIZES[size]
        look = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.devtools("Emulation.setEmulatedMedia", features=look)
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )
        self.call("POST", "/url", {"url": page.as_uri()})

    def run(self, script: str) -> Any:
        return self.call("POST", "/execute/sync", {"script": f"return {script}", "args": []})

    def log(self, kind: str) -> list[dict[str, Any]]:
        return list(self.call("POST", "/se/log", {"type": kind}))

    def requests(self) -> list[str]:
        """What was asked of the network since the last call: no files, no `data:`, no pages of the browser's own."""
        events = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        urls = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("file:", "data:", "chrome:", "about:"))]

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # it may not have come so far
            self.call("DELETE", "")
        self.process.terminate()
        self.process.communicate(timeout=TIMEOUT)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    driver = shutil.which("chromedriver")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if driver is None or chromium is None:
        pytest.skip("no Chromium with its chromedriver here (Debian: chromium and chromium-driver)")
    found = Browser(driver, tmp_path_factory.mktemp("profile"))
    try:
        found.start(chromium)
        yield found
    finally:
        found.close()


@pytest.fixture(scope="module")
def page(drawn_run: Path) -> Path:
    """The report of a drawn run, with key frames."""
    out = drawn_run / "report.html"
    write_report([drawn_run], out, videos=drawn_run / "videos")
    return out


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_a_reader_sees_a_whole_quiet_page(browser: Browser, page: Path, size: str, dark: bool) -> None:
    browser.open(page, size, dark)
    assert browser.log("browser") == []
    assert browser.requests() == []
    pictures = browser.run("[...document.images].map(one => [one.complete, one.naturalWidth, one.alt])")
    assert len(pictures) > 10
    assert all(complete and width > 0 and alt for complete, width, alt in pictures)
    assert browser.run("document.documentElement.scrollWidth") <= SIZES[size][0]
    assert browser.run("document.documentElement.clientWidth") == SIZES[size][0]
    shown = browser.run(
        "[...document.querySelectorAll('h2')].filter(one => one.offsetHeight > 0).map(one => one.innerText)"
    )
    assert shown[: len(SECTIONS)] == SECTIONS
    light = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", light))) < 128) == dark


@pytest.mark.parametrize("pictures", [True, False], ids=["pictures", "none"])
@pytest.mark.parametrize("size", SIZES)
def test_text_is_large_enough_to_read_and_charts_keep_theirs_inside(
    browser: Browser, page: Path, make_run: Callable[..., Path], size: str, pictures: bool
) -> None:
    if not pictures:  # they are laid out in another way then
        run = make_run()
        page = run / "report.html"
        write_report([run], page)
    browser.open(page, size)
    size_of = "parseFloat(getComputedStyle(one).fontSize)"
    charts = (
        f"[...document.querySelectorAll('svg.chart text')].map(one => {size_of} * one.closest('svg').clientWidth / 480)"
    )
    assert browser.run(f"Math.min(...{charts})") >= 10
    texts = f"[...document.querySelectorAll('p, li, td, th, span, h2, h3')].map(one => {size_of})"
    assert browser.run(f"Math.min(...{texts})") >= 12
    # No heading of a column is broken within a word: those of the gains, single words, stand on one line.
    assert browser.run("document.querySelector('.gains thead').offsetHeight") < 50
    outside = """[...document.querySelectorAll('svg.chart')].flatMap(chart => {
        const box = chart.getBoundingClientRect();
        return [...chart.querySelectorAll('text, .dot')].map(one => one.getBoundingClientRect()).filter(
            one => one.left < box.left - 1 || one.right > box.right + 1 || one.bottom > box.bottom + 1);
    }).length"""
    assert browser.run(outside) == 0


def test_the_browser_would_have_told(browser: Browser, tmp_path: Path) -> None:
    """What the tests above find nothing of is found where it is."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<body style="width:3000px"><img src="http://127.0.0.1:9/x.png"><script>console.error("no")</script>'
    )
    browser.open(bad, "telephone")
    assert any("no" in entry["message"] for entry in browser.log("browser"))
    assert browser.requests() == ["http://127.0.0.1:9/x.png"]
    assert browser.run("document.documentElement.scrollWidth") > 390
    assert browser.run("[...document.images].map(one => one.naturalWidth)") == [0]


def test_the_first_column_stays_visible_on_a_telephone(browser: Browser, page: Path) -> None:
    browser.open(page, "telephone")
    scrolled = browser.run(
        "[...document.querySelectorAll('.scroll')].map(one => { one.scrollLeft = 10000; return one.scrollLeft; })"
    )
    assert max(scrolled) > 100  # there is a table that is wider than the telephone
    places = browser.run(
        """[...document.querySelectorAll('.scroll')].flatMap(one => [...one.querySelectorAll('tr')].map(row => {
            const frame = one.getBoundingClientRect(), cell = row.firstElementChild.getBoundingClientRect();
            return [cell.left - frame.left, cell.width / frame.width];
        }))"""
    )
    assert len(places) > 10
    for left, share in places:
        assert 0 <= left <= 2
        assert share < 0.5  # the numbers need the other half
    hidden = browser.run(
        """[...document.querySelectorAll('.scroll th[scope=row]')].filter(one => {
            one.scrollIntoView({block: 'center'});
            const now = one.getBoundingClientRect();
            return document.elementFromPoint(now.left + now.width / 2, now.top + now.height / 2) !== one;
        }).length"""
    )
    assert hidden == 0  # no number is drawn over a name
