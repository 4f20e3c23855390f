"""The demo's count: who is in the generated videos, how sure that is, and how well it fits the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from app.cli.count import interval_cells
from app.count_folder import write_folder
from aviary import Aviary
from individuals import count_individuals
from individuals.count import VideoCount, count_curve
from individuals.grouping.count_interval import CountInterval
from individuals.outputs import identified_sightings
from individuals.plots import plot_count_curve, plot_individuals, plot_timeline
from individuals.sighting import Box
from inference import Embedder
from inference.metrics import bcubed


def count_videos(
    aviary: Aviary, embedder: Embedder, out: Path
) -> tuple[dict[str, Figure], dict[str, object]]:
    """Counts the aviary's videos, prints how well, and writes the usual files.

    Args:
        aviary: with its videos and what is true about them.
        embedder: of the trained encoder.
        out: folder that gets count.json and counted/.

    Returns:
        Figures and values for the report, `templates/demo.html`.
    """
    truth = json.loads(aviary.truth.read_text(encoding="utf-8"))
    videos = {str(aviary.videos / name): video for name, video in truth["videos"].items()}
    num_true = {video: film["count"] for video, film in videos.items()}
    counted = count_individuals(list(videos), embedder, progress=True)
    (out / "count.json").write_text(json.dumps(counted.to_dict(), indent=1), encoding="utf-8")
    write_folder(out / "counted", counted, embedder.calibration)
    intervals, interval = counted.count.intervals, counted.count.interval
    rows = [
        (Path(v).name, counted.per_video[v], *interval_cells(intervals[v]), num_true[v])
        for v in videos
    ]
    num_found, num_true_in_all = counted.num_individuals, truth["count"]
    rows.append(("all videos together", num_found, *interval_cells(interval), num_true_in_all))
    exact = sum(found == true for _, found, _, _, true in rows[:-1])
    purity = bcubed(*sighting_labels(counted, videos))
    summary = (
        f"videos: {exact} of {len(videos)} counted exactly; {num_found} individuals found in "
        f"all ({_in_words(interval)}), {num_true_in_all} true (error "
        f"{num_found - num_true_in_all:+d}); B-cubed F1 of the sightings {purity.f1:.3f}"
    )
    print(summary)
    figures = {"individuals_in_the_videos": plot_individuals(counted, num_true)}
    if sightings := identified_sightings(counted):
        figures["who_was_seen_when"] = plot_timeline(sightings)
    curve = count_curve(counted)
    if curve is not None:
        figures["how_the_count_hangs_on_the_threshold"] = plot_count_curve(
            curve, interval, true_count=num_true_in_all
        )
    return figures, {
        "summary": summary,
        "estimand": counted.count.estimand,
        "num_individuals": num_found,
        "rows": rows,
        "curve": curve,
    }


def _in_words(interval: CountInterval | None) -> str:
    if interval is None:
        return "no interval"
    word = "bounds" if interval.confidence is None else f"{interval.kind} interval"
    return f"{word} {interval}"


def sighting_labels(counted: VideoCount, videos: Mapping[str, dict]) -> tuple[list[str], list[str]]:
    """The true and the found individual of each sighting."""
    true, found = [], []
    for sighting, label in zip(counted.table.sightings, counted.count.labels, strict=True):
        birds = videos[sighting.media]["frames"][sighting.frame_index]
        true.append(_nearest_individual(birds, sighting.box))
        found.append(str(label))
    return true, found


def _nearest_individual(birds: list[dict], box: Box | None) -> str:
    """Who is nearest to the middle of a box; a sighting of nobody is a group of its own."""
    if not birds or box is None:
        return f"nobody at {box}"

    def middle(sides: Box) -> np.ndarray:
        return np.array([sides[0] + sides[2], sides[1] + sides[3]]) / 2

    distances = [float(np.linalg.norm(middle(bird["box"]) - middle(box))) for bird in birds]
    return birds[int(np.argmin(distances))]["individual"]
