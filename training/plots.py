"""Pictures of a training run: its curves, what was found, and where embeddings lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fused_encoder.media import UnreadableMediaError, load_waveform
from training.evaluate import Evaluation
from triplets.features import PreparedMedia

GOOD, BAD, INK, SECOND = "#2a7f4f", "#b3362b", "#222222", "#c77700"
SAMPLE_RATE_HZ = 16000
SHOWN_SECONDS = 5.0


@dataclass(frozen=True)
class Shown:
    """A photo, a call, and what is written above them.

    Args:
        photo: uint8 [height, width, 3], RGB.
        recording: file, or None for no spectrogram.
        caption: one line.
        is_right: bool, or None for the query itself.
    """

    photo: np.ndarray
    recording: Path | None
    caption: str
    is_right: bool | None = None


def plot_history(history: dict[str, list[float]]) -> Figure:
    """Loss, and retrieval on held-out pairs, over the epochs.

    Args:
        history: of each epoch, as `train_encoder` gives it: `loss`, `val_precision_at_1`, ...
    """
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = np.arange(1, len(history["loss"]) + 1)
    left.plot(epochs, history["loss"], color=INK, marker="o", markersize=3)
    left.set(title="Triplet loss", xlabel="epoch", ylabel="loss", ylim=(0, None))
    for name, label, colour in (
        ("val_precision_at_1", "precision at 1", GOOD),
        ("val_mean_average_precision_at_r", "mAP@R", SECOND),
    ):
        if name in history:
            right.plot(epochs, history[name], color=colour, marker="o", markersize=3, label=label)
    right.set(title="Held-out pairs find their class", xlabel="epoch", ylim=(0, 1.02))
    if right.lines:
        right.legend(loc="lower right", frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def query_sheet(
    evaluation: Evaluation,
    gallery: PreparedMedia,
    queries: PreparedMedia,
    *,
    num_queries: int = 6,
    num_neighbours: int = 5,
) -> list[list[Shown]]:
    """Some queries with their nearest neighbours: what `plot_query_sheet` draws.

    Args:
        evaluation: of these media.
        gallery: the media that were searched.
        queries: the media that asked.
        num_queries: int >= 1, spread over the classes.
        num_neighbours: int >= 1.

    Returns:
        For each query, itself and its neighbours from the nearest on.
    """
    asking, known = evaluation.queries.pairs, evaluation.gallery.pairs
    chosen = np.unique(np.linspace(0, len(asking.labels) - 1, num_queries).round().astype(int))
    similarity = np.asarray(
        evaluation.queries.by_pattern["fused"][chosen] @ evaluation.gallery.by_pattern["fused"].T
    )
    rows = []
    for query, similar in zip(chosen, similarity, strict=True):
        row = [
            _shown(queries, asking.images[query], asking.recordings[query], asking.labels[query])
        ]
        for neighbour in np.argsort(-similar, kind="stable")[:num_neighbours]:
            caption = f"{known.labels[neighbour]}  {similar[neighbour]:.2f}"
            is_right = bool(known.labels[neighbour] == asking.labels[query])
            image, recording = known.images[neighbour], known.recordings[neighbour]
            row.append(_shown(gallery, image, recording, caption, is_right))
        rows.append(row)
    return rows


def plot_query_sheet(rows: Sequence[Sequence[Shown]]) -> Figure:
    """Query photo and spectrogram on the left, then the nearest neighbours, green where right."""
    columns = max(len(row) for row in rows)
    figure = Figure(figsize=(2.1 * columns, 2.9 * len(rows)), layout="constrained")
    grid = figure.subplots(
        2 * len(rows), columns, squeeze=False, height_ratios=[3, 1.2] * len(rows)
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for index, row in enumerate(rows):
        for column, shown in enumerate(row):
            photo, sound = grid[2 * index, column], grid[2 * index + 1, column]
            colour = {None: INK, True: GOOD, False: BAD}[shown.is_right]
            photo.imshow(shown.photo)
            prefix = "query: " if shown.is_right is None else ""
            photo.set_title(prefix + _short(shown.caption), color=colour, fontsize=9)
            draw_spectrogram(sound, shown.recording)
    return figure


def plot_embedding_map(embeddings: np.ndarray, labels: Sequence[str], *, seed: int = 0) -> Figure:
    """Embeddings on a plane (t-SNE): neighbours stay neighbours, distances between groups mean little.

    Args:
        embeddings: float32 [num, embedding_size], unit length, num >= 3.
        labels: [num], one colour each.
        seed: int, for the layout.
    """
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(embeddings) - 1) / 3)
    layout = TSNE(perplexity=perplexity, init="pca", metric="cosine", random_state=seed)
    points = layout.fit_transform(np.asarray(embeddings))
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    names = sorted(set(labels))
    colours = _colours(len(names))
    markers = "osD^vP*X"
    for index, name in enumerate(names):
        members = points[np.array([label == name for label in labels])]
        axes.scatter(
            members[:, 0],
            members[:, 1],
            s=26,
            label=_short(name),
            color=colours[index],
            marker=markers[index % len(markers)],
            edgecolor="white",
            linewidth=0.4,
        )
    axes.set(title="Embeddings of held-out pairs (t-SNE)", xticks=[], yticks=[])
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False)
    return figure


def draw_spectrogram(axes: Axes, recording: Path | None) -> None:
    """The first seconds of a recording as a mel spectrogram, up to YAMNet's 7.5 kHz."""
    if recording is None:
        return
    try:
        waveform = load_waveform(recording, max_seconds=SHOWN_SECONDS)
    except (UnreadableMediaError, FileNotFoundError):
        axes.text(0.5, 0.5, "cannot be read", ha="center", va="center", fontsize=8)
        return
    power = librosa.feature.melspectrogram(
        y=waveform, sr=SAMPLE_RATE_HZ, n_fft=512, hop_length=160, n_mels=64, fmin=125, fmax=7500
    )
    decibels = librosa.power_to_db(power, ref=np.max, top_db=60)
    axes.imshow(decibels, origin="lower", aspect="auto", cmap="magma", interpolation="nearest")


def _shown(
    media: PreparedMedia, image: int, recording: int, caption: str, is_right: bool | None = None
) -> Shown:
    photo = np.asarray(media.images[image].feature())
    return Shown(photo, media.recordings[recording].path, str(caption), is_right)


def _short(name: str, length: int = 26) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _colours(number: int) -> np.ndarray:
    from matplotlib import colormaps

    return colormaps["turbo"](np.linspace(0.04, 0.96, max(number, 2)))
