"""The folder of a count: everything in it is of one count, and a person's answers in it are not lost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from individuals.sighting_file import FILE_NAME, load_sightings
from media.atomic import write_text_atomically

if TYPE_CHECKING:
    from individuals.count import VideoCount
    from individuals.footage import IndividualCount
    from individuals.sighting_file import CountedSightings
    from inference import Calibration

COUNT_FILE = "count.json"
CALIBRATION_FILE = "calibration.json"
NOT_ALWAYS = (  # what a count may write or not, by its footage and options
    *("individuals.pdf", "timeline.pdf", "count_curve.png", "capture_history.inp"),
    *("calls/*.Table.1.selections.txt", "calls/*.labels.txt"),
    *("camtrap_dp/datapackage.json", "camtrap_dp/*.csv"),
)


def refuse_answered(folder: Path) -> None:
    """Refuses a folder whose count holds a person's answers, which a new count would lose.

    Raises:
        FileExistsError: it does.
    """
    if not (folder / FILE_NAME).is_file():
        return
    try:
        counted = load_sightings(folder)
    except ValueError:  # damaged: nothing to lose
        return
    if num := len(counted.must_link) + len(counted.cannot_link) + len(counted.undecided):
        raise FileExistsError(
            f"The count in '{folder}' holds a person's answers ({num}), which a new count there would lose. "
            "Choose another --out."
        )


def write_count(path: Path, counted: VideoCount) -> Path:
    """The count as one JSON file."""
    text = json.dumps(counted.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)
    return write_text_atomically(path, text)


def write_tables(
    folder: Path,
    counted: VideoCount,
    *,
    must_link: Iterable[tuple[int, int]] = (),
    cannot_link: Iterable[tuple[int, int]] = (),
    **told: Any,  # as `write_outputs` takes them
) -> list[Path]:
    """Everything that people read of a count; what an earlier count left there and this one has not, goes.

    Args:
        folder: made if it is not there.
        counted: the count.
        must_link: what a person said of it, for the curve over the threshold.
        cannot_link: likewise.
        told: what is told of the videos, as in `write_outputs`.
    """
    from individuals.count import count_curve  # here, because they load TensorFlow
    from individuals.outputs import write_outputs
    from individuals.plots import plot_count_curve

    written = write_outputs(folder, counted, **told)
    written.append(write_count(folder / COUNT_FILE, counted))
    curve = count_curve(counted, must_link=must_link, cannot_link=cannot_link)
    if curve is not None:
        written.append(folder / "count_curve.png")
        plot_count_curve(curve, counted.count.interval).savefig(written[-1], dpi=110)
    _remove(folder, NOT_ALWAYS, but=written)
    return written


def recount(folder: Path, counted: CountedSightings, count: IndividualCount) -> VideoCount:
    """The count of a folder after its review; crops come from their files.

    Args:
        folder: that `count --out` wrote.
        counted: with the answers.
        count: of it, from `regroup`.
    """
    from individuals.count import VideoCount  # here, because it loads TensorFlow
    from individuals.sighting_file import load_crops
    from media import Skipped

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


def write_folder(
    folder: Path, counted: VideoCount, calibration: Calibration | None, **told: Any
) -> int:
    """The tables of a new count, and what a review goes on with; gives the number of files.

    Args:
        folder: made if it is not there.
        counted: the count.
        calibration: by which it was made; None if by a threshold.
        told: as in `write_tables`.
    """
    from individuals import save_counted_sightings
    from inference import save_calibration

    written = [*write_tables(folder, counted, **told), save_counted_sightings(folder, counted)]
    if calibration is None:
        (folder / CALIBRATION_FILE).unlink(missing_ok=True)  # of an earlier count
    else:
        written.append(save_calibration(folder / CALIBRATION_FILE, calibration))
    crops = [s.crop for s in load_sightings(folder).table.sightings if s.crop is not None]
    _remove(folder, ("crops/s????????????.jpg",), but=[folder / crop for crop in crops])
    return len(written)


def _remove(folder: Path, patterns: Iterable[str], but: Iterable[Path]) -> None:
    kept = {path.resolve() for path in but}
    for pattern in patterns:
        for path in folder.glob(pattern):
            if path.resolve() not in kept:
                path.unlink()
    for emptied in ("calls", "camtrap_dp"):
        if (folder / emptied).is_dir() and not any((folder / emptied).iterdir()):
            (folder / emptied).rmdir()
