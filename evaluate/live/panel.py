"""The panel below an annotated video: bars of the most probable classes, and their course with the decision.

Everything in the panel is causal: at a frame it shows the probabilities of the segments that have ended by then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from evaluate.decisions.decision_maker import ConfidenceThreshold
from evaluate.live.class_colours import class_colours
from evaluate.live.recognition import Decision, Recognition
from evaluate.live.written import percent

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

PAPER, INK, FAINT, DECIDED = "#FFFFFF", "#222222", "#BBBBBB", "#D55E00"
TEXT, ROW, MARGIN, CHART, DOT = 13, 20, 8, 64, 2  # pixels: letters, a row, the border, the height of the course, a dot
SHARE = 44  # pixels for `100 %` at the right
USUAL_WIDTH = 480  # pixels; in a panel of twice this width everything is twice as large


@dataclass(frozen=True)
class Panel:
    """Draws the panel of one recording.

    Attributes:
        recognition: the probabilities.
        ends: (N,) the number of the frame after each segment's last one.
        top: how many classes have a bar.
        width: in pixels.
    """

    recognition: Recognition
    ends: Sequence[int]
    top: int
    width: int

    @property
    def height(self) -> int:
        """The height in pixels, which is even, as encoders need it."""
        rows = min(self.top, len(self.recognition.classes)) + 1
        return (rows * ROW + CHART + 3 * MARGIN) * self._scale // 2 * 2

    @property
    def _scale(self) -> int:
        return max(1, round(self.width / USUAL_WIDTH))

    def levels_seen(self, frame: int) -> int:
        """Return how many segments have ended when a frame, counted from 0, is shown."""
        return sum(end <= frame + 1 for end in self.ends)

    def draw(self, frame: int) -> NDArray[np.uint8]:
        """Return the panel at a frame, counted from 0: (height, width, 3) uint8 RGB."""
        picture = Image.new("RGB", (self.width, self.height), PAPER)
        pen = ImageDraw.Draw(picture)
        font = ImageFont.load_default(TEXT * self._scale)
        seen = self.levels_seen(frame)
        self._draw_bars(pen, font, seen)
        self._draw_course(pen, seen, frame)
        return np.asarray(picture, dtype=np.uint8)

    def _draw_bars(self, pen: ImageDraw.ImageDraw, font: Font, seen: int) -> None:
        scale = self._scale
        margin, row_height, gap = MARGIN * scale, ROW * scale, 2 * scale
        pen.text((margin, margin), self._headline(seen), INK, font)
        if not seen:
            return
        left, right = self.width // 2, self.width - SHARE * scale
        for row, (name, probability) in enumerate(self.recognition.top(self.top)[seen - 1], start=1):
            y = margin + row * row_height
            bottom = y + row_height - 3 * gap
            pen.text((margin, y), _fitting(pen, font, name, left - 2 * margin), INK, font)
            pen.rectangle((left, y + gap, right, bottom), outline=FAINT)
            pen.rectangle((left, y + gap, left + (right - left) * probability, bottom), self._colours[name])
            pen.text((right + 3 * gap, y), percent(probability), INK, font)

    def _headline(self, seen: int) -> str:
        decision = self._decision
        if decision is not None and decision.level <= seen:
            return f"decided at {percent(decision.ratio)}: {decision.name}"
        return f"{percent(seen / len(self.ends))} seen, not decided" if seen else "nothing seen yet"

    def _draw_course(self, pen: ImageDraw.ImageDraw, seen: int, frame: int) -> None:
        """Draw the probability of every class with a bar so far, the threshold, this moment and the decision."""
        scale, chart = self._scale, CHART * self._scale
        bottom, left, right = self.height - MARGIN * scale, MARGIN * scale, self.width - MARGIN * scale
        top, dot = bottom - chart, DOT * scale

        def x(number: float) -> float:
            return left + (right - left) * number / self.ends[-1]

        def y(probability: float) -> float:
            return bottom - chart * probability

        pen.line((left, bottom, right, bottom), FAINT, scale)
        maker = self.recognition.decision_maker
        if isinstance(maker, ConfidenceThreshold):
            for dash in range(left, right, 8 * scale):
                pen.line((dash, y(maker.threshold), dash + 3 * scale, y(maker.threshold)), FAINT, scale)
        for index, name in self._shown(seen):
            course = self.recognition.probabilities[:seen, index]
            points = [(x(end), y(p)) for end, p in zip(self.ends[:seen], course, strict=True)]
            pen.line(points, self._colours[name], 2 * scale)
            for across, down in points:
                pen.ellipse((across - dot, down - dot, across + dot, down + dot), self._colours[name])
        pen.line((x(frame + 1), top, x(frame + 1), bottom), FAINT, scale)
        decision = self._decision
        if decision is not None and decision.level <= seen:
            moment = x(self.ends[decision.level - 1])
            pen.line((moment, top, moment, bottom), DECIDED, 2 * scale)

    @cached_property
    def _decision(self) -> Decision | None:
        return self.recognition.decision()

    def _shown(self, seen: int) -> list[tuple[int, str]]:
        """Return the classes that have or had a bar, by their number."""
        names = {each.name for row in self.recognition.top(self.top)[:seen] for each in row}
        return [(index, name) for index, name in enumerate(self.recognition.classes) if name in names]

    @cached_property
    def _colours(self) -> dict[str, str]:
        shown = (each.name for row in self.recognition.top(self.top) for each in row)
        return class_colours(self.recognition.classes, shown)


def _fitting(pen: ImageDraw.ImageDraw, font: Font, text: str, width: float) -> str:
    """Return the beginning of a text that is not wider than `width` pixels."""
    if pen.textlength(text, font) <= width:
        return text
    while text and pen.textlength(f"{text}…", font) > width:
        text = text[:-1]
    return f"{text}…"
