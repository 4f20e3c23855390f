"""Curves as points of an SVG, which needs no script and no style of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, BOTTOM = 520, 190, 44, 22


@dataclass(frozen=True)
class Chart:
    """Curves over epochs.

    Attributes:
        title: what is drawn.
        lines: of each curve its name and "x,y x,y ..." in the SVG.
        ticks: of the vertical axis: its text and y.
        num: int, epochs.
        last: of each curve its name and last value.
    """

    title: str
    lines: tuple[tuple[str, str], ...]
    ticks: tuple[tuple[str, float], ...]
    num: int
    last: tuple[tuple[str, float], ...]


def chart(title: str, curves: Sequence[tuple[str, Sequence[float]]]) -> Chart | None:
    """Several curves over the same epochs; None where there is nothing to draw."""
    known = [(name, [float(v) for v in values]) for name, values in curves if len(values)]
    finite = [value for _, values in known for value in values if math.isfinite(value)]
    if not finite:
        return None
    low, high = min(0.0, *finite), max(finite)
    high = high if high > low else low + 1.0
    num = max(len(values) for _, values in known)

    def y(value: float) -> float:
        return round(6 + (HEIGHT - BOTTOM - 6) * (1 - (value - low) / (high - low)), 1)

    def points(values: Sequence[float]) -> str:
        step = (WIDTH - LEFT - 8) / max(num - 1, 1)
        return " ".join(
            f"{LEFT + k * step:.1f},{y(value)}"
            for k, value in enumerate(values)
            if math.isfinite(value)
        )

    ticks = [low + (high - low) * k / 4 for k in range(5)]
    return Chart(
        title,
        tuple((name, points(values)) for name, values in known),
        tuple((f"{tick:.3g}", y(tick)) for tick in ticks),
        num,
        tuple((name, values[-1]) for name, values in known),
    )
