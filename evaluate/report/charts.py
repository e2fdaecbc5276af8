"""Line charts for the template: lines in per cent, the coordinates of their points, and their description in words.

The template draws them as inline SVG without ids. The style sheet colours them, for a light and for a dark page.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 480, 300  # of the view box: text of size 16 is readable on a telephone too
LEFT, RIGHT, TOP, BOTTOM = 46, 20, 12, 46
TOPS = (5, 10, 20, 50, 100)  # where the vertical axis may end
STEPS = 5  # between 0 and there
CORNERS = (  # of the markers but the circle, in radii to the right and down
    ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    ((0, -1.2), (1.3, 1), (-1.3, 1)),
    ((0, 1.2), (1.3, -1), (-1.3, -1)),
)


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: in the legend and in words.
        points: (x, y) in per cent, known ones only.
        look: classes of the style sheet: a colour "c0" … "c6" and a dash "d0" … "d3"; or "published" and a dash "d4",
            "d5"; or "bound" or "ideal". Further "light", "thin", and "plain" for a line without markers.
        band: (x, low, high), drawn behind the line.
        marker: 0 … 4, see `mark`.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    look: str
    band: tuple[tuple[float, float, float], ...] = ()
    marker: int = 0


@dataclass(frozen=True)
class Chart:
    """Lines over two axes in per cent; x from 0 to 100, y from 0 to `top`.

    `lines` are in the order in which they are drawn, `legend` in the order of the legend; empty: in the same order.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    top: float = 100
    legend: tuple[Line, ...] = ()

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """The ticks of the horizontal axis: coordinate and label."""
        return [(self.x(value), str(value)) for value in range(0, 101, 20)]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """The ticks of the vertical axis: coordinate and label."""
        values = [self.top * step / STEPS for step in range(STEPS + 1)]
        return [(self.y(value), f"{value:g}") for value in values]

    @property
    def alt(self) -> str:
        """The chart in words, for readers who cannot see it."""
        lines = [
            f"{line.name}: " + ", ".join(f"{y:.0f} at {x:.0f} %" for x, y in line.points)
            for line in self.lines
            if line.points and "plain" not in line.look.split()
        ]
        return f"{self.title}. {self.y_label} against {self.x_label[0].lower()}{self.x_label[1:]}. {'; '.join(lines)}."

    def x(self, value: float) -> float:
        """Return the horizontal coordinate of x in units of the view box."""
        return round(LEFT + value / 100 * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """Return the vertical coordinate of y in units of the view box, limited to the axis."""
        return round(HEIGHT - BOTTOM - min(max(value / self.top, 0), 1) * (HEIGHT - TOP - BOTTOM), 1)

    def line(self, line: Line) -> str:
        """Return the line's points as SVG writes them."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in line.points)

    def band(self, line: Line) -> str:
        """Return the outline of the line's band as SVG writes it."""
        there = [f"{self.x(x)},{self.y(high)}" for x, _, high in line.band]
        back = [f"{self.x(x)},{self.y(low)}" for x, low, _ in reversed(line.band)]
        return " ".join(there + back)


def mark(marker: int, x: float, y: float, radius: float) -> str:
    """Return a marker as the data of an SVG path: circle, square, diamond, triangle up, triangle down."""
    if marker == 0:
        half = f"a{radius},{radius} 0 1,0"
        return f"M{x - radius:.1f},{y:.1f}{half} {2 * radius},0{half} {-2 * radius},0z"
    corners = [f"{x + radius * right:.1f},{y + radius * down:.1f}" for right, down in CORNERS[marker - 1]]
    return f"M{' '.join(corners)}z"


def points(x: Iterable[float], y: Iterable[float]) -> tuple[tuple[float, float], ...]:
    """Return the pairs of x and y that are known: neither is NaN."""
    pairs = zip(map(float, x), map(float, y), strict=True)
    return tuple((a, b) for a, b in pairs if not (math.isnan(a) or math.isnan(b)))


def top_for(values: Sequence[float]) -> float:
    """Return the lowest end of the vertical axis that has all values below it."""
    highest = max((value for value in values if not math.isnan(value)), default=0)
    return float(next((top for top in TOPS if highest <= top), TOPS[-1]))
