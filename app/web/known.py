"""What the catalogue knows, as the pages show it: who, when, where; and its files for other programs."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from individuals.outputs import (
    capture_history,
    read_deployments,
    read_media_details,
    read_project,
    write_camtrap_dp,
    write_capture_history,
    write_mark_inp,
)
from individuals.outputs.media_details import short_media_names
from individuals.sighting import Sighting

if TYPE_CHECKING:
    from individuals import Catalogue

LEAST_SHARE = 0.006  # of a bar's width: shorter sightings are drawn as long as that


@dataclass(frozen=True)
class MediaLine:
    """A line of a timeline: one video, photo or recording.

    Attributes:
        label: its short name.
        when: when it starts, where that is known.
        spans: (left, width) of each sighting, as shares of the longest media.
    """

    label: str
    when: str
    spans: tuple[tuple[float, float], ...]


def timeline(sightings: Sequence[Sighting]) -> list[MediaLine]:
    """A line for each media file in which an individual was met, by time where it is known."""
    of_media: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        of_media.setdefault(sighting.media, []).append(sighting)
    longest = max((s.end_seconds for s in sightings), default=0.0) or 1.0
    names = short_media_names(of_media)

    def start_of(media: str) -> str:
        moments = [s.captured_at for s in of_media[media] if s.captured_at is not None]
        return min(moments).isoformat(" ", "minutes") if moments else ""

    return [
        MediaLine(
            names[media],
            start_of(media),
            tuple(
                (
                    min(s.start_seconds / longest, 1 - LEAST_SHARE),
                    max((s.end_seconds - s.start_seconds) / longest, LEAST_SHARE),
                )
                for s in of_media[media]
            ),
        )
        for media in sorted(of_media, key=lambda media: (start_of(media), media))
    ]


def places(sightings: Iterable[Sighting]) -> list[tuple[str, int]]:
    """Where an individual was met, and how often; the folder of the file where no place is known."""
    counts = Counter(
        sighting.place or sighting.deployment or str(PurePath(sighting.media).parent)
        for sighting in sightings
    )
    return counts.most_common()


def named_sightings(catalogue: Catalogue) -> list[Sighting]:
    """All sightings of the catalogue, each with the id and name of its individual."""
    return [
        replace(sighting, individual=one.id, name=one.name)
        for one in catalogue.individuals()
        for sighting in catalogue.sightings(one.id).sightings
    ]


def capture_history_zip(sightings: Sequence[Sighting]) -> bytes:
    """The capture history as CSV and for program MARK, in a zip.

    An occasion is what the sightings say, else the day, else the file.
    """
    occasion_of = "media"
    if all(sighting.captured_at for sighting in sightings):
        occasion_of = "date"
    if all(sighting.occasion for sighting in sightings):
        occasion_of = "occasion"
    history = capture_history(sightings, occasion_of=occasion_of)  # type: ignore[arg-type] # one of three words
    with TemporaryDirectory() as folder:
        files = [write_capture_history(Path(folder) / "capture_history.csv", history)]
        if history.occasions:
            files.append(write_mark_inp(Path(folder) / "capture_history.inp", history))
        return _zipped(files)


def camtrap_zip(
    sightings: Sequence[Sighting], project: Path, deployments: Path, media: Path | None
) -> bytes:
    """A Camtrap DP of the catalogue, in a zip.

    Args:
        sightings: from `named_sightings`.
        project: JSON file of the study.
        deployments: CSV file of the cameras.
        media: CSV file that says when and where each file was taken; None where the sightings say.
    Raises:
        ValueError: what the standard needs is not known, all of it in one message.
    """
    with TemporaryDirectory() as folder:
        files = write_camtrap_dp(
            folder,
            sightings,
            deployments=read_deployments(deployments),
            project=read_project(project),
            details=None if media is None else read_media_details(media),
        )
        return _zipped(files)


def _zipped(files: Iterable[Path]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return content.getvalue()
