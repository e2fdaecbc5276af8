"""The notebook of examples/ runs from its first cell to its last, on a small part of the demo's data."""

from pathlib import Path

import pytest

from extract.extraction import Extraction
from extract.machine import Machine
from extract.run import extract
from manifests.recipes.extraction import Extract
from manifests.stick_figures.data_set import draw_data_set

ROOT = Path(__file__).parent.parent.parent
NOTEBOOK = ROOT / "examples" / "from_cache_to_curve.ipynb"


@pytest.fixture
def demo(tmp_path: Path, one_thread: None) -> Path:
    """A folder as `make demo` leaves it, with 4 clips of each class instead of 44."""
    videos = tmp_path / "demo" / "videos"
    manifest = draw_data_set(videos, clips_per_class={"train": 2, "validation": 1, "test": 1})
    config = Extract(backbone="efficientnet_lite0", weights="timm-package", frames_per_segment=2, image_size=128)
    out = tmp_path / "demo" / "features.h5"
    assert not extract(Extraction(manifest, videos, out, config, Machine(device="cpu", workers=1, threads=1)))
    return tmp_path / "demo"


@pytest.mark.slow
def test_the_notebook_runs(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    variables = {"DEMO": str(demo), "OUT": str(tmp_path / "runs"), "EPOCHS": "2", "PYTHONPATH": str(ROOT)}
    folders = dict.fromkeys(("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"), str(tmp_path / "jupyter"))
    for name, value in (variables | folders).items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "the notebook is stored without outputs"
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    text = "".join(output.get("text", "") for output in outputs)
    assert "features (clips, segments, D): (40, 10, 1280)" in text
    assert "100 % seen: " in text
