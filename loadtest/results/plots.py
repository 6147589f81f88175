"""Line charts as SVG, for a page without scripts. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

WIDTH: Final = 560
HEIGHT: Final = 220
_LEFT: Final = 52
_RIGHT: Final = 12
_TOP: Final = 34
_BOTTOM: Final = 28
_LINES: Final = 4
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Line colours, distinguishable with the common kinds of colour blindness (Okabe and Ito, 2008)."""

Series = Sequence[tuple[float, float | None]]
"""Points `(seconds, value)`; None interrupts the line."""


def line_chart(title: str, unit: str, series: Mapping[str, Series]) -> str:
    """Return a chart of up to four lines over the same time axis, with a legend."""
    points = [point for line in series.values() for point in line]
    end = max((at for at, _ in points), default=0.0) or 1.0
    top = nice_ceiling(max((value for _, value in points if value is not None), default=0.0))
    parts = [_axes(end, top, unit), _legend(title, series)]
    for line, colour in zip(series.values(), COLOURS, strict=False):
        parts.append(f'<path d="{_path(line, end, top)}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
    label = escape(f"{title}, {unit}")
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def nice_ceiling(value: float) -> float:
    """Return 1, 2, 2.5 or 5 times a power of ten that is not below `value`; 1 for 0."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * (1 - 1e-9))


def _path(line: Series, end: float, top: float) -> str:
    commands, is_open = [], False
    for at, value in line:
        if value is None:
            is_open = False
            continue
        commands.append(f"{'L' if is_open else 'M'}{_x(at, end):.1f} {_y(value, top):.1f}")
        is_open = True
    return "".join(commands)


def _axes(end: float, top: float, unit: str) -> str:
    parts = []
    for step in range(_LINES + 1):
        value = top * step / _LINES
        y = _y(value, top)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for step in range(_LINES + 1):
        seconds = end * step / _LINES
        anchor = "end" if step == _LINES else "middle"
        parts.append(f'<text x="{_x(seconds, end):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{seconds:.0f} s</text>')
    parts.append(f'<text x="{_LEFT - 6}" y="{_TOP - 12}" text-anchor="end">{escape(unit)}</text>')
    return "".join(parts)


def _legend(title: str, series: Mapping[str, Series]) -> str:
    parts = [f'<text class="title" x="{_LEFT}" y="16">{escape(title)}</text>']
    x = WIDTH - _RIGHT
    for name, colour in reversed(list(zip(series, COLOURS, strict=False))):
        parts.append(f'<text x="{x}" y="16" text-anchor="end" style="fill:{colour}">{escape(name)}</text>')
        x -= 12 + 7 * len(name)
    return "".join(parts)


def _x(at: float, end: float) -> float:
    return _LEFT + at / end * (WIDTH - _LEFT - _RIGHT)


def _y(value: float, top: float) -> float:
    return HEIGHT - _BOTTOM - min(1.0, value / top) * (HEIGHT - _TOP - _BOTTOM)
