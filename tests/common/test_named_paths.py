"""Options NAME=PATH: a path alone belongs to the only name, and what belongs to no name is refused."""

from pathlib import Path

import pytest

from common.errors import UserError
from common.named_paths import named_paths

TWO = {"rgb": "stream rgb", "depth": "stream depth"}


def test_paths_get_their_names() -> None:
    assert named_paths("--cache", ["depth=a=b.h5", "rgb=c.h5"], TWO) == {"depth": Path("a=b.h5"), "rgb": Path("c.h5")}
    assert named_paths("--cache", ["seed=0/f.h5"], {"rgb": "rgb"}) == {"rgb": Path("seed=0/f.h5")}
    assert named_paths("--cache", ["rgb=f.h5"], {"rgb": "rgb"}) == {"rgb": Path("f.h5")}
    assert named_paths("--cache", [], TWO) == {}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["f.h5"], "--cache f.h5: write NAME=PATH, NAME one of rgb, depth of recipe x"),
        (["rgb="], "--cache rgb=: write NAME=PATH"),
        (["skeleton=f.h5"], "--cache skeleton=f.h5: write NAME=PATH"),
        (["rgb=a.h5", "rgb=b.h5"], "--cache gives two paths for stream rgb: a.h5 and b.h5; keep one"),
    ],
)
def test_what_belongs_to_no_name_is_refused(given: list[str], sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        named_paths("--cache", given, TWO, " of recipe x")
    assert str(refused.value).startswith(sentence)
