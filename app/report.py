"""Reports: one HTML page that holds its pictures, to be mailed and kept."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from training.evaluate import Evaluation
from training.plots import plot_embedding_map, plot_history, plot_query_sheet, query_sheet
from triplets.features import PreparedMedia

METRICS = ("precision_at_1", "r_precision", "mean_average_precision_at_r")
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.4rem; border-bottom: 1px solid #ddd; }
img { max-width: 100%; height: auto; } table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; border-bottom: 1px solid #eee; }
th:first-child, td:first-child { text-align: left; } .note { color: #555; }
"""


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Args:
        heading: its title.
        text: a paragraph, plain text.
        header: of the table; empty for none.
        rows: of the table; floats are shown with three decimals.
        figure: a picture, with `alt` for those who cannot see it.
        alt: what the picture shows.
    """

    heading: str
    text: str = ""
    header: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    figure: Figure | None = None
    alt: str = ""


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
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>\n'
        f"<body>\n<h1>{html.escape(title)}</h1>\n{body}\n</body></html>\n"
    )
    target = Path(path)
    target.write_text(page, encoding="utf-8")
    return target


def evaluation_sections(
    evaluation: Evaluation,
    gallery: PreparedMedia,
    queries: PreparedMedia,
    history: dict[str, list[float]],
) -> list[Section]:
    """Curves, numbers, a query sheet and a map: what there is to see of a trained encoder."""
    low, high = evaluation.interval
    numbers = [(name, *(row[m] for m in METRICS)) for name, row in evaluation.rows.items()]
    return [
        Section(
            "Training",
            f"{len(gallery.images)} photos and {len(gallery.recordings)} recordings of "
            f"{len(gallery.class_names)} classes.",
            figure=plot_history(history),
            alt="Triplet loss and held-out precision over the epochs",
        ),
        Section(
            "Held-out photos and calls find their class",
            f"{len(evaluation.queries.pairs.labels)} pairs that were never trained on, against "
            f"{len(evaluation.gallery.pairs.labels)} pairs of the gallery. The 95 % interval of the fused "
            f"precision at 1 is {low:.3f} to {high:.3f} (bootstrap over recordings). without_sound and "
            "without_photo ask the fused gallery with one modality; image_only and audio_only have one on "
            "both sides; the raw rows use no encoder.",
            ("asked with", "P@1", "R-precision", "mAP@R"),
            numbers,
        ),
        Section(
            "Queries and their nearest neighbours",
            "Left, a held-out photo and its call; then the nearest pairs of the gallery with their cosine "
            "similarity, green where the class is right.",
            figure=plot_query_sheet(query_sheet(evaluation, gallery, queries)),
            alt="Query photos with spectrograms and their nearest neighbours",
        ),
        Section(
            "Where embeddings lie",
            figure=plot_embedding_map(
                evaluation.queries.by_pattern["fused"], evaluation.queries.pairs.labels.tolist()
            ),
            alt="Map of the embeddings of held-out pairs, coloured by class",
        ),
    ]


def _section(section: Section, pictures: Path) -> str:
    parts = [f"<h2>{html.escape(section.heading)}</h2>"]
    if section.text:
        parts.append(f'<p class="note">{html.escape(section.text)}</p>')
    if section.rows:
        parts.append(_table(section.header, section.rows))
    if section.figure is not None:
        data = _png(section.figure)
        (pictures / f"{section.heading.lower().replace(' ', '_')}.png").write_bytes(data)
        source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
        parts.append(f'<img alt="{html.escape(section.alt)}" src="{source}">')
    return "\n".join(parts)


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    def cells(tag: str, values: Iterable[object]) -> str:
        texts = (f"{v:.3f}" if isinstance(v, float) else str(v) for v in values)
        return "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in texts)

    lines = [
        f"<tr>{cells('th', header)}</tr>",
        *(f"<tr>{cells('td', row)}</tr>" for row in rows),
    ]
    return f"<table>{''.join(lines)}</table>"


def _png(figure: Figure) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    return data.getvalue()
