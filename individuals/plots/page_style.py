"""What the pictures of a count share: an A4 page's width, and colours that everyone can tell apart."""

from typing import Any

from matplotlib.figure import Figure

Style = dict[str, Any]  # keywords of Matplotlib, each of another type

A4_WIDTH, A4_HEIGHT = 8.27, 11.69  # inches
INK, FAINT, PALE = "#222222", "#777777", "#ececec"
RIGHT, WRONG = "#00664f", "#b3362b"
# Okabe and Ito's colours without yellow and black; of any two, someone with no red, green or blue cones
# sees two.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def empty_page(text: str) -> Figure:
    """A figure that says why there is nothing to see."""
    figure = Figure(figsize=(A4_WIDTH, 1.2))
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=11, color=FAINT)
    return figure
