"""The rows of a Camtrap DP's tables: deployments, media and observations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from mimetypes import MimeTypes
from pathlib import PurePath

import numpy as np

from individuals.outputs.camtrap_project import Deployment
from individuals.sighting import AUTOMATIC, Sighting, moment_after

MEDIA_TYPES = MimeTypes().types_map[True] | {
    ".m4v": "video/x-m4v",
    ".mkv": "video/x-matroska",
    ".m4a": "audio/mp4",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".webp": "image/webp",
}
# All columns of the standard, in its order: programs expect also those that stay empty here.
MEDIA_COLUMNS = (
    *("mediaID", "deploymentID", "captureMethod", "timestamp", "filePath", "filePublic"),
    *("fileName", "fileMediatype", "exifData", "favorite", "mediaComments"),
)
OBSERVATION_COLUMNS = (
    *("observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd"),
    *("observationLevel", "observationType", "cameraSetupType", "scientificName", "count"),
    *("lifeStage", "sex", "behavior", "individualID", "individualPositionRadius"),
    *("individualPositionAngle", "individualSpeed", "bboxX", "bboxY", "bboxWidth", "bboxHeight"),
    *("classificationMethod", "classifiedBy", "classificationTimestamp"),
    *("classificationProbability", "observationTags", "observationComments"),
)
Row = dict[str, object]  # by column; others stay empty
TAGS = (
    *("modality", "start_seconds", "end_seconds", "frame_index", "tracklet", "similarity"),
    *("quality", "low_frequency_hz", "high_frequency_hz"),
)
LEAST_SIDE = 1e-15  # the standard's least width and height of a box


def media_type(path: str) -> str | None:
    """Such as "video/mp4"; None of a file that is neither picture nor video nor sound."""
    known = MEDIA_TYPES.get(PurePath(path).suffix.lower(), "")
    return known if known.startswith(("image/", "video/", "audio/")) else None


@dataclass(frozen=True)
class CamtrapMedia:
    """A media file of the package."""

    path: str  # in the package; also its id
    deployment_id: str
    captured_at: datetime  # with a time zone
    sightings: tuple[Sighting, ...]  # in the order of time


def deployment_row(deployment: Deployment) -> Row:
    """Of deployments.csv."""
    return {
        "deploymentID": deployment.deployment_id,
        "latitude": deployment.latitude,
        "longitude": deployment.longitude,
        "deploymentStart": timestamp(deployment.start),
        "deploymentEnd": timestamp(deployment.end),
        **deployment.more,
    }


def media_row(media: CamtrapMedia, is_public: bool) -> Row:
    """Of media.csv."""
    return {
        "mediaID": media.path,
        "deploymentID": media.deployment_id,
        "timestamp": timestamp(media.captured_at),
        "filePath": media.path,
        "filePublic": is_public,
        "fileName": PurePath(media.path).name,
        "fileMediatype": media_type(media.path),
    }


def observation_rows(media: CamtrapMedia, classified_by: str) -> Iterator[Row]:
    """One for each sighting, and one for each individual as an event; where nobody was met, "blank"."""
    met: dict[str, list[Sighting]] = {}
    for number, sighting in enumerate(media.sightings, start=1):
        met.setdefault(sighting.individual, []).append(sighting)
        yield _row(media, f"{number}", "media", [sighting], classified_by)
    for individual, sightings in met.items():
        yield _row(media, f"event:{individual}", "event", sightings, classified_by)
    if not met:
        for level in ("media", "event"):
            yield _row(media, f"{level}:blank", level, [], classified_by)


def _row(
    media: CamtrapMedia,
    name: str,
    level: str,
    sightings: Sequence[Sighting],
    classified_by: str,
) -> Row:
    is_event = level == "event"
    # An event starts with its media file, so that programs find which file it is of.
    start = 0.0 if is_event else min((s.start_seconds for s in sightings), default=0.0)
    end = max((s.end_seconds for s in sightings), default=0.0)
    row: Row = {
        "observationID": f"{media.path}:{name}",
        "deploymentID": media.deployment_id,
        "mediaID": None if is_event else media.path,
        "eventID": media.path,
        "eventStart": timestamp(moment_after(media.captured_at, start, media.path)),
        "eventEnd": timestamp(moment_after(media.captured_at, end, media.path), rounds_up=True),
        "observationLevel": level,
        "observationType": "animal" if sightings else "blank",
        "classificationMethod": "machine",
        "classifiedBy": classified_by,
    }
    if sightings:
        first = sightings[0]
        people = [s.decided_by for s in sightings if s.decided_by != AUTOMATIC]
        row |= {
            "scientificName": first.species,
            "count": 1,
            "individualID": first.individual,
            "classificationMethod": "human" if people else "machine",
            "classifiedBy": people[0] if people else classified_by,
            "observationComments": first.name,
        }
        if not is_event:
            row |= _relative_box(first)
            row["classificationProbability"] = first.probability
            tags = {name: getattr(first, name) for name in TAGS}
            row["observationTags"] = " | ".join(
                f"{name}:{value}" for name, value in tags.items() if value is not None
            )
    return row


def timestamp(moment: datetime, *, rounds_up: bool = False) -> str:
    """In whole seconds with the zone, as the standard writes it: 2026-05-01T06:30:00+02:00."""
    if (moment.utcoffset() or timedelta()) % timedelta(minutes=1):  # clocks before time zones
        moment = moment.astimezone(UTC)
    if rounds_up and moment.microsecond:
        moment += timedelta(seconds=1)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _relative_box(sighting: Sighting) -> dict[str, float]:
    """As shares of the frame; what lies outside is cut off."""
    width, height = sighting.frame_width_px, sighting.frame_height_px
    if sighting.box is None or width is None or height is None:
        return {}
    sides = np.array(sighting.box) / (width, height, width, height)
    left, top, right, bottom = np.clip(sides, 0, 1).tolist()
    if min(right - left, bottom - top) < LEAST_SIDE:
        return {}
    return {"bboxX": left, "bboxY": top, "bboxWidth": right - left, "bboxHeight": bottom - top}
