"""What `embed` will make of an archive: how many rows, and how large they are on disk."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from archives.embed.settings import ArchiveSettings
from archives.survey.records import SurveyedFile
from fused_encoder.front_ends import YAMNET

_USUAL = ArchiveSettings()
_ROW_BYTES = 4 * 128 + 32  # an embedding; the file, the place and the kind, well packed


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
    """The rows that readable files give; copies count as often as they are there."""
    photos = windows = moments = unknown = 0
    for file in files:
        seconds = file.header.duration_seconds
        if not file.is_usable:
            continue
        if file.kind == "photo":
            photos += 1
        elif not seconds:
            unknown += 1
        elif file.kind == "recording":
            windows += num_windows(seconds)
        else:
            moments += max(1, math.ceil(seconds * _USUAL.frames_per_second))
    return Forecast(photos, windows, moments, unknown)


def num_windows(duration_seconds: float) -> int:
    """How many windows of 5 s, one every 2.5 s, a recording gives; at least one.

    Windows begin where YAMNet's frames do, 0.48 s apart; one more ends with the recording where sound
    would be left over.
    """
    num_frames, length = YAMNET.frames_in(duration_seconds), YAMNET.frames_in(_USUAL.window_seconds)
    last = math.floor((num_frames - length + 0.5) * YAMNET.hop_seconds / _USUAL.hop_seconds)
    if last >= 0 and _first_frame(last) + length > num_frames:  # half a frame is rounded either way
        last -= 1
    if last < 0:
        return 1
    return last + 1 + (_first_frame(last) + length < num_frames)


def _first_frame(window: int) -> int:
    return round(window * _USUAL.hop_seconds / YAMNET.hop_seconds)
