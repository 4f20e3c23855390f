"""What queries and the photos that they found share in detail: lines between the two photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from inference.matching import KeypointStore, LocalFeatures, RootSift, draw_match, match_shortlist
from inference.plot_labels import plot_labels
from media import PhotoBox, load_image
from training.plots import BAD, GOOD
from training.query_sheet import AnsweredQuery, Shown


def plot_query_matches(
    answered: Sequence[AnsweredQuery],
    class_names: Sequence[str],
    *,
    features: LocalFeatures | None = None,
    directory: str | Path | None = None,
) -> Figure:
    """A row for each query: beside the nearest photo that it found, and the nearest of its own class.

    Lines join the points that both photos share and that few other photos of the row's shortlist show.

    Args:
        answered: from `best_and_worst_queries`; those without a photo are left out.
        class_names: all of them.
        features: finds and describes points. Default: `RootSift()`.
        directory: where points are kept; see `KeypointStore`.

    Raises:
        FileNotFoundError, UnreadableMediaError: a photo is no longer there, or cannot be decoded.
        ValueError: no query has a photo.
    """
    label_of = dict(zip(class_names, plot_labels(class_names), strict=True))
    store = KeypointStore(features or RootSift(), directory)
    asking = [query for query in answered if query.query.photo_path is not None]
    if not asking:
        raise ValueError("Expected queries with photos to compare, received none.")
    figure = Figure(figsize=(12, 2.6 * len(asking)), layout="constrained")
    grid = figure.subplots(len(asking), 2, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for row, query in zip(grid, asking, strict=True):
        found = [near for near in query.neighbours if near.shown.photo_path is not None]
        points = [store.get(*_photo_of(near.shown)) for near in found]
        asked = _photo_of(query.query)
        matches = match_shortlist(store.get(*asked), points)
        right = next((place for place, near in enumerate(found) if near.is_right), 0)
        for axes, place in zip(row, dict.fromkeys((0, right)) if found else (), strict=False):
            near, match = found[place], matches[place]
            photos = (load_image(*asked), load_image(*_photo_of(near.shown)))
            axes.imshow(draw_match(*photos, match))
            mark, colour = ("✓", GOOD) if near.is_right else ("✗", BAD)
            names = f"{label_of[query.query.label]} | {label_of[near.shown.label]}"
            axes.set_title(f"{names}\n{mark} {len(match)} shared points", color=colour, fontsize=9)
    return figure


def _photo_of(shown: Shown) -> tuple[Path, PhotoBox | None]:
    """Its file, and the animal in it."""
    if shown.photo_path is None:  # the caller leaves these out
        raise ValueError(f"'{shown.name}' has no photo to compare.")
    return shown.photo_path, shown.photo_box
