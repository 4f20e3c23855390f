"""The templates of all pages, in `templates/`, and a page with its pictures in one HTML file."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def templates() -> jinja2.Environment:
    """The templates: what is put into HTML is escaped, and a value that is missing is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("app.reports"),
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.do"],
    )
    environment.filters["cell"] = _cell
    return environment


def _cell(value: object) -> str:
    """Floats with three decimals, NaN as a dash."""
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.3f}"
    return str(value)


def write_report(
    path: str | Path, template: str, figures: Mapping[str, Figure], **values: object
) -> Path:
    """Writes a page; its pictures are inside it, so that it can be mailed, and beside it in `pictures/`.

    Args:
        path: of the .html file; its folder is made.
        template: a name in `templates/`.
        figures: by the names of their files; the template has them as `pictures`, sources of images.
        values: what the template says.

    Returns:
        The path.
    """
    target = Path(path)
    folder = target.parent / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {name: _picture(figure, folder / name) for name, figure in figures.items()}
    page = templates().get_template(template).render(pictures=pictures, **values)
    target.write_text(page, "utf-8", errors="backslashreplace")  # file names of damaged encoding
    return target


def data_address(kind: str, content: bytes) -> str:
    """An image as the source of an HTML image; kind: "jpeg" or "png"."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _picture(figure: Figure, path: Path) -> str:
    """The figure as the source of an image; also written to a file of this name."""
    images = [image for axes in figure.axes for image in axes.images]
    has_photos = any(np.asarray(image.get_array()).ndim == 3 for image in images)
    kind = "jpeg" if has_photos else "png"
    data = io.BytesIO()
    quality = {"quality": 85} if has_photos else None
    figure.savefig(data, format=kind, dpi=110, pil_kwargs=quality)
    path.with_suffix(f".{kind}").write_bytes(data.getvalue())
    return data_address(kind, data.getvalue())
