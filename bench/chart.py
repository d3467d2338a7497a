"""Line charts as SVG, drawn by hand: panels beside each other, a few lines in each, every point
with its value. Nothing is measured and nothing is read here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

import msgspec

WIDTH, HEIGHT = 400, 290
LEFT, RIGHT, TOP, BOTTOM = 62, 24, 58, 46
COLOURS = ("#2563eb", "#d97706", "#059669")
INK, SOFT, GRID = "#1f2937", "#6b7280", "#e5e7eb"
FONT = "font-family=\"system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\""
MOST_TICKS = 5
# How much of the panel's height is left free above the highest point, for its value.
HEADROOM = 1.12
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Line(msgspec.Struct, frozen=True):
    """Its points, x ascending and above 0."""

    name: str
    points: Sequence[tuple[float, float]]


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One chart. Of its lines the last one is the highest, and its values stand above it. The x
    axis is always logarithmic; ``has_log_y`` makes the other one so, too. ``has_powers``: x as
    powers of ten."""

    title: str
    x_label: str
    lines: Sequence[Line]
    has_log_y: bool = False
    has_powers: bool = False


def svg(panels: Sequence[Panel]) -> str:
    """A file with the panels in a row."""
    width = WIDTH * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" '
        f'height="{HEIGHT}" {FONT} font-size="12">',
        f'<rect width="{width}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({number * WIDTH} 0)">')
        parts += _Drawing(panel).parts()
        parts.append("</g>")
    return "\n".join([*parts, "</svg>\n"])


class _Drawing:
    """A panel and its scales."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        points = [point for line in panel.lines for point in line.points]
        self._xs = sorted({x for x, _ in points})
        ys = [y for _, y in points]
        self._ticks = log_ticks(min(ys), max(ys)) if panel.has_log_y else ticks(max(ys) * HEADROOM)

    def parts(self) -> Iterable[str]:
        yield _text(LEFT, 24, self._panel.title, size=14, weight=600)
        yield from self._legend()
        yield from self._axes()
        for number, line in enumerate(self._panel.lines):
            is_highest = number == len(self._panel.lines) - 1
            yield from self._line(line, COLOURS[number], is_above=is_highest)

    def _legend(self) -> Iterable[str]:
        if len(self._panel.lines) < 2:
            return
        x = LEFT
        for line, colour in zip(self._panel.lines, COLOURS, strict=False):
            yield f'<circle cx="{x + 4}" cy="40" r="4" fill="{colour}"/>'
            yield _text(x + 13, 44, line.name, colour=SOFT)
            x += 34 + 7 * len(line.name)

    def _axes(self) -> Iterable[str]:
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        for tick in self._ticks:
            y = self._y(tick)
            yield f'<path d="M{LEFT} {y:.1f}H{right}" stroke="{GRID}"/>'
            yield _text(LEFT - 8, y + 4, number_text(tick), colour=SOFT, anchor="end")
        yield f'<path d="M{LEFT} {bottom}H{right}" stroke="{SOFT}"/>'
        for x in self._xs:
            at = self._x(x)
            yield f'<path d="M{at:.1f} {bottom}v5" stroke="{SOFT}"/>'
            text = power_text(x) if self._panel.has_powers else number_text(x)
            yield _text(at, bottom + 19, text, colour=SOFT, anchor="middle")
        middle = (LEFT + right) / 2
        yield _text(middle, HEIGHT - 8, self._panel.x_label, colour=SOFT, anchor="middle")

    def _line(self, line: Line, colour: str, *, is_above: bool) -> Iterable[str]:
        places = [(self._x(x), self._y(y)) for x, y in line.points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for (x, y), (_, value) in zip(places, line.points, strict=True):
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
            beside = y - 9 if is_above else y + 18
            text = number_text(value)
            yield _text(x, beside, text, colour=colour, anchor="middle", size=11, has_halo=True)

    def _x(self, x: float) -> float:
        first, last = math.log(self._xs[0]), math.log(self._xs[-1])
        share = (math.log(x) - first) / (last - first) if last > first else 0.5
        margin = 22
        return LEFT + margin + share * (WIDTH - LEFT - RIGHT - 2 * margin)

    def _y(self, y: float) -> float:
        low, high = self._ticks[0], self._ticks[-1]
        if self._panel.has_log_y:
            y, low, high = math.log(y), math.log(low), math.log(high)
        return HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - BOTTOM - TOP)


def ticks(most: float) -> list[float]:
    """Round numbers from 0 to the first one that is not below ``most``."""
    if most <= 0:
        return [0.0, 1.0]
    rough = most / MOST_TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= rough)
    return [round(number * step, 12) for number in range(math.ceil(most / step) + 1)]


def log_ticks(least: float, most: float) -> list[float]:
    """The powers of ten around both."""
    first, last = math.floor(math.log10(least)), math.ceil(math.log10(most))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def number_text(value: float) -> str:
    """As people write it: three digits that count, thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def power_text(value: float) -> str:
    """A power of ten as one; any other number as it is."""
    power = math.log10(value)
    if not power.is_integer():
        return number_text(value)
    return f"10{str(int(power)).translate(_SUPERSCRIPTS)}"


def _text(
    x: float,
    y: float,
    text: str,
    *,
    colour: str = INK,
    anchor: str = "start",
    size: int = 12,
    weight: int = 400,
    has_halo: bool = False,
) -> str:
    """``has_halo``: what it lies upon does not shine through."""
    halo = ' stroke="#ffffff" stroke-width="3" paint-order="stroke"' if has_halo else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}"{halo}>{escape(text)}</text>'
    )
