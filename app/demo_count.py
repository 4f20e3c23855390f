"""The demo's count: who is in the generated videos, how sure that is, and how well it fits the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from app.reports.page import Section
from aviary import Aviary
from individuals import count_individuals
from individuals.count import VideoCount, count_curve
from individuals.grouping.count_interval import CountInterval
from individuals.outputs import identified_sightings, write_outputs
from individuals.plots import plot_count_curve, plot_individuals, plot_timeline
from individuals.sighting import Box
from inference import Embedder
from inference.metrics import bcubed

PHOTO_CROP = "Counting embeds crops by sight alone."


def count_sections(aviary: Aviary, embedder: Embedder, out: Path) -> list[Section]:
    """Counts the aviary's videos, prints how well, writes the usual files, and says it for the report.

    Args:
        aviary: with its videos and what is true about them.
        embedder: of the trained encoder.
        out: folder that gets count.json and counted/.
    """
    truth = json.loads(aviary.truth.read_text(encoding="utf-8"))
    videos = {str(aviary.videos / name): video for name, video in truth["videos"].items()}
    counted = count_individuals(list(videos), embedder, progress=True)
    intervals = counted.count.intervals
    rows = [
        (Path(v).name, counted.per_video[v], *_told(intervals[v]), videos[v]["count"])
        for v in videos
    ]
    interval = counted.count.interval
    rows.append(("all videos together", counted.num_individuals, *_told(interval), truth["count"]))
    (out / "count.json").write_text(json.dumps(counted.to_dict(), indent=1), encoding="utf-8")
    exact = sum(found == true for _, found, _, _, true in rows[:-1])
    purity = bcubed(*sighting_labels(counted, videos))
    error = counted.num_individuals - truth["count"]
    summary = (
        f"videos: {exact} of {len(videos)} counted exactly; {counted.num_individuals} individuals found in "
        f"all ({_in_words(interval)}), {truth['count']} true (error {error:+d}); B-cubed F1 of the "
        f"sightings {purity.f1:.3f}"
    )
    print(summary)
    individuals = Section(
        "Individuals in the videos",
        f"{summary}. {PHOTO_CROP} What is counted: {counted.count.estimand}.",
        ("video", "found", "interval", "kind", "true"),
        rows,
        plot_individuals(counted, {video: film["count"] for video, film in videos.items()}),
        "Crops of each individual that was found, video by video",
    )
    write_outputs(out / "counted", counted)
    return [individuals, *_timeline(counted), *_curve(counted, truth["count"])]


def _told(interval: CountInterval | None) -> tuple[str, str]:
    return ("none", "") if interval is None else (str(interval), interval.kind)


def _in_words(interval: CountInterval | None) -> str:
    if interval is None:
        return "no interval"
    word = "bounds" if interval.confidence is None else f"{interval.kind} interval"
    return f"{word} {interval}"


def _timeline(counted: VideoCount) -> list[Section]:
    sightings = identified_sightings(counted)
    if not sightings:
        return []
    return [
        Section(
            "Who was seen when",
            "Each individual in each video, in the seconds of the video. The folder 'counted' beside this "
            "page has the same as tables, and the capture history.",
            figure=plot_timeline(sightings),
            alt=f"Timeline of {counted.num_individuals} individuals over the videos",
        )
    ]


def _curve(counted: VideoCount, num_true: int) -> list[Section]:
    curve = count_curve(counted)
    if curve is None:
        return []
    return [
        Section(
            "How the count hangs on the threshold",
            "The number of individuals over all videos at every similarity from which groups are joined. A "
            "flat stretch around the chosen one says that the count does not hang on it.",
            figure=plot_count_curve(curve, counted.count.interval, true_count=num_true),
            alt=f"Curve of counts; at {curve.chosen_threshold:.2f} there are {curve.chosen_count}",
        )
    ]


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
