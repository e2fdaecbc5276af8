"""What several rooms' tests share: the real data's folder, and small clips that carry their frame numbers."""

import os
from pathlib import Path

# Before torch is imported, here or in the processes that tests start: a thread that waits must not spin, or tests
# that run several processes on few cores take ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import hypothesis
import pytest

# No test is timed: a machine may be as busy as it likes.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def early_data() -> Path:
    """The folder of real data (EARLY_DATA, default ../shared/data); the test is skipped where it is missing."""
    folder = Path(os.environ.get("EARLY_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not here: {folder} (set EARLY_DATA)")
    return folder
