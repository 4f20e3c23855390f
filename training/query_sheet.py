"""The query sheet: what was asked best and worst, with photos, spectrograms, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inference.plot_labels import plot_labels
from media import PhotoBox, UnreadableMediaError, load_waveform_with_notes
from training.evaluate import Evaluation
from training.pairs import Pairs
from training.plots import BAD, GOOD, INK
from triplets.prepared import ABSENT, PreparedMedia

SAMPLE_RATE_HZ = 24_000
HIGHEST_HZ = 11_000  # hardly a bird sings higher
SHOWN_SECONDS = 5.0


@dataclass(frozen=True)
class Shown:
    """A pair in a query sheet."""

    photo: np.ndarray | None  # uint8 [224, 224, 3], RGB
    photo_path: Path | None
    recording_path: Path | None  # whose spectrogram is drawn
    label: str  # its class
    photo_box: PhotoBox | None = None  # the animal in the photo; None for all of it

    @property
    def name(self) -> str:
        """The name of the photo, or of the recording where there is no photo."""
        path = self.photo_path or self.recording_path
        return "" if path is None else path.name


@dataclass(frozen=True)
class Neighbour:
    """A gallery pair that a query found."""

    shown: Shown
    similarity: float  # in [-1, 1]
    rank: int  # >= 1, among all pairs of the gallery
    is_right: bool  # whether it is of the query's class


@dataclass(frozen=True)
class AnsweredQuery:
    """A query and what it found.

    Args:
        query: the pair that asked.
        neighbours: from the nearest on; of pairs with one photo only the nearest, and the last is the
            nearest of the query's own class, if no nearer one is.
        gap: float in [-2, 2], by how much the nearest pair of its class is nearer than the nearest of
            another; above 0 where the answer is right.
    """

    query: Shown
    neighbours: tuple[Neighbour, ...]
    gap: float


def best_and_worst_queries(
    evaluation: Evaluation,
    gallery: PreparedMedia,
    queries: PreparedMedia,
    *,
    num_queries: int = 5,
    num_neighbours: int = 5,
) -> tuple[list[AnsweredQuery], list[AnsweredQuery]]:
    """The queries that were answered most and least clearly, by their gap; see `AnsweredQuery`.

    No photo and no recording asks twice in a list, and no query is in both.

    Args:
        evaluation: of these media.
        gallery: the media that were searched.
        queries: the media that asked.
        num_queries: int >= 1, in each list, where there are as many.
        num_neighbours: int >= 1.

    Returns:
        (best, worst), the clearest first; queries without a gap (the gallery lacks their class, or has
        nothing else) are in neither.
    """
    gaps = evaluation.nearest.gaps
    ascending = [int(row) for row in np.argsort(gaps, kind="stable") if np.isfinite(gaps[row])]
    pairs = evaluation.queries.pairs
    worst = pairs.without_common_files(ascending)[:num_queries]
    others = [row for row in ascending[::-1] if row not in worst]
    best = pairs.without_common_files(others)[:num_queries]

    def answered(row: int) -> AnsweredQuery:
        asked = _shown(queries, pairs, row)
        found = _neighbours(evaluation, gallery, row, num_neighbours)
        return AnsweredQuery(asked, found, float(gaps[row]))

    return [answered(row) for row in best], [answered(row) for row in worst]


def plot_query_sheet(answered: Sequence[AnsweredQuery], class_names: Sequence[str]) -> Figure:
    """Query photo and spectrogram on the left, then the nearest neighbours, marked right or wrong."""
    label_of = dict(zip(class_names, plot_labels(class_names), strict=True))
    columns = 1 + max(len(query.neighbours) for query in answered)
    shown = [
        each for query in answered for each in (query.query, *(n.shown for n in query.neighbours))
    ]
    photo_height = (
        2.1 if any(each.photo is not None for each in shown) else 0.3
    )  # room for the title
    sound_height = 0.9 if any(each.recording_path is not None for each in shown) else 0.05
    size = (2.1 * columns, (photo_height + sound_height) * len(answered))
    figure = Figure(figsize=size, layout="constrained")
    heights = [photo_height, sound_height] * len(answered)
    grid = figure.subplots(2 * len(answered), columns, squeeze=False, height_ratios=heights)
    for axes in grid.flat:
        axes.set_axis_off()
    for row, query in enumerate(answered):
        title = f"asks: {label_of[query.query.label]}\ngap {query.gap:+.2f}"
        _draw(grid[2 * row : 2 * row + 2, 0], query.query, title, INK)
        for column, found in enumerate(query.neighbours, start=1):
            mark, colour = ("✓", GOOD) if found.is_right else ("✗", BAD)
            title = f"{label_of[found.shown.label]}\n{mark} {found.similarity:.2f}"
            if found.rank > column:
                title += f" (rank {found.rank})"
            _draw(grid[2 * row : 2 * row + 2, column], found.shown, title, colour)
    return figure


def draw_spectrogram(axes: Axes, recording: Path) -> None:
    """The first seconds of a recording as a mel spectrogram, up to 11 kHz."""
    try:
        waveform, _ = load_waveform_with_notes(  # told of when it was embedded
            recording, sample_rate_hz=SAMPLE_RATE_HZ, max_seconds=SHOWN_SECONDS
        )
    except (UnreadableMediaError, FileNotFoundError):
        axes.text(0.5, 0.5, "cannot be read", ha="center", va="center", fontsize=8)
        return
    power = librosa.feature.melspectrogram(
        y=waveform,
        sr=SAMPLE_RATE_HZ,
        n_fft=768,
        hop_length=240,
        n_mels=64,
        fmin=125,
        fmax=HIGHEST_HZ,
    )
    decibels = librosa.power_to_db(power, ref=np.max, top_db=60)
    axes.imshow(decibels, origin="lower", aspect="auto", cmap="magma", interpolation="nearest")


def _neighbours(
    evaluation: Evaluation, gallery: PreparedMedia, row: int, at_most: int
) -> tuple[Neighbour, ...]:
    known = evaluation.gallery.pairs
    query = np.asarray(evaluation.queries.by_pattern["fused"][row], np.float64)
    similarity = np.asarray(evaluation.gallery.by_pattern["fused"], np.float64) @ query
    is_right = known.labels == evaluation.queries.pairs.labels[row]
    order = np.lexsort((is_right, -similarity.round(9)))  # of equals the wrong ones first
    shown = np.where(known.images == ABSENT, -2 - known.recordings, known.images)
    first_of_photo = np.sort(np.unique(shown[order], return_index=True)[1])
    ranks = [int(rank) for rank in first_of_photo[:at_most]]
    if not is_right[order[ranks]].any():
        ranks[-1] = int(np.flatnonzero(is_right[order])[0])
    return tuple(
        Neighbour(
            _shown(gallery, known, int(order[rank])),
            float(similarity[order[rank]]),
            rank + 1,
            bool(is_right[order[rank]]),
        )
        for rank in ranks
    )


def _shown(media: PreparedMedia, pairs: Pairs, row: int) -> Shown:
    i, j = int(pairs.images[row]), int(pairs.recordings[row])
    image = None if i == ABSENT else media.images[i]
    return Shown(
        None if image is None else np.asarray(image.feature()),
        None if image is None else image.path,
        None if j == ABSENT else media.recordings[j].path,
        str(pairs.labels[row]),
        None if image is None else image.box,
    )


def _draw(cells: np.ndarray, shown: Shown, title: str, colour: str) -> None:
    photo, sound = cells
    if shown.photo is not None:
        photo.imshow(shown.photo)
    photo.set_title(title, color=colour, fontsize=9)
    if shown.recording_path is not None:
        draw_spectrogram(sound, shown.recording_path)
