"""The curve of a click's time over the side of the plane, as an SVG picture: no library is needed for two lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.large import Plane
    from benchmarks.planes import Measure

WIDTH, HEIGHT = 720, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 40, 24, 56
COLORS = ("#3b82c4", "#d6a657")
TEXT = 'font-family="sans-serif" font-size="13" fill="#808080"'


def drawn(planes: Sequence[Plane], measures: Sequence[Measure]) -> str:
    """Return an SVG of the least time of each plane, in milliseconds, over its side on a scale of doublings."""
    most = max(one.figures[measure].least for one in planes for measure in measures)
    top = 10 * math.ceil(max(most, 30) / 10)
    first, last = (math.log2(one.side) for one in (planes[0], planes[-1]))

    def at(side: float, ms: float) -> tuple[float, float]:
        across = (math.log2(side) - first) / (last - first)
        x = LEFT + across * (WIDTH - LEFT - RIGHT)
        return x, HEIGHT - BOTTOM - ms / top * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">']
    for ms in range(0, top + 1, 10):
        (x, y), end = at(planes[0].side, ms), WIDTH - RIGHT
        parts.append(f'<path d="M{x:.0f} {y:.1f}H{end}" stroke="#808080" stroke-opacity="0.3"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" {TEXT}>{ms} ms</text>')
    for one in planes:
        x, y = at(one.side, 0)
        parts.append(f'<text x="{x:.0f}" y="{y + 20:.0f}" text-anchor="middle" {TEXT}>{one.side:,}²</text>')
    for number, (measure, color) in enumerate(zip(measures, COLORS, strict=False)):
        points = [at(one.side, one.figures[measure].least) for one in planes]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>' for x, y in points]
        x, y = LEFT + 4 + 300 * number, HEIGHT - 10
        parts.append(f'<path d="M{x} {y - 4}h22" stroke="{color}" stroke-width="2.5"/>')
        parts.append(f'<text x="{x + 30}" y="{y}" {TEXT}>{measure.what}</text>')
    return "\n".join([*parts, "</svg>", ""])
