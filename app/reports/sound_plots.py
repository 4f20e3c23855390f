"""Pictures of who sings when: spectrograms, counts, confidence, precision against recall, learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from inference.plot_labels import plot_labels
from media import UnreadableMediaError, load_waveform
from training.plots import BAD, FAINT, GOOD, INK, SECOND

SHOWN_SECONDS = 6.0
MOST_SPECIES, MOST_ROWS = 30, 12
_RATE, _FFT, _HOP, _BANDS = 32_000, 1536, 320, 96
_COLUMNS = 2


@dataclass(frozen=True)
class ShownSound:
    """A stretch of a recording in a sheet of spectrograms."""

    path: Path
    title: str
    start_seconds: float = 0.0  # of what is marked
    end_seconds: float | None = None
    is_right: bool | None = None  # decides the colour of the title


def plot_spectrograms(sounds: Sequence[ShownSound]) -> Figure:
    """A mel spectrogram of each, low pitch below, a bar under what is meant."""
    rows = max(1, -(-len(sounds) // _COLUMNS))
    figure = Figure(figsize=(9, 0.3 + 1.75 * rows), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axes, sound in zip(grid, sounds, strict=False):
        colour = {True: GOOD, False: BAD, None: INK}[sound.is_right]
        axes.set_title(sound.title, fontsize=9, loc="left", color=colour)
        _draw_spectrogram(axes, sound)
    for axes in grid[len(sounds) :]:
        axes.set_visible(False)
    return figure


def _draw_spectrogram(axes: Axes, sound: ShownSound) -> None:
    """From a second before the event, or the start."""
    offset = max(0.0, sound.start_seconds - 1.0)
    axes.set_yticks([])
    try:
        waveform = load_waveform(
            sound.path, sample_rate_hz=_RATE, offset_seconds=offset, max_seconds=SHOWN_SECONDS
        )
    except (FileNotFoundError, UnreadableMediaError):
        axes.text(0.5, 0.5, "not to be read any more", ha="center", va="center", color=FAINT)
        axes.set_xticks([])
        return
    power = librosa.feature.melspectrogram(
        y=waveform, sr=_RATE, n_fft=_FFT, hop_length=_HOP, n_mels=_BANDS, fmin=100
    )
    decibels = librosa.power_to_db(power, ref=np.max, top_db=70)
    end = offset + len(waveform) / _RATE
    extent = (offset, end, 0.0, 1.0)
    axes.imshow(decibels, origin="lower", aspect="auto", cmap="magma", extent=extent)
    if sound.end_seconds is not None:
        last = min(sound.end_seconds, end)
        axes.plot([sound.start_seconds, last], [0.03, 0.03], color="white", linewidth=4)
        axes.plot([sound.start_seconds, last], [0.03, 0.03], color=SECOND, linewidth=2)
    axes.set(xlim=(offset, end), ylim=(0, 1))
    axes.tick_params(labelsize=7)
    axes.set_xlabel("s", fontsize=7, labelpad=0)


@dataclass(frozen=True)
class HeardSpecies:
    """A species in a recording, from one time to another."""

    species: str
    start_seconds: float
    end_seconds: float
    score: float


def plot_species_over_time(
    events: Mapping[str, Sequence[HeardSpecies]], durations_seconds: Mapping[str, float]
) -> Figure:
    """A panel for each recording, a row in it for each species; the darker, the higher the score.

    Args:
        events: of each recording, by its name.
        durations_seconds: of each.
    """
    rows = {
        file: list(dict.fromkeys(e.species for e in sorted(heard, key=lambda e: -e.score)))
        for file, heard in events.items()
    }
    rows = {file: species[:MOST_ROWS] for file, species in rows.items()}
    heights = [0.3 + len(species) for species in rows.values()]
    size = (9, 0.26 * sum(heights) + 0.62 * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(rows), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (file, species) in zip(panels, rows.items(), strict=True):
        seconds = durations_seconds[file]
        unit, per = ("h", 3600) if seconds > 7200 else ("min", 60) if seconds > 300 else ("s", 1)
        for one in events[file]:
            if one.species in species:
                length = max(one.end_seconds - one.start_seconds, seconds / 500)
                row = species.index(one.species)
                shade = 0.25 + 0.75 * one.score
                span = (one.start_seconds / per, length / per)
                axes.broken_barh([span], (row - 0.4, 0.8), color=GOOD, alpha=shade, linewidth=0)
        axes.set_yticks(range(len(species)), plot_labels(species), fontsize=8)
        axes.set(xlim=(0, seconds / per), ylim=(len(species) - 0.5, -0.5))
        axes.set_title(file, fontsize=9, loc="left")
        axes.set_xlabel(unit, fontsize=8, labelpad=0)
        axes.tick_params(labelsize=8)
        axes.grid(axis="x", color="#e5e5e5")
        axes.set_axisbelow(True)
        _plain(axes)
    return figure


def plot_species_counts(counts: Mapping[str, int], what: str) -> Figure:
    """Bars of the most frequent species."""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    shown = [(name, num) for name, num in ranked if num][:MOST_SPECIES]
    figure = Figure(figsize=(9, 0.8 + 0.27 * max(1, len(shown))), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(shown)), [num for _, num in shown], color=GOOD)
    axes.set_yticks(range(len(shown)), plot_labels([name for name, _ in shown]))
    axes.invert_yaxis()
    axes.set_xlabel(what)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _plain(axes)
    return figure


def plot_confidence(edges: Sequence[float], counts: Mapping[str, Sequence[int]]) -> Figure:
    """Histograms of the highest scores, one panel each."""
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    for axes, (what, numbers) in zip(
        figure.subplots(1, len(counts), squeeze=False)[0], counts.items(), strict=True
    ):
        axes.stairs(numbers, edges, fill=True, color=GOOD)
        axes.set(xlim=(0, 1), xlabel="highest score", ylabel=what)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        _plain(axes)
    return figure


def plot_precision_recall(
    scores: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> Figure:
    """The curve of each species, the worst in colour."""
    from sklearn.metrics import average_precision_score, precision_recall_curve

    present = [k for k in range(len(class_names)) if labels[:, k].any()]
    worth = {k: average_precision_score(labels[:, k], scores[:, k]) for k in present}
    worst = sorted(present, key=worth.__getitem__)[:5]
    names = dict(zip(worst, plot_labels([class_names[k] for k in worst]), strict=True))
    colours = dict(zip(worst, (BAD, SECOND, "#0072b2", "#cc79a7", "#009e73"), strict=False))
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    for k in sorted(present, key=lambda k: k in worst):
        precision, recall, _ = precision_recall_curve(labels[:, k], scores[:, k])
        label = f"{names[k]} ({worth[k]:.2f})" if k in names else None
        axes.plot(
            recall,
            precision,
            color=colours.get(k, "#c8c8c8"),
            linewidth=1.6 if k in names else 0.8,
            label=label,
        )
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.legend(
        title="lowest average precision",
        frameon=False,
        fontsize=8,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
    )
    _plain(axes)
    return figure


def plot_learning(history: Mapping[str, Sequence[float]]) -> Figure:
    """Each measure over the epochs."""
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    panels = figure.subplots(1, len(history), squeeze=False)[0]
    for axes, (name, values) in zip(panels, history.items(), strict=True):
        axes.plot(range(1, len(values) + 1), values, color=INK, marker="o", markersize=3)
        axes.set(title=name.replace("val_", "watched ").replace("_", " "), xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _plain(axes)
    return figure


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
