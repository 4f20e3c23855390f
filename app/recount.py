"""A count with a person's answers, as `count_individuals` would have given it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from app.count_folder import COUNT_FILE
from individuals.count import VideoCount
from individuals.crop_files import load_crops
from individuals.footage import IndividualCount
from individuals.sighting_file import CountedSightings
from media import Skipped


def recount(folder: Path, counted: CountedSightings, count: IndividualCount) -> VideoCount:
    """The count of a folder after its review; crops come from their files.

    Args:
        folder: that `count --out` wrote.
        counted: with the answers.
        count: of it, from `regroup`.
    """
    before = json.loads((folder / COUNT_FILE).read_text(encoding="utf-8"))
    skipped = tuple(Skipped(Path(s["path"]), s["reason"]) for s in before["skipped"])
    # Where the detector could not work there is still no interval.
    kept = {
        video: None if before["intervals"].get(str(video), "new") is None else interval
        for video, interval in count.intervals.items()
    }
    interval = None if before["interval"] is None else count.interval
    count = replace(count, interval=interval, intervals=kept)
    told = f"a person's answers are in these numbers: {len(counted.must_link)} same, "
    told += f"{len(counted.cannot_link)} different."
    notes = [note for note in before["notes"] if not note.startswith("a person's answers are in")]
    return VideoCount(count, load_crops(folder, counted.table), skipped, (*notes, told))
