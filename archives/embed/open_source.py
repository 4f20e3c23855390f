"""One source on its way: what its decoder gives becomes items to embed, and in the end one row of a table."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from archives.embed.content import Identity, look_at
from archives.embed.decode_source import FilmEnded, Message, Photo, Sound, SoundEnded
from archives.embed.embedding_rows import Modality, Place
from archives.embed.file_rows import FileRow, Skipped
from archives.embed.settings import ArchiveSettings
from archives.embed.sound_windows import SoundWindows, Window
from archives.embed.sources import Source, path_to_name
from archives.embed.verdict import Seen, verdict_of
from fused_encoder.front_ends.log_mel import SAMPLE_RATE_HZ
from media import SoundOutcome


@dataclass(frozen=True)
class Item:
    """What becomes one embedding.

    Attributes:
        photo: uint8 [224, 224, 3], or None.
        frames: float32 [num_frames, 1024] of YAMNet, or None.
        place: where in the source it is.
    """

    photo: np.ndarray | None
    frames: np.ndarray | None
    place: Place


class OpenSource:
    """A source between its decoder and its shard.

    Args:
        source: which.
        settings: how it is cut.
    """

    def __init__(self, source: Source, settings: ArchiveSettings) -> None:
        self.source = source
        self._sound = SoundWindows(settings)
        self._sound_start_seconds = 0.0
        self._sound_is_there = source.kind != "image"
        self._photo: np.ndarray | None = None  # of a pair
        self._moments: deque[Photo] = deque()
        self._items: deque[Item] = deque()
        self._seen = Seen(source.kind)
        self._identity = Identity("", -1, 0)
        self._clipped_cells = self._num_cells = 0.0

    def receive(self, message: Message) -> None:
        """The next thing that its decoder gave."""
        if isinstance(message, Identity):
            self._identity = message
        elif isinstance(message, Sound):
            self._sound_start_seconds = message.start_seconds
            self._sound.add_block(message.block)
            self._clipped_cells += float(message.block.clipped_share.sum())
            self._num_cells += len(message.block.clipped_share)
        elif isinstance(message, SoundEnded):
            self._end_sound(message)
        elif isinstance(message, FilmEnded):
            self._seen.film = message
        else:
            self._receive_photo(message)

    def end(self) -> None:
        """Its decoder gives no more, whatever the reason."""
        if self._sound_is_there:
            self._sound.end()

    def fail(self, reason: str, *, has_crashed: bool) -> None:
        """Its decoder broke off.

        Args:
            reason: why.
            has_crashed: whether it died or hung; else it refused what it found.
        """
        self._seen.failure = reason
        self._seen.has_crashed = has_crashed

    def take_pieces(self) -> Iterator[np.ndarray]:
        """Sound for YAMNet, float32 [num_samples] each, whose frames go to `add_frames` in this order."""
        yield from self._sound.take_pieces()

    def add_frames(self, frames: np.ndarray) -> None:
        """What YAMNet made of the next piece, float32 [num_frames, 1024]."""
        self._sound.add_frames(frames)

    def take_items(self) -> Iterator[Item]:
        """What is ready to be embedded."""
        while self._items:
            yield self._items.popleft()
        if self.source.kind == "video":
            yield from self._take_moments()
        elif self.source.kind != "image":
            yield from self._take_windows()

    def row(self, num_embeddings: int, settings_key: str) -> FileRow:
        """What became of it.

        Args:
            num_embeddings: int, how many it gave.
            settings_key: see `ArchiveSettings.key`.
        """
        seen = self._seen
        seen.num_embeddings = num_embeddings
        seen.heard_seconds = self._sound.num_samples / SAMPLE_RATE_HZ
        seen.is_too_short = self._sound.is_too_short
        status, reason = verdict_of(seen)
        identity = self._identity if status == "ok" else self._identity_if_unchanged()
        outcome = seen.sound
        is_photo = self.source.kind == "image"
        return FileRow(
            file=self.source.name,
            kind=self.source.kind,
            status=status,
            reason=None if reason is None else path_to_name(reason),
            decoded_seconds=None if is_photo else seen.decoded_seconds,
            expected_seconds=_if_finite(seen.expected_seconds),
            sample_rate_hz=outcome.sample_rate_hz if outcome else None,
            num_channels=outcome.num_channels if outcome else None,
            clipped_share=self._clipped_cells / self._num_cells if self._num_cells else None,
            skipped=tuple(seen.skipped),
            notes=tuple(seen.notes),
            size_bytes=identity.size_bytes,
            modified_ns=identity.modified_ns,
            content=identity.content,
            settings=settings_key,
        )

    def refuse(self, place: Place) -> None:
        """The encoder gave no embedding of unit length for an item."""
        self._seen.refused.append(place)

    def _identity_if_unchanged(self) -> Identity:
        """None where it is not what it was: a disk that fell off in the middle says nothing of its files."""
        identity = self._identity
        looks = identity.size_bytes, identity.modified_ns
        return identity if look_at(self.source.paths) == looks else Identity("", -1, 0)

    def _end_sound(self, ended: SoundEnded) -> None:
        self._seen.sound = ended.outcome
        if ended.outcome is None:
            self._sound_is_there = self._sound.num_samples > 0
        if ended.reason is not None:
            self._seen.notes.append(f"its sound is not used: {ended.reason}")
        if ended.outcome is not None:
            self._seen.notes += _named(ended.outcome, self.source)
        if self._sound_is_there:
            self._sound.end()

    def _receive_photo(self, photo: Photo) -> None:
        if self.source.kind == "image":
            self._items.append(Item(photo.pixels, None, Place("image")))
        elif self.source.kind == "pair":
            self._photo = photo.pixels
        else:
            self._moments.append(photo)

    def _take_windows(self) -> Iterator[Item]:
        for window in self._sound.take_windows():
            if window.fault is not None:
                self._skip(window)
                continue
            modality: Modality = "audio" if self._photo is None else "fused"
            yield Item(self._photo, window.frames, _heard_at(window, modality))

    def _take_moments(self) -> Iterator[Item]:
        while self._moments:
            photo = self._moments[0]
            seconds = (photo.time_seconds or 0.0) - self._sound_start_seconds
            if self._sound_is_there and not self._sound.is_ready_around(seconds):
                return
            self._moments.popleft()
            window = self._sound.window_around(seconds) if self._sound_is_there else None
            self._sound.forget_before(seconds)
            if window is not None and window.fault is not None:
                self._skip(window)
                window = None
            if photo.pixels is None and window is None:
                self._seen.num_black += 1
                continue
            yield self._moment(photo, window)

    def _moment(self, photo: Photo, window: Window | None) -> Item:
        if window is None:
            place = Place("image")
        else:
            modality: Modality = "audio" if photo.pixels is None else "fused"
            place = _heard_at(window, modality, self._sound_start_seconds)
        place = replace(place, time_seconds=photo.time_seconds, frame_index=photo.frame_index)
        return Item(photo.pixels, window.frames if window else None, place)

    def _skip(self, window: Window) -> None:
        """Stretches that follow each other become one."""
        start = window.start_seconds + self._sound_start_seconds
        end = window.end_seconds + self._sound_start_seconds
        skipped, reason = self._seen.skipped, str(window.fault)
        if skipped and skipped[-1].reason == reason and start <= skipped[-1].end_seconds:
            start = skipped.pop().start_seconds
        skipped.append(Skipped(start, end, reason))


def _heard_at(window: Window, modality: Modality, sound_start_seconds: float = 0.0) -> Place:
    return Place(
        modality=modality,
        start_seconds=window.start_seconds + sound_start_seconds,
        end_seconds=window.end_seconds + sound_start_seconds,
        start_sample=window.start_sample,
        clipped_share=window.clipped_share,
    )


def _named(outcome: SoundOutcome, source: Source) -> list[str]:
    """The notes of a sound stream, which leave a place for the name."""
    return [note % path_to_name(source.path.name) for note in outcome.notes]


def _if_finite(seconds: float | None) -> float | None:
    """A damaged header may announce what is no number, which no table of files can hold."""
    return seconds if seconds is not None and math.isfinite(seconds) else None
