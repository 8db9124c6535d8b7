"""A force curve as a small inline SVG: what the wrist felt while a part went in."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import pairwise
from math import ceil

import numpy as np

from cells.pose import Array

WIDTH, HEIGHT = 340, 170
LEFT, RIGHT, TOP, BOTTOM = 34, 8, 10, 24
MOST_POINTS = 300


def thin(time: Array, force: Array, most: int = MOST_POINTS) -> tuple[Array, Array]:
    """At most ``most`` points of a curve, each the extreme of its stretch, so that no peak is lost."""
    if len(force) <= most:
        return time, force
    edges = np.linspace(0, len(force), most + 1).astype(int)
    picked = np.array([a + int(np.argmax(np.abs(force[a:b]))) for a, b in pairwise(edges)])
    return time[picked], force[picked]


def force_curve(telemetry: Mapping[str, Array], limit: float, title: str) -> str:
    """SVG of |vertical force| and |sideways force| in N over seconds, with the cell's force limit where it fits."""
    time = telemetry["time"] - telemetry["time"][0]
    wrench = telemetry["wrench"]
    along, side = np.abs(wrench[:, 2]), np.hypot(wrench[:, 0], wrench[:, 1])
    top = nice(max(5.0, float(np.max(along)), float(np.max(side))))
    end = max(float(time[-1]), 1e-3)
    inner_w, inner_h = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(seconds: float) -> float:
        return LEFT + inner_w * seconds / end

    def y(newton: float) -> float:
        return TOP + inner_h * (1 - newton / top)

    def line(name: str, values: Array) -> str:
        points = " ".join(f"{x(t):.1f},{y(f):.1f}" for t, f in zip(*thin(time, values), strict=True))
        return f'<polyline class="{name}" points="{points}"/>'

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for newton in (0.0, top / 2, top):
        parts.append(f'<path class="axis" d="M{LEFT} {y(newton):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y(newton) + 3:.1f}" text-anchor="end">{newton:g}</text>')
    for seconds in (0.0, end / 2, end):
        parts.append(f'<text x="{x(seconds):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{seconds:.1f}</text>')
    parts.append(f'<text x="{LEFT - 28}" y="{TOP + 3}">N</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end" dx="0" dy="-12">s</text>')
    if limit <= top:
        parts.append(f'<path class="limit" d="M{LEFT} {y(limit):.1f}H{WIDTH - RIGHT}"/>')
    parts += [line("side", side), line("force", along), "</svg>"]
    return "".join(parts)


def nice(value: float) -> float:
    """The next round number from ``value`` up, for the top of an axis."""
    step = 10.0 if value > 20 else 5.0
    return step * ceil(value / step)
