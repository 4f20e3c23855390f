"""A page: headings, paragraphs, tables and pictures in one HTML file, to be mailed and kept."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from app.reports.rendering import templates


@dataclass(frozen=True)
class Section:
    """One part of a page.

    Args:
        heading: its title.
        text: a paragraph, or several; plain text.
        header: of the table; empty for none.
        rows: of the table; the first cell names the row; floats are shown with three decimals, NaN as "–".
        figure: a picture.
        alt: what the picture shows, for those who cannot see it.
        caption: what the table holds.
        is_note: whether the text is a warning to be seen first.
    """

    heading: str
    text: str | Sequence[str] = ""
    header: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    figure: Figure | None = None
    alt: str = ""
    caption: str = ""
    is_note: bool = False

    @property
    def texts(self) -> list[str]:
        """The paragraphs."""
        given = [self.text] if isinstance(self.text, str) else self.text
        return [text for text in given if text]

    @property
    def columns_of_words(self) -> list[bool]:
        """Which columns of the table hold text."""
        return [isinstance(cell, str) and bool(cell) for cell in self.rows[0]]


def write_report(path: str | Path, title: str, sections: Iterable[Section]) -> Path:
    """Writes the page; pictures are inside it, so that it is one file, and beside it in `pictures/`.

    Args:
        path: of the .html file.
        title: of the page.
        sections: in order.

    Returns:
        The path.
    """
    folder = Path(path).parent / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    listed = list(sections)
    pictures = [_picture(section, folder) for section in listed]
    template = templates().get_template("report.html")
    page = template.render(title=title, sections=listed, pictures=pictures)
    target = Path(path)
    target.write_text(page, "utf-8", errors="backslashreplace")  # file names of damaged encoding
    return target


def _picture(section: Section, folder: Path) -> str | None:
    """The section's figure as the source of an image; a file of it goes to the folder."""
    if section.figure is None:
        return None
    images = [image for axes in section.figure.axes for image in axes.images]
    has_photos = any(np.asarray(image.get_array()).ndim == 3 for image in images)
    kind = "jpeg" if has_photos else "png"
    data = io.BytesIO()
    section.figure.savefig(
        data, format=kind, dpi=110, pil_kwargs={"quality": 85} if has_photos else None
    )
    name = re.sub(r"[^a-z0-9]+", "_", section.heading.lower()).strip("_")
    (folder / f"{name}.{kind}").write_bytes(data.getvalue())
    return f"data:image/{kind};base64,{base64.b64encode(data.getvalue()).decode()}"
