"""Draw a run as a bar chart in SVG: one panel per row, one bar per server, lower is better. Pure."""

from __future__ import annotations

from html import escape
from typing import Final

from loadtest.bench.report import number
from loadtest.bench.results import COMPARISON, METRICS, Results, RowInfo
from loadtest.bench.stats import Spread

_WIDTH: Final = 920
_LABELS: Final = 400
_BARS: Final = 420
_BAR: Final = 16
_STEP: Final = 22
_HEAD: Final = 46
_OURS: Final = "#0b7a75"
_PEER: Final = "#9aa5b1"


def svg(results: Results) -> str:
    """Draw the rows in which all servers take part; whiskers show the lowest and the highest round."""
    figures = results.spreads()
    panels: list[str] = []
    top = 10
    for row in (row for row in results.rows if row.group == COMPARISON):
        bars = [
            (peer.title, peer.name.startswith("roomcast"), figures[row.name, peer.name][row.headline])
            for peer in results.peers
            if row.headline in figures.get((row.name, peer.name), {})
        ]
        if bars:
            panels.append(_panel(row, bars, top))
            top += _HEAD + _STEP * len(bars) + 14
    style = "text{font:13px system-ui,sans-serif;fill:#1f2933}.t{font-weight:600}.s{fill:#52606d;font-size:12px}"
    ground = f'<rect width="{_WIDTH}" height="{top}" rx="8" fill="#ffffff"/>'
    body = "".join(panels)
    size = f'width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><style>{style}</style>{ground}{body}</svg>\n'


def _panel(row: RowInfo, bars: list[tuple[str, bool, Spread]], top: int) -> str:
    scale = _BARS / (max(figure.high for _, _, figure in bars) or 1.0)
    lines = [
        f'<text class="t" x="16" y="{top + 16}">{escape(row.title)}</text>',
        f'<text class="s" x="16" y="{top + 34}">{escape(METRICS[row.headline])}: less is better</text>',
    ]
    for place, (title, ours, figure) in enumerate(bars):
        lines.append(_bar(title, ours, figure, scale, top + _HEAD + place * _STEP))
    return "".join(lines)


def _bar(title: str, ours: bool, figure: Spread, scale: float, y: int) -> str:
    width = max(1.0, figure.median * scale)
    low, high = _LABELS + figure.low * scale, _LABELS + figure.high * scale
    middle, text = y + _BAR / 2, y + _BAR - 3
    return (
        f'<text x="{_LABELS - 8}" y="{text}" text-anchor="end">{escape(title)}</text>'
        f'<rect x="{_LABELS}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2" fill="{_OURS if ours else _PEER}"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke="#1f2933"/>'
        f'<text x="{max(high, _LABELS + width) + 6:.1f}" y="{text}">{number(figure.median)}</text>'
    )
