"""Pictures of numbers: curves, ways of asking, confusions, and where embeddings lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inference.plot_labels import plot_labels

GOOD, BAD, INK, SECOND, FAINT = "#2a7f4f", "#b3362b", "#222222", "#c77700", "#8a8a8a"
MAX_NAMED_CLASSES = 30


def plot_history(history: Mapping[str, Sequence[float]]) -> Figure:
    """Loss, and retrieval on held-out pairs, over the epochs of `TrainedEncoder.history`."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = np.arange(1, len(history["loss"]) + 1)
    left.plot(epochs, history["loss"], color=INK, marker="o", markersize=3)
    lowest = min(0.0, float(np.nanmin(history["loss"])))
    left.set(title="Training loss", xlabel="epoch", ylabel="loss", ylim=(lowest, None))
    for name, label, colour in (
        ("val_precision_at_1", "precision at 1", GOOD),
        ("val_mean_average_precision_at_r", "mAP@R", SECOND),
    ):
        if name in history:
            right.plot(epochs, history[name], color=colour, marker="o", markersize=3, label=label)
    right.set(title="Held-out files find their class", xlabel="epoch", ylim=(0, 1.02))
    if right.lines:
        right.legend(loc="lower right", frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def plot_rows(rows: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> Figure:
    """Precision at 1 of `Evaluation.rows` with intervals, and what guessing would give."""
    figure = Figure(figsize=(9, 0.9 + 0.38 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for height, (name, row) in enumerate(rows.items()):
        colour = FAINT if name.startswith("raw") else GOOD if name == next(iter(rows)) else INK
        low, high = row["precision_at_1_low"], row["precision_at_1_high"]
        axes.plot([low, high], [height, height], color=colour, linewidth=2)
        axes.plot(row["precision_at_1"], height, "o", color=colour, markersize=7)
        guess = row["chance_precision_at_1"]
        axes.plot([guess, guess], [height - 0.3, height + 0.3], ":", color=BAD)
    axes.set_yticks(range(len(rows)), [names.get(name, name) for name in rows])
    axes.set(xlim=(0, 1.02), xlabel="precision at 1 (bar: 95 % interval; red dots: guessing)")
    axes.invert_yaxis()
    axes.grid(axis="x", color="#e5e5e5")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    return figure


def plot_confusion(
    confusion: np.ndarray, class_names: Sequence[str], *, at_most: int = MAX_NAMED_CLASSES
) -> Figure:
    """Which classes the nearest neighbours of each class's queries belong to, as shares of the queries.

    Of more classes than can be read, those with most confusions are shown, and the others as one column.

    Args:
        confusion: int [num_classes, num_classes], rows what asked, columns what was found.
        class_names: of rows and columns.
        at_most: int >= 1, classes shown.
    """
    shown = most_confused(confusion, at_most)
    labels = plot_labels(class_names)
    rows = confusion[shown]
    shares = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    cells, columns = shares[:, shown], [labels[index] for index in shown]
    if len(shown) < len(class_names):
        cells = np.column_stack([cells, 1.0 * (rows.sum(axis=1) > 0) - cells.sum(axis=1)])
        columns = [*columns, f"the {len(class_names) - len(shown)} others"]
    side = max(4.0, 1.8 + 0.27 * len(shown))
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(cells, cmap="Blues", vmin=0, vmax=1)
    _write_percentages(axes, cells)
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=8)
    axes.set_yticks(range(len(shown)), [labels[index] for index in shown], fontsize=8)
    axes.set(xlabel="class of the nearest neighbour", ylabel="class that asked")
    axes.spines[:].set_visible(False)
    return figure


def most_confused(confusion: np.ndarray, at_most: int) -> np.ndarray:
    """The classes with most confusions, those they make and those made with them, int [num], ascending."""
    wrong = confusion - np.diag(np.diag(confusion))
    times = wrong.sum(axis=0) + wrong.sum(axis=1)
    return np.sort(np.argsort(-times, kind="stable")[:at_most])


def plot_embedding_map(
    embeddings: np.ndarray,
    labels: Sequence[str],
    *,
    class_names: Sequence[str] | None = None,
    seed: int = 0,
) -> Figure:
    """Embeddings on a plane (t-SNE): neighbours stay neighbours, distances between groups mean little.

    Up to 30 classes stand in a legend; of more, each has its number (in the list of classes, counted from
    1) in its middle.

    Args:
        embeddings: float32 [num, embedding_size], unit length, num >= 3.
        labels: [num], one colour each.
        class_names: all classes, in their order. Default: the labels, sorted.
        seed: int, for the layout.
    """
    points = _on_a_plane(np.asarray(embeddings), seed)
    names = list(class_names) if class_names is not None else sorted(set(labels))
    is_crowded = len(names) > MAX_NAMED_CLASSES
    figure = Figure(figsize=(9, 7 if is_crowded else 6), layout="constrained")
    axes = figure.subplots()
    colours, markers = colormaps["turbo"](np.linspace(0.05, 0.95, len(names))), "osD^vPX"
    texts = plot_labels(names)
    for index, name in enumerate(names):
        members = points[np.array([label == name for label in labels], bool)]
        x, y = members[:, 0], members[:, 1]
        look: dict[str, Any] = {
            "marker": markers[index % len(markers)],
            "edgecolor": INK,
            "linewidth": 0.4,
        }
        axes.scatter(x, y, s=26, label=texts[index], color=colours[index], **look)
        if is_crowded and len(members):
            middle = float(np.median(x)), float(np.median(y))
            axes.text(*middle, str(index + 1), fontsize=9, fontweight="bold")
    axes.set(title="Embeddings of held-out pairs (t-SNE)", xticks=[], yticks=[])
    if not is_crowded:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False)
    return figure


def _on_a_plane(embeddings: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(30.0, (len(embeddings) - 1) / 3)
    layout = TSNE(perplexity=perplexity, init="pca", metric="cosine", random_state=seed)
    with threadpool_limits(1):  # threads that wait for each other make it ten times slower
        return layout.fit_transform(embeddings)


def _write_percentages(axes: Axes, cells: np.ndarray) -> None:
    for row, column in zip(*np.nonzero(cells > 0.005), strict=True):
        share = cells[row, column]
        colour = "white" if share > 0.5 else INK
        text = f"{100 * share:.0f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
