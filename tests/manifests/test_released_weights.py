"""Every entry of weights.toml is well-formed."""

from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from manifests.released_weights import WeightsFile, read_weights

ENTRIES = list(read_weights().values())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_entry(entry: WeightsFile) -> None:
    address = urlsplit(entry.url)
    assert address.scheme == "https" and PurePosixPath(address.path).name == entry.file
    assert address.hostname == {"official": "hanlab18.mit.edu", "mmaction2": "download.openmmlab.com"}[entry.layout]
    assert entry.frames in (5, 8, 16)
    assert entry.kinetics_top1 is None or 50 < entry.kinetics_top1 < 80
    assert (entry.backbone is not None) or entry.note
    assert entry.source
    if entry.layout == "mmaction2":
        assert entry.sha256_prefix is not None and entry.file.endswith(f"-{entry.sha256_prefix}.pth")
        assert entry.name.startswith("mmaction2-")
    assert ("mobilenetv2" in entry.file) == (entry.backbone == "tsm_mobilenetv2")
    assert ("dense" in entry.file) == (entry.sampling == "dense")


def test_names_files_and_addresses_are_unique() -> None:
    assert len({entry.file for entry in ENTRIES}) == len({entry.url for entry in ENTRIES}) == len(ENTRIES) >= 25


def test_the_official_files_of_the_paper_are_there() -> None:
    known = read_weights()
    assert known["tsm-r50-8f-kinetics400"].kinetics_top1 == 71.2
    assert known["tsm-r50-8f-dense-kinetics400"].kinetics_top1 == 74.1
    assert known["mmaction2-tsm-r50-1x1x8-50e-kinetics400"].sha256_prefix == "64d69186"


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="sha_256"):
        WeightsFile.model_validate(ENTRIES[0].model_dump() | {"sha_256": "0" * 64})
