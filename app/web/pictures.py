"""Pictures for pages: photos made small, and crops of sightings from wherever they are."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from app.reports.match_picture import jpeg
from individuals.sighting import Sighting
from media import IMAGE_EXTENSIONS, PhotoBox, UnreadableMediaError, load_image, resize_image

LONGEST_SIDE_PX = 640


def small_picture(path: str | Path, box: PhotoBox | None = None) -> bytes | None:
    """A photo, or the part of it in a box, as a JPEG of at most 640 pixels a side.

    Args:
        path: of the photo.
        box: (left, top, width, height) in pixels.
    Returns:
        None where the photo is not there (any more), or cannot be read.
    """
    try:
        return _small(Path(path), box, Path(path).stat().st_mtime_ns)
    except (OSError, UnreadableMediaError, ValueError):
        return None


def sighting_picture(sighting: Sighting) -> bytes | None:
    """The picture of a catalogue's sighting: its crop, else the part of its photo; None where neither is."""
    if sighting.crop is not None and (picture := small_picture(sighting.crop)) is not None:
        return picture
    if Path(sighting.media).suffix.lower() not in IMAGE_EXTENSIONS:
        return None
    box = None
    if sighting.box is not None:
        left, top, right, bottom = sighting.box
        box = (left, top, right - left, bottom - top)
    return small_picture(sighting.media, box)


@lru_cache(maxsize=512)
def _small(path: Path, box: PhotoBox | None, _: int) -> bytes:
    photo = load_image(path, box)
    height, width = photo.shape[:2]
    scale = min(1.0, LONGEST_SIDE_PX / max(height, width))
    if scale < 1:
        photo = resize_image(photo, (max(1, round(height * scale)), max(1, round(width * scale))))
    return jpeg(photo)
