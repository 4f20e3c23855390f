"""A page: headings, paragraphs, tables and pictures in one HTML file, to be mailed and kept."""

from __future__ import annotations

import base64
import html
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.4rem; border-bottom: 1px solid #ddd; }
p { max-width: 48rem; color: #444; }
.note { border-left: 4px solid #c77700; padding-left: .8rem; color: #222; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; }
.table { overflow: auto; max-height: 40rem; margin: 1rem 0; } .table:focus { outline: 2px solid #2a7f4f; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #444; padding-bottom: .4rem; }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; vertical-align: top; }
th, td { border-bottom: 1px solid #eee; }
th, td { overflow-wrap: normal; min-width: 3.2rem; }
thead th { position: sticky; top: 0; background: #fff; white-space: nowrap; }
th[scope=row], .words { text-align: left; max-width: 20rem; } th[scope=row] { font-weight: normal; }
th[scope=row], td.words { overflow-wrap: anywhere; min-width: 8rem; }
@media print { .table { max-height: none; } }
"""


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


def write_report(path: str | Path, title: str, sections: Iterable[Section]) -> Path:
    """Writes the page; pictures are inside it, so that it is one file, and beside it in `pictures/`.

    Args:
        path: of the .html file.
        title: of the page.
        sections: in order.

    Returns:
        The path.
    """
    pictures = Path(path).parent / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    body = "\n".join(_section(section, pictures) for section in sections)
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f"<title>{html.escape(title)}</title>\n"
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><main>\n<h1>{html.escape(title)}</h1>\n{body}\n</main></body></html>\n"
    )
    target = Path(path)
    target.write_text(
        page, encoding="utf-8", errors="backslashreplace"
    )  # names of damaged encoding
    return target


def _section(section: Section, pictures: Path) -> str:
    texts = [section.text] if isinstance(section.text, str) else section.text
    style = ' class="note"' if section.is_note else ""
    parts = [f"<h2>{html.escape(section.heading)}</h2>"]
    parts += [f"<p{style}>{html.escape(text)}</p>" for text in texts if text]
    if section.figure is not None:
        kind, data = _encoded(section.figure)
        name = re.sub(r"[^a-z0-9]+", "_", section.heading.lower()).strip("_")
        (pictures / f"{name}.{kind}").write_bytes(data)
        source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
        parts.append(f'<figure><img alt="{html.escape(section.alt)}" src="{source}"></figure>')
    if section.rows:
        parts.append(_table(section))
    return "\n".join(["<section>", *parts, "</section>"])


def _table(section: Section) -> str:
    is_words = [isinstance(cell, str) and bool(cell) for cell in section.rows[0]]
    head = "".join(
        f'<th scope="col"{_words(words)}>{html.escape(text)}</th>'
        for text, words in zip(section.header, is_words, strict=True)
    )
    body = "".join(f"<tr>{_cells(row, is_words)}</tr>" for row in section.rows)
    name = html.escape(section.caption or section.heading)
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{name}">'
        f"<table><caption>{html.escape(section.caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cells(row: Sequence[object], is_words: Sequence[bool]) -> str:
    texts = [html.escape(_text(cell)) for cell in row]
    others = (
        f"<td{_words(words)}>{text}</td>"
        for text, words in zip(texts[1:], is_words[1:], strict=True)
    )
    return f'<th scope="row">{texts[0]}</th>{"".join(others)}'


def _words(is_words: bool) -> str:
    return ' class="words"' if is_words else ""


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return "–" if math.isnan(cell) else f"{cell:.3f}"
    return str(cell)


def _encoded(figure: Figure) -> tuple[str, bytes]:
    """Kind and bytes of the picture: PNG, or JPEG where it is made of photos."""
    images = [image for axes in figure.axes for image in axes.images]
    is_photographic = any(np.asarray(image.get_array()).ndim == 3 for image in images)
    data = io.BytesIO()
    if is_photographic:
        figure.savefig(data, format="jpeg", dpi=110, pil_kwargs={"quality": 85})
    else:
        figure.savefig(data, format="png", dpi=110)
    return "jpeg" if is_photographic else "png", data.getvalue()
