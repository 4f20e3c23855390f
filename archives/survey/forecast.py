"""What `embed` will make of an archive: how many rows, and how large they are on disk."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from archives.embed.settings import ArchiveSettings
from archives.survey.records import NOTHING_TO_HEAR, SurveyedFile

_USUAL = ArchiveSettings()
WINDOW_SECONDS, HOP_SECONDS = _USUAL.window_seconds, _USUAL.hop_seconds
MOMENTS_PER_SECOND = _USUAL.frames_per_second
EMBEDDING_SIZE = 128
_FRAME_SECONDS, _FRAME_HOP_SECONDS = 0.975, 0.48  # of YAMNet
_ROW_BYTES = 4 * EMBEDDING_SIZE + 32  # and the file, the place and the kind, well packed


@dataclass(frozen=True)
class Forecast:
    """What comes out of an archive with `embed`'s usual settings.

    Attributes:
        num_photos: rows of photos.
        num_windows: rows of recordings: 5 s, one every 2.5 s.
        num_moments: rows of videos: one per second.
        num_unknown: files whose header tells no length; they are not counted in.
    """

    num_photos: int
    num_windows: int
    num_moments: int
    num_unknown: int

    @property
    def num_rows(self) -> int:
        """All embeddings."""
        return self.num_photos + self.num_windows + self.num_moments

    @property
    def num_bytes(self) -> int:
        """About the size on disk: 128 float32 per row, and a little beside."""
        return self.num_rows * _ROW_BYTES


def forecast_of(files: Iterable[SurveyedFile]) -> Forecast:
    """The rows that readable files give; copies count as often as they are there.

    Args:
        files: of any kind.
    """
    photos = windows = moments = unknown = 0
    for file in files:
        if not file.is_readable or file.has(*NOTHING_TO_HEAR):
            continue
        if file.kind == "photo":
            photos += not file.has("truncated")
        elif not file.duration_seconds:
            unknown += 1
        elif file.kind == "recording":
            windows += num_windows(file.duration_seconds)
        else:
            moments += max(1, math.ceil(file.duration_seconds * MOMENTS_PER_SECOND))
    return Forecast(photos, windows, moments, unknown)


def num_windows(duration_seconds: float) -> int:
    """How many windows of 5 s, one every 2.5 s, a recording gives; at least one.

    Windows begin where YAMNet's frames do, 0.48 s apart; one more ends with the recording where sound
    would be left over.

    Args:
        duration_seconds: of the recording.
    Example:
        >>> num_windows(60.0)
        24
    """
    num_frames = _num_frames(duration_seconds)
    length = _num_frames(WINDOW_SECONDS)
    # The last k with round(k * hop / 0.48) + length <= num_frames.
    last = math.floor((num_frames - length + 0.5) * _FRAME_HOP_SECONDS / HOP_SECONDS)
    while last >= 0 and _first_frame(last) + length > num_frames:
        last -= 1
    if last < 0:
        return 1
    return last + 1 + (_first_frame(last) + length < num_frames)


def _num_frames(seconds: float) -> int:
    left_over = max(round((seconds - _FRAME_SECONDS) * 16_000), 0)
    return 1 + math.ceil(left_over / (_FRAME_HOP_SECONDS * 16_000))


def _first_frame(window: int) -> int:
    return round(window * HOP_SECONDS / _FRAME_HOP_SECONDS)
