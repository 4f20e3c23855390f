"""Counting in a process of its own, which may crash and can be ended: its videos come from strangers."""

from __future__ import annotations

import json
import os
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from individuals.video.detectors import DetectorName

OUTPUTS, COUNT_FILE = "count", "count.json"
SECONDS_PER_MESSAGE = 1.0
Progress = tuple[float, str]


@dataclass(frozen=True)
class CountTask:
    """Videos to be counted in.

    Args:
        path: folder with the videos, to which the tables go, in `count/`.
        videos: names in that folder.
        shown_names: what their senders called them.
        encoder: folder of the encoder.
        threshold: cosine similarity; None for the encoder's own.
        detector: "motion" or "whole".
        frames_per_second: frames that are looked at.
    """

    path: Path
    videos: tuple[str, ...]
    shown_names: tuple[str, ...]
    encoder: Path
    threshold: float | None
    detector: DetectorName
    frames_per_second: float


def count_videos(task: CountTask) -> Iterator[Progress]:
    """How far it is, about once a second; the tables and `count.json` are in `count/` at the end."""
    messages: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
    with ThreadPoolExecutor(1) as thread:
        counting = thread.submit(_count, task, messages.put)
        counting.add_done_callback(lambda _: messages.put(None))
        yield 0.0, "the encoder is loaded"
        while (message := messages.get()) is not None:
            yield message
        counting.result()


def read_count(task: CountTask) -> dict[str, Any]:
    """What came of it, with the videos under the names that their senders gave them."""
    record = json.loads((task.path / OUTPUTS / COUNT_FILE).read_text("utf-8"))
    shown = dict(zip(task.videos, task.shown_names, strict=True))
    videos = [
        {
            "video": shown[video],
            "num_individuals": number,
            "interval": record["intervals"].get(video),
        }
        for video, number in record["per_video"].items()
    ]
    skipped = [
        {"video": shown.get(one["path"], one["path"]), "reason": one["reason"]}
        for one in record["skipped"]
    ]
    kept = ("num_individuals", "interval", "estimand", "threshold", "num_conflicts", "notes")
    return {**{name: record[name] for name in kept}, "videos": videos, "skipped": skipped}


def _count(task: CountTask, tell: Callable[[Progress], None]) -> None:
    from app.count_folder import write_folder
    from individuals import count_individuals
    from inference import Embedder

    os.chdir(task.path)  # so that no path of this machine is in the tables
    embedder = Embedder.load(task.encoder)
    counted = count_individuals(
        task.videos,
        embedder,
        threshold=task.threshold,
        detector=task.detector,
        frames_per_second=task.frames_per_second,
        watch=_watch(task.videos, task.shown_names, tell),
    )
    tell((0.95, "tables are written"))
    calibration = embedder.calibration if task.threshold is None else None
    write_folder(Path(OUTPUTS), counted, calibration)


def _watch(
    videos: Sequence[str], shown_names: Sequence[str], tell: Callable[[Progress], None]
) -> Callable[[str, float], None]:
    """Tells of each frame, but not more often than once a second."""
    from media import UnreadableMediaError, probe_video

    told_at = 0.0
    seconds_of: dict[str, float] = {}

    def watch(video: str, seconds: float) -> None:
        nonlocal told_at
        if time.monotonic() - told_at < SECONDS_PER_MESSAGE:
            return
        told_at = time.monotonic()
        if video not in seconds_of:
            try:
                seconds_of[video] = probe_video(video).duration_seconds or 0.0
            except UnreadableMediaError:
                seconds_of[video] = 0.0
        place, whole = videos.index(video), seconds_of[video]
        share = min(seconds / whole, 1.0) if whole else 0.0
        tell((0.9 * (place + share) / len(videos), f"{shown_names[place]}, {seconds:.0f} s"))

    return watch
