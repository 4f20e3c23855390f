"""A source between its decoder and its shard: what is decoded becomes items, then one row that says why."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np

from archives.embed.decode_source import FilmEnded, Message, Photo, Sound, SoundEnded
from archives.embed.rows import FileRow, Modality, Place, Skipped, Status
from archives.embed.settings import ArchiveSettings
from archives.embed.sound_windows import SoundWindows, Window
from archives.embed.sources import Identity, Source, path_to_name
from archives.workers import Ended
from fused_encoder.front_ends.contract import FrontEndSpec
from media import SoundOutcome, UnreadableMediaError

_FAULTS: dict[str, tuple[Status, str]] = {
    "non_finite": (
        "non_finite",
        "no window is without NaN or infinite samples. Export it again from its source.",
    ),
    "clipped": (
        "unreadable",
        "clipped throughout: the recorder's gain was too high. Leave it out, or allow more "
        "(--max-clipped-share).",
    ),
    "silent": (
        "silent",
        "digital silence throughout: every sample is the same. Check the recorder's microphone.",
    ),
}


@dataclass(frozen=True)
class Item:
    """What becomes one embedding."""

    photo: np.ndarray | None  # uint8 [224, 224, 3]
    frames: np.ndarray | None  # float32 [num_frames, size] of the front end
    place: Place


class RowsOfSource(Protocol):
    """Where the results of one source go."""

    num_rows: int

    def finish(self, file: FileRow) -> FileRow:
        """All results are there; gives what became of the file."""
        ...

    def discard(self) -> None:
        """The source is not to be kept."""
        ...


Rows = TypeVar("Rows", bound=RowsOfSource)


class OpenSource(Generic[Rows]):
    """A source that is being embedded, or listened to.

    Args:
        source: what it is.
        front_end: how the front end cuts sound.
        settings: how windows are cut.
        settings_key: names what makes its results, see `Run.key`.
        rows: where its results go.
    Attributes:
        num_waiting: int, pieces and items of it that wait for a network.
        has_ended: whether its decoder gives no more.
    """

    def __init__(
        self,
        source: Source,
        front_end: FrontEndSpec,
        settings: ArchiveSettings,
        settings_key: str,
        rows: Rows,
    ) -> None:
        self.source, self.rows = source, rows
        self.num_waiting, self.has_ended = 0, False
        self._settings_key = settings_key
        self._min_seconds = front_end.min_seconds
        self._sound = SoundWindows(settings, front_end)
        self._sound_start_seconds = 0.0
        self._has_sound = source.kind != "image"
        self._pair_photo: np.ndarray | None = None
        self._photos: deque[Photo] = deque()
        self._identity = Identity()
        self._outcome: SoundOutcome | None = None
        self._film: FilmEnded | None = None
        self._failure: str | None = None  # why its decoder broke off
        self._has_crashed = False  # and whether that was because it died or hung
        self._skipped: list[Skipped] = []
        self._notes: list[str] = []
        self._num_refused = self._num_black = 0  # by the encoder; moments without light or sound
        self._clipped_cells = self._num_cells = 0.0

    def receive(self, message: Message | Ended) -> None:
        """The next message of its decoder."""
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
            self._film = message
        elif isinstance(message, Ended):
            self._end(message)
        elif self.source.kind == "pair":
            self._pair_photo = message.pixels
        else:
            self._photos.append(message)

    def take_pieces(self) -> Iterator[np.ndarray]:
        """Sound for the front end, float32 [num_samples] each; its frames go to `add_frames` in order."""
        return self._sound.take_pieces()

    def add_frames(self, frames: np.ndarray) -> None:
        """The frames of the next piece, float32 [num_frames, size]."""
        self._sound.add_frames(frames)

    def take_items(self) -> Iterator[Item]:
        """What is ready to be embedded."""
        if self.source.kind == "image":
            while self._photos:
                yield Item(self._photos.popleft().pixels, None, Place("image"))
        elif self.source.kind == "video":
            yield from self._take_moments()
        else:
            for window in self._sound.take_windows():
                if self._is_usable(window):
                    yield self._item(self._pair_photo, window)

    def refuse(self, num_items: int) -> None:
        """The encoder gave no embedding of unit length for some items."""
        self._num_refused += num_items

    def finish(self) -> FileRow:
        """What became of it, when all its items are embedded."""
        outcome = self._outcome
        status, reason = self._verdict()
        identity = self._identity if status == "ok" else self._identity_if_unchanged()
        ended = self._film or outcome
        seconds = self._film.decoded_seconds if self._film else self._sound.num_seconds
        row = FileRow(
            file=self.source.name,
            kind=self.source.kind,
            status=status,
            reason=None if reason is None else path_to_name(reason),
            decoded_seconds=None if self.source.kind == "image" else seconds,
            expected_seconds=_if_finite(ended.expected_seconds if ended else None),
            sample_rate_hz=outcome.sample_rate_hz if outcome else None,
            num_channels=outcome.num_channels if outcome else None,
            clipped_share=self._clipped_cells / self._num_cells if self._num_cells else None,
            skipped=tuple(self._skipped),
            notes=tuple(self._notes),
            settings=self._settings_key,
            **vars(identity),
        )
        return self.rows.finish(row)

    def _verdict(self) -> tuple[Status, str | None]:
        """The status, and the reason where it is not "ok"."""
        if self._has_crashed:
            return "crashed", self._failure
        if self.rows.num_rows:
            reason = "; ".join(self._what_is_lost())
            return ("partial", reason) if reason else ("ok", None)
        if self._failure is not None:
            return "unreadable", self._failure
        return self._why_nothing()

    def _what_is_lost(self) -> Iterator[str]:
        if self._failure:
            yield self._failure
        if self._film and self._film.damage:
            yield self._film.damage
        if self._outcome and self._outcome.damage:
            of = "its sound: " if self.source.kind == "video" else ""
            yield of + self._outcome.damage
        for stretch in self._skipped:
            if stretch.reason == "non_finite":
                between = f"{stretch.start_seconds:.2f} and {stretch.end_seconds:.2f} s"
                yield f"NaN or infinite samples between {between}"
        if self._num_refused:
            yield f"the network gives nothing usable for {self._num_refused} of its windows or moments"

    def _why_nothing(self) -> tuple[Status, str]:
        """Nothing could be embedded of what was decoded well."""
        sound, seconds = self._outcome, self._sound.num_seconds
        damage = f" It is damaged too: {sound.damage}." if sound and sound.damage else ""
        if self._num_refused:
            return "unreadable", f"the network gives nothing usable for it.{damage}"
        if self.source.kind == "video":
            dark = f"all {self._num_black} frames are black, without sound around them."
            return "unreadable", dark
        if seconds < self._min_seconds:
            least = f"expected at least {self._min_seconds:g} s."
            return "too_short", f"it holds {seconds:.4f} s of sound, {least}{damage}"
        reasons = {stretch.reason for stretch in self._skipped}
        status, reason = next(_FAULTS[fault] for fault in _FAULTS if fault in reasons)
        return status, reason + damage

    def _identity_if_unchanged(self) -> Identity:
        """None where it is not what it was: a disk that fell off in the middle says nothing of its files."""
        looks = replace(self.source.look(), content=self._identity.content)
        return looks if looks == self._identity else Identity()

    def _end_sound(self, ended: SoundEnded) -> None:
        self._outcome = ended.outcome
        if ended.outcome is None:
            self._has_sound = self._sound.num_samples > 0
        else:  # the notes leave a place for the name
            name = path_to_name(self.source.path.name)
            self._notes += [note % name for note in ended.outcome.notes]
        if ended.reason is not None:
            self._notes.append(f"its sound is not used: {ended.reason}")
        self._sound.end()

    def _end(self, ended: Ended) -> None:
        self.has_ended = True
        self._sound.end()
        if ended.crash is not None:
            self._failure, self._has_crashed = f"its decoder {ended.crash}.", True
        elif ended.refusal is not None:
            self._failure = _reason(ended.refusal, self.source)

    def _take_moments(self) -> Iterator[Item]:
        while self._photos:
            photo = self._photos[0]
            seconds = photo.time_seconds - self._sound_start_seconds
            if self._has_sound and not self._sound.is_ready_around(seconds):
                return
            self._photos.popleft()
            window = self._sound.window_around(seconds) if self._has_sound else None
            self._sound.forget_before(seconds)
            if window is not None and not self._is_usable(window):
                window = None
            if photo.pixels is None and window is None:
                self._num_black += 1
                continue
            item = self._item(photo.pixels, window)
            place = replace(
                item.place, time_seconds=photo.time_seconds, frame_index=photo.frame_index
            )
            yield replace(item, place=place)

    def _is_usable(self, window: Window) -> bool:
        """Whether it can be embedded; else it is listed. Stretches that follow each other become one."""
        if window.fault is None:
            return True
        start, end = self._clock(window)
        last = self._skipped[-1] if self._skipped else None
        if last and last.reason == window.fault and start <= last.end_seconds:
            start = self._skipped.pop().start_seconds
        self._skipped.append(Skipped(start, end, window.fault))
        return False

    def _item(self, photo: np.ndarray | None, window: Window | None) -> Item:
        if window is None:
            return Item(photo, None, Place("image"))
        modality: Modality = "audio" if photo is None else "fused"
        start, end = self._clock(window)
        place = Place(modality, start, end, window.start_sample, clipped_share=window.clipped_share)
        return Item(photo, window.frames, place)

    def _clock(self, window: Window) -> tuple[float, float]:
        """Start and end of a window on the clock of the video."""
        zero = self._sound_start_seconds
        return window.start_seconds + zero, window.end_seconds + zero


def _reason(refusal: UnreadableMediaError | FileNotFoundError, source: Source) -> str:
    """Of a pair it says which of the two files is meant."""
    if isinstance(refusal, UnreadableMediaError):
        path, reason = refusal.path, refusal.reason
    else:
        missing = (path for path in source.paths if not path.exists())
        path, reason = next(missing, source.path), "there is no such file."
    return reason if source.photo is None else f"'{path_to_name(path)}': {reason}"


def _if_finite(seconds: float | None) -> float | None:
    """A damaged header may announce what is no number."""
    return seconds if seconds is not None and math.isfinite(seconds) else None
