"""The rows of a Camtrap DP's tables: deployments, media and observations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePath

from individuals.outputs.camtrap_project import Deployment
from individuals.sighting import AUTOMATIC, Sighting

MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/x-m4v",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".bmp": "image/bmp",
    ".webp": "image/webp",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
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
BOX_COLUMNS = ("bboxX", "bboxY", "bboxWidth", "bboxHeight")
TAGS = (
    *(
        "modality",
        "start_seconds",
        "end_seconds",
        "frame_index",
        "tracklet",
        "similarity",
        "quality",
    ),
    *("low_frequency_hz", "high_frequency_hz"),
)
LEAST_SIDE = 1e-15  # the standard's least width and height of a box


@dataclass(frozen=True)
class CamtrapMedia:
    """A media file of the package.

    Attributes:
        path: in the package; also its id.
        deployment_id: of its deployment.
        captured_at: its start, with a time zone.
        sightings: of it, in the order of time.
    """

    path: str
    deployment_id: str
    captured_at: datetime
    sightings: tuple[Sighting, ...]

    def moment(self, seconds: float) -> datetime:
        """So many seconds after its start."""
        try:
            return self.captured_at + timedelta(seconds=seconds)
        except OverflowError as error:
            raise ValueError(f"{seconds} s after the start of {self.path!r} is no date.") from error


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
    path = PurePath(media.path)
    return {
        "mediaID": media.path,
        "deploymentID": media.deployment_id,
        "timestamp": timestamp(media.captured_at),
        "filePath": media.path,
        "filePublic": is_public,
        "fileName": path.name,
        "fileMediatype": MEDIA_TYPES[path.suffix.lower()],
    }


def observation_rows(media: CamtrapMedia, classified_by: str) -> Iterator[Row]:
    """Of observations.csv: one for each sighting, and one for each individual as an event.

    Media-based observations say when and where in the picture; event-based ones, one for each individual
    with count 1, can be summed. Where nobody was met, both say "blank".
    """
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
        "eventStart": timestamp(media.moment(start)),
        "eventEnd": timestamp(media.moment(end), rounds_up=True),
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
            row |= dict(zip(BOX_COLUMNS, _relative_box(first), strict=True))
            row["classificationProbability"] = first.probability
            tags = {name: getattr(first, name) for name in TAGS}
            row["observationTags"] = " | ".join(
                f"{name}:{value}" for name, value in tags.items() if value is not None
            )
    return row


def timestamp(moment: datetime, *, rounds_up: bool = False) -> str:
    """A moment as the standard writes it, in whole seconds with the zone: 2026-05-01T06:30:00+02:00.

    Args:
        moment: with a time zone.
        rounds_up: whether a part of a second counts as one, as for ends.
    """
    offset = moment.utcoffset() or timedelta()
    if offset % timedelta(minutes=1):  # clocks before time zones
        moment = moment.astimezone(UTC)
    whole = moment.replace(microsecond=0)
    if rounds_up and moment.microsecond:
        whole += timedelta(seconds=1)
    return whole.isoformat().replace("+00:00", "Z")


def _relative_box(sighting: Sighting) -> tuple[float | None, ...]:
    """Left, top, width and height as shares of the frame; what lies outside is cut off."""
    width, height = sighting.frame_width_px, sighting.frame_height_px
    if sighting.box is None or width is None or height is None:
        return None, None, None, None
    left, top, right, bottom = sighting.box
    x, y = _inside(left / width), _inside(top / height)
    across, down = _inside(right / width) - x, _inside(bottom / height) - y
    if min(across, down) < LEAST_SIDE:
        return None, None, None, None
    return x, y, across, down


def _inside(share: float) -> float:
    return min(max(share, 0.0), 1.0)
