"""The sentence about clips without features."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from evaluate.pipeline.clips import Clips
from evaluate.pipeline.extraction_plan import ExtractionPlan
from evaluate.pipeline.failed_clips import without_failed
from evaluate.pipeline.stream_cache import Stream
from extract.cache import read_cache
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from extract.shards.run_folder import RunFolder
from manifests.manifest import COLUMNS, Manifest


def test_the_command_that_repairs_can_be_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "it is mine" / "features.h5"
    path.parent.mkdir()
    features = np.zeros((2, 3), np.float32)
    write_cache(path, [Row("a", features, 9, True), Row("b", features, 9, False)], ["a", "b"], (2, 3), {})
    rows = [(clip, f"{clip}.avi", 0, "x", "", split, "mine") for clip, split in (("a", "train"), ("b", "test"))]
    clips = Clips(tmp_path / "m.csv", Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), ("x",)), tmp_path)
    plan = ExtractionPlan(clips, {}, {}, ("features",), path.parent)
    monkeypatch.setattr(RunFolder, "is_planned", True)
    monkeypatch.setattr(RunFolder, "failures", lambda self: {})
    with pytest.raises(UserError, match=f"1 of 2 clips have no features: b; .*run `python -m extract retry '{path}'`"):
        without_failed(plan, {"features": Stream(path, read_cache(path))}, print)
