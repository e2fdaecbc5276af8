"""Caches are compared by what decides a value. A remark such as the licence of the weights is not compared."""

from pathlib import Path

import pytest

from common.errors import UserError
from extract.shards.settings import decisive_settings, refuse_other_content, refuse_other_settings

OLD = {"backbone": "timm:resnet18", "weights": "random", "torch": "2.6", "device": "cpu (x, 1 threads)"}
NEW = {**OLD, "licence": "none: the weights are random"}


@pytest.mark.parametrize(("there", "now"), [(OLD, NEW), (NEW, OLD), (NEW, {**NEW, "licence": "MIT"})])
def test_a_licence_is_never_compared(there: dict[str, str], now: dict[str, str]) -> None:
    assert decisive_settings(there) == decisive_settings(now) == {"backbone": "timm:resnet18", "weights": "random"}
    refuse_other_content(there, now, Path("c.h5"))
    refuse_other_settings(there, now, Path("c.h5"))


def test_what_decides_a_value_is_compared_beside_it() -> None:
    with pytest.raises(UserError, match=r"other settings \(weights: 'random' there, 'a.pth' now\)"):
        refuse_other_content(OLD, {**NEW, "weights": "a.pth"}, Path("c.h5"))
    refuse_other_content(OLD, {**NEW, "torch": "2.7"}, Path("c.h5"))
    with pytest.raises(UserError, match=r"by other versions \(torch: '2.6' there, '2.7' now\)"):
        refuse_other_settings(OLD, {**NEW, "torch": "2.7"}, Path("c.h5"))
