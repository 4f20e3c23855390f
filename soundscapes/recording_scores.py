"""A recording while it is heard, and what comes of it: scores of moments, segments, and the whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.special import expit

from archives.embed.batch_queue import BatchQueue
from archives.embed.open_source import Item, OpenSource
from archives.embed.rows import FileRow, Skipped
from archives.embed.sources import Source
from soundscapes.ensemble import Ensemble, combine_scores
from soundscapes.moments import MomentGrid, SegmentScores
from soundscapes.prediction_settings import PredictionSettings

_AT_ONCE_SECONDS = 60.0  # of moments that are taken from the grid together


@dataclass(frozen=True)
class RecordingScores:
    """What was heard in a recording.

    Attributes:
        file: its path as typed.
        row: what became of the file: its status, why it is not "ok", which stretches were not heard.
        clipped: stretches of which much is clipped; they were heard.
        segments: float32 [num_segments, num_classes], in [0, 1]; NaN where nothing was heard.
        recording: float32 [num_classes], of the whole; NaN where nothing of it was heard.
        segments_of_each, recording_of_each: the same for each classifier, where the ensemble ranks; else
            empty.
    """

    file: str
    row: FileRow
    clipped: tuple[Skipped, ...]
    segments: np.ndarray
    recording: np.ndarray
    segments_of_each: tuple[np.ndarray, ...] = ()
    recording_of_each: tuple[np.ndarray, ...] = ()

    @property
    def is_heard(self) -> bool:
        """Whether there are scores at all."""
        return bool(np.isfinite(self.recording).any())


class Member(Protocol):
    """A network of an ensemble."""

    @property
    def number(self) -> int: ...  # noqa: D102

    @property
    def seconds_per_time(self) -> float: ...  # noqa: D102


class OpenRecording:
    """A recording that is being heard, by several networks and perhaps several times."""

    def __init__(
        self,
        source: Source,
        settings: PredictionSettings,
        seconds_per_moment: float,
        num_members: int,
        num_classes: int,
        take_moments: Callable[[str, np.ndarray], None] | None,
    ) -> None:
        self.source, self.passes = source, list[Pass]()
        self._settings, self._num_classes = settings, num_classes
        self._take_moments = take_moments
        self._how: Ensemble = "mean" if settings.ensemble == "rank" else settings.ensemble
        self._grids = [MomentGrid(seconds_per_moment, num_classes) for _ in range(num_members)]
        self._clip_sums = np.zeros((num_members, num_classes))
        self._num_clips = np.zeros(num_members)
        num_kept = num_members if settings.ensemble == "rank" else 0
        cutting = seconds_per_moment, settings.segment_seconds, num_classes
        self._segments = SegmentScores(*cutting)
        self._segments_of_each = [SegmentScores(*cutting) for _ in range(num_kept)]
        self._taken_seconds = 0.0

    @property
    def has_ended(self) -> bool:
        """Whether all is heard."""
        return all(one.row is not None for one in self.passes)

    def add(
        self, member: Member, start_seconds: float, logits: np.ndarray, times: np.ndarray
    ) -> None:
        """Logits of a clip, float32 [num_classes], and of its moments, float32 [num_times, num_classes]."""
        self._clip_sums[member.number] += logits
        self._num_clips[member.number] += 1
        self._grids[member.number].add(start_seconds, member.seconds_per_time, times)

    def take_finished_moments(self) -> None:
        """Makes scores of the moments that no later clip can change."""
        until = min(one.heard_until_seconds for one in self.passes)
        if _AT_ONCE_SECONDS < until - self._taken_seconds < math.inf:
            self._taken_seconds = until
            self._take([grid.take_before(until) for grid in self._grids])

    def finish(self) -> RecordingScores:
        """What comes of it."""
        row = self._row()
        end = row.decoded_seconds or 0.0
        self._take([grid.take_rest(end) for grid in self._grids])
        settings = self._settings
        num = math.ceil(end / settings.segment_seconds - 1e-6) if end else 0
        segments = self._segments.take(num)
        of_each = tuple(one.take(num) for one in self._segments_of_each)
        whole = [
            self._whole(member, of_each[member] if of_each else None)
            for member in range(len(self._grids))
        ]
        recording = combine_scores([one[None] for one in whole], self._how)[0]
        if settings.recording_pooling == "max" and num:
            recording = np.fmax.reduce(segments, axis=0)
        return RecordingScores(
            row.file,
            row,
            self.passes[0].clipped,
            segments,
            recording,
            of_each,
            tuple(whole) if of_each else (),
        )

    def _whole(self, member: int, segments: np.ndarray | None) -> np.ndarray:
        """What one network says of the whole recording."""
        if not self._num_clips[member]:
            return np.full(self._num_classes, np.nan, np.float32)
        if self._settings.recording_pooling == "max" and segments is not None:
            return np.fmax.reduce(segments, axis=0)
        return expit(self._clip_sums[member] / self._num_clips[member]).astype(np.float32)

    def _take(self, logits: Sequence[np.ndarray]) -> None:
        """The next moments, float32 [num_moments, num_classes] of each network."""
        each = [expit(one) for one in logits]
        scores = each[0] if len(each) == 1 else combine_scores(each, self._how)
        self._segments.add(scores)
        for kept, one in zip(self._segments_of_each, each, strict=False):
            kept.add(one)
        if self._take_moments is not None and len(scores):
            self._take_moments(self.source.name, scores)

    def _row(self) -> FileRow:
        """Of the first classifier that heard it all, or else the first; the others' refusals are notes."""
        rows = [one.row for one in self.passes if one.row is not None and not one.shift_samples]
        chosen = next((row for row in rows if row.is_whole), rows[0])
        notes = [
            f"one of the classifiers: {row.status}: {row.reason}"
            for row in rows
            if row.reason not in (None, chosen.reason)
        ]
        return replace(chosen, notes=(*chosen.notes, *notes))


class Pass:
    """One listening to a recording: by the networks of one front end, from one start."""

    def __init__(
        self,
        recording: OpenRecording,
        sample_rate_hz: int,
        shift_samples: int,
        shift_seconds: float,
        max_clipped_share: float,
    ) -> None:
        self.recording, self.sample_rate_hz = recording, sample_rate_hz
        self.shift_samples, self._shift_seconds = shift_samples, shift_seconds
        self._max_clipped_share = max_clipped_share
        self.heard_until_seconds = shift_seconds
        self.num_rows = 0  # clips
        self.row: FileRow | None = None
        self._clipped: list[Skipped] = []
        recording.passes.append(self)

    def attach(self, open_source: OpenSource[Pass], queue: BatchQueue) -> None:
        """The source that it hears, and the queue of its clips."""
        self.open_source, self.queue = open_source, queue

    @property
    def clipped(self) -> tuple[Skipped, ...]:
        """Stretches of clips of which much is clipped."""
        return tuple(self._clipped)

    def add(
        self,
        item: Item,
        clip_frames: int,
        members: Sequence[Member],
        said: Sequence[tuple[np.ndarray, np.ndarray]],
    ) -> None:
        """What the networks say of a clip."""
        place, num_frames = item.place, 0 if item.frames is None else len(item.frames)
        start = (place.start_seconds or 0.0) + self._shift_seconds
        for member, (logits, times) in zip(members, said, strict=True):
            num_times = math.ceil(
                len(times) * num_frames / clip_frames - 1e-6
            )  # not of its padding
            self.recording.add(member, start, logits, times[:num_times])
        self.num_rows += 1
        if (place.clipped_share or 0.0) > self._max_clipped_share:
            self._note_clipped(start, (place.end_seconds or 0.0) + self._shift_seconds)
        self.heard_until_seconds = start
        self.recording.take_finished_moments()

    def finish(self, file: FileRow) -> FileRow:
        """All of it is heard."""
        self.row, self.heard_until_seconds = file, math.inf
        return file

    def discard(self) -> None:
        """Nothing is kept of it anyway."""

    def _note_clipped(self, start: float, end: float) -> None:
        """Stretches that follow each other become one."""
        if self._clipped and start <= self._clipped[-1].end_seconds:
            start = self._clipped.pop().start_seconds
        self._clipped.append(Skipped(start, end, "clipped"))
