"""Names of classes as a picture can show them: short, whatever script and signs they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from matplotlib import font_manager

MAX_LENGTH = 26


def plot_labels(names: Sequence[str], max_length: int = MAX_LENGTH) -> list[str]:
    """What stands for each class in a picture.

    Long names lose their middle, because nested ones ("house_sparrow/blue_left_leg") differ at the end. A
    name in a script that the picture's font cannot draw becomes "class 7", its number in the list of
    classes, counted from 1.

    Args:
        names: all classes, in the order of their list.
        max_length: int >= 3, of a label.

    Returns:
        One label per name, to be drawn as text: without mathematics, and never hidden from a legend.
    """
    return [
        plain_text(shortened(name, max_length) if _can_draw(name) else f"class {number}")
        for number, name in enumerate(names, start=1)
    ]


def shortened(name: str, max_length: int = MAX_LENGTH) -> str:
    """The name, or its beginning and end with "…" between, of `max_length` characters in all."""
    if len(name) <= max_length:
        return name
    head = (max_length - 1) // 2
    return f"{name[:head]}…{name[len(name) - (max_length - 1 - head) :]}"


def plain_text(name: str) -> str:
    """The name such that Matplotlib draws it as it is: no mathematics between dollars, no hidden `_`."""
    spaced = f" {name}" if name.startswith("_") else name
    return "".join(sign if sign.isprintable() else " " for sign in spaced).replace("$", r"\$")


def _can_draw(name: str) -> bool:
    return all(ord(sign) in _drawable() for sign in name if sign.isprintable())


@cache
def _drawable() -> frozenset[int]:
    """Code points of Matplotlib's own font."""
    return frozenset(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())
