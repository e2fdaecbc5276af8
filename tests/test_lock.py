"""The lock: every package has a version and hashes, and no host is named."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def locked() -> dict[str, list[str]]:
    """Return the lock's packages, `name==version`, with their hashes."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return {line[0]: [word for word in line if word.startswith("--hash=")] for line in lines}


def test_every_locked_package_has_a_version_and_hashes() -> None:
    packages = locked()
    assert len(packages) > 40
    for package, hashes in packages.items():
        assert re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==[\w.+!-]+", package), package
        assert hashes, package
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", value) for value in hashes), package


def test_the_lock_names_no_host() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--(extra-)?index-url|--find-links|--trusted-host)\b", text, flags=re.MULTILINE)


def test_what_the_project_needs_is_locked() -> None:
    names = {re.split(r"[\[=]", package)[0].lower() for package in locked()}
    assert {"torch", "torchvision", "timm", "av", "h5py", "numpy", "pandas", "safetensors", "pytest"} <= names
