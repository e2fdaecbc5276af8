"""How fast NTU RGB+D files are read, against the plain way: every field of the text through float().

Both read the same files, from the disk cache, on one core, by turns; so the ratio is of one run on one machine.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from extract.skeletons.ntu import read_ntu

MIN_ROUNDS = 3


def bench_reader(paths: Sequence[Path], seconds: float) -> dict[str, float | int]:
    """Read all the files both ways, round after round.

    Args:
        paths: `.skeleton` files.
        seconds: how long, at least; and at least MIN_ROUNDS rounds.

    Returns:
        Files per second of both ways, of the median round; `ratio`: the median of each round's own ratio.

    Raises:
        DecodeError: a file cannot be read.
        ValueError: no files.
    """
    if not paths:
        raise ValueError("no files to read")
    _time(read_ntu, paths)  # warm-up: imports, disk cache
    reader: list[float] = []
    plain: list[float] = []
    until = time.perf_counter() + seconds
    while len(reader) < MIN_ROUNDS or time.perf_counter() < until:
        reader.append(_time(read_ntu, paths))
        plain.append(_time(_read_plainly, paths))
    return {
        "files": len(paths),
        "rounds": len(reader),
        "reader_files_per_s": len(paths) / statistics.median(reader),
        "float_split_files_per_s": len(paths) / statistics.median(plain),
        "ratio": statistics.median(slow / fast for slow, fast in zip(plain, reader, strict=True)),
    }


def _read_plainly(path: Path) -> list[float]:
    text = path.read_text(encoding="ascii")
    return [float(token) for token in text.split()]


def _time(read: Callable[[Path], object], paths: Sequence[Path]) -> float:
    started = time.perf_counter()
    for path in paths:
        read(path)
    return time.perf_counter() - started
