"""Line charts as the template draws them: lines in per cent, where their points stand, and what they say in words.

Inline SVG without ids, coloured by the style sheet, so that it follows the reader's light or dark. Which lines there
are stands in `figures`; no HTML here.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 480, 300  # of the view box; text of 16 is readable on a telephone too
LEFT, RIGHT, TOP, BOTTOM = 46, 20, 12, 46
TOPS = (5, 10, 20, 50, 100)  # where the vertical axis may end
STEPS = 5  # between 0 and there


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: in the legend and in words.
        points: (x, y) in per cent, known ones only.
        look: classes of the style sheet: a colour, "c0" … "c9", and perhaps "dashed", "dotted", "thin", "plain".
        band: (x, low, high), drawn behind the line.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    look: str
    band: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True)
class Chart:
    """Lines over two axes in per cent; x from 0 to 100, y from 0 to `top`."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    top: float = 100

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Where the horizontal axis has ticks, and what they are called."""
        return [(self.x(value), str(value)) for value in range(0, 101, 20)]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Where the vertical axis has ticks, and what they are called."""
        values = [self.top * step / STEPS for step in range(STEPS + 1)]
        return [(self.y(value), f"{value:g}") for value in values]

    @property
    def alt(self) -> str:
        """The chart in words, for those who do not see it."""
        lines = [
            f"{line.name}: " + ", ".join(f"{y:.0f} at {x:.0f} %" for x, y in line.points)
            for line in self.lines
            if line.points and "plain" not in line.look.split()
        ]
        return f"{self.title}. {self.y_label} against {self.x_label[0].lower()}{self.x_label[1:]}. {'; '.join(lines)}."

    def x(self, value: float) -> float:
        """Return where x stands, in units of the view box."""
        return round(LEFT + value / 100 * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """Return where y stands; what is outside the axis stands at its end."""
        return round(HEIGHT - BOTTOM - min(max(value / self.top, 0), 1) * (HEIGHT - TOP - BOTTOM), 1)

    def line(self, line: Line) -> str:
        """Return the line's points as SVG writes them."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in line.points)

    def band(self, line: Line) -> str:
        """Return the outline of the line's band as SVG writes it."""
        there = [f"{self.x(x)},{self.y(high)}" for x, _, high in line.band]
        back = [f"{self.x(x)},{self.y(low)}" for x, low, _ in reversed(line.band)]
        return " ".join(there + back)


def points(x: Iterable[float], y: Iterable[float]) -> tuple[tuple[float, float], ...]:
    """Return the pairs of x and y that are known: neither is NaN."""
    pairs = zip(map(float, x), map(float, y), strict=True)
    return tuple((a, b) for a, b in pairs if not (math.isnan(a) or math.isnan(b)))


def top_for(values: Sequence[float]) -> float:
    """Return the lowest end of the vertical axis that has all values below it."""
    highest = max((value for value in values if not math.isnan(value)), default=0)
    return float(next((top for top in TOPS if highest <= top), TOPS[-1]))
