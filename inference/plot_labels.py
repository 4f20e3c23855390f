"""Names as a picture can show them: short, whatever script and signs they are made of."""

from collections.abc import Sequence
from functools import cache

from matplotlib import font_manager

MAX_LENGTH = 26


def plot_labels(
    names: Sequence[str], max_length: int = MAX_LENGTH, word: str = "class"
) -> list[str]:
    """One label per class, individual or file, to be drawn as text, of at most so many characters.

    Long names lose their middle, because nested ones ("house_sparrow/blue_left_leg") differ at the end. A
    name in a script that the picture's font cannot draw becomes "class 7", its number in the list.
    """
    return [
        plain_text(shortened(name, max_length) if can_draw(name) else f"{word} {number}")
        for number, name in enumerate(names, start=1)
    ]


def shortened(name: str, max_length: int = MAX_LENGTH) -> str:
    """The name, or its beginning and end with "…" between them, `max_length` characters in all."""
    if len(name) <= max_length:
        return name
    head = (max_length - 1) // 2
    return f"{name[:head]}…{name[len(name) - (max_length - 1 - head) :]}"


def individual_label(individual: str, name: str | None, max_length: int = MAX_LENGTH) -> str:
    """An individual as pictures call it: "#7 Bruno", its name left out where the font cannot draw it.

    A count's number "7" becomes "#7"; a catalogue's id stays.
    """
    mark = f"#{individual}" if individual.isdecimal() else individual
    return plot_labels(
        [f"{mark} {name}" if name and can_draw(name) else mark], max_length, "individual"
    )[0]


def plain_text(name: str) -> str:
    """The name such that Matplotlib draws it as it is: no mathematics between dollars, no hidden `_`."""
    spaced = f" {name}" if name.startswith("_") else name
    return "".join(sign if sign.isprintable() else " " for sign in spaced).replace("$", r"\$")


def can_draw(name: str) -> bool:
    """Whether the picture's font has all signs of a name."""
    return all(ord(sign) in _drawable() for sign in name if sign.isprintable())


@cache
def _drawable() -> frozenset[int]:
    """Code points of Matplotlib's own font."""
    return frozenset(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())
