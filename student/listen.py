"""`listen_live`: from a stream of sound to events, for as long as it comes, in memory that never grows."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from media.waveforms import resample_blocks
from soundscapes.classifier import SoundClassifier
from soundscapes.events import Event, EventFinder, EventSettings
from student.ring_buffer import RingBuffer
from student.sources import Session, SoundSource
from student.student import Student
from student.unknown import UnknownRule, softmax

DEFAULT_RING_SECONDS = 60.0


@dataclass(frozen=True)
class ClipScorer:
    """Anything that gives scores of clips.

    Args:
        class_names: in the order of the scores.
        sample_rate_hz: int > 0, of its clips.
        clip_seconds: float > 0.
        scores: from float32 [num_samples], a clip or less, to float [num_classes] in [0, 1].
    """

    class_names: tuple[str, ...]
    sample_rate_hz: int
    clip_seconds: float
    scores: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class ListeningStatus:
    """How listening goes.

    Attributes:
        stream_seconds: float, how far the stream is; lost and dropped sound counts.
        heard_seconds: float, of it that clips held.
        dropped_seconds: float, that came, but was forgotten before the network had time for it.
        lost_seconds: float, in which the device was gone.
        num_events: int, so far.
        busy_share: float, time in the network by time heard: the real-time factor. Above 1 it falls behind.
    """

    stream_seconds: float = 0.0
    heard_seconds: float = 0.0
    dropped_seconds: float = 0.0
    lost_seconds: float = 0.0
    num_events: int = 0
    busy_share: float = 0.0


def student_scorer(student: Student, unknown: UnknownRule | None = None) -> ClipScorer:
    """Probabilities of a student; all 0 where the rule finds a clip unknown. Extra inputs are missing."""

    def scores(clip: np.ndarray) -> np.ndarray:
        logits = student.logits(*student.clip_inputs(clip))
        is_known = True if unknown is None else bool(unknown.is_known(logits)[0])
        return softmax(logits)[0] if is_known else np.zeros(logits.shape[1], np.float32)

    hearing = student.hearing
    return ClipScorer(student.class_names, hearing.sample_rate_hz, hearing.clip_seconds, scores)


def classifier_scorer(classifier: SoundClassifier) -> ClipScorer:
    """Scores of a sound classifier of `soundscapes`."""
    front_end, length = classifier.front_end, classifier.clip_frames
    num_samples = (length - 1) * front_end.hop_samples + front_end.window_samples

    def scores(clip: np.ndarray) -> np.ndarray:
        sound = np.pad(clip, (0, max(0, front_end.min_samples - len(clip))))
        frames = np.asarray(front_end(sound), np.float32)[:length]
        logits = classifier.logits(np.pad(frames, ((0, length - len(frames)), (0, 0)))[None])[0]
        return 1 / (1 + np.exp(-logits.astype(float)))

    rate = front_end.sample_rate_hz
    return ClipScorer(classifier.class_names, rate, num_samples / rate, scores)


def listen_live(
    scorer: ClipScorer,
    source: SoundSource,
    *,
    hop_seconds: float | None = None,
    thresholds: npt.ArrayLike = 0.7,
    events: EventSettings | None = None,
    ring_seconds: float = DEFAULT_RING_SECONDS,
    status_seconds: float = 60.0,
    name: str = "live",
) -> Iterator[Event | ListeningStatus]:
    """Events as soon as they are over, and now and then how listening goes.

    A moment is a hop long; its scores are the mean over the clips that hold all of it, so that overlapping
    clips smooth each other. Digital silence has none. Memory does not grow, however long it listens.

    Args:
        scorer: from `student_scorer` or `classifier_scorer`.
        source: where the sound comes from; it is resampled.
        hop_seconds: float > 0, from clip to clip, at most a clip. Default: half a clip.
        thresholds: float [num_classes] or one for all; a moment counts strictly above it.
        events: when moments become one event.
        ring_seconds: float, how much sound may wait for the network.
        status_seconds: float > 0, of sound between two statuses.
        name: in `Event.file`.

    Returns:
        Events, with times from the start of the stream, and statuses; the last is a status.

    Raises:
        ValueError: the hop or the ring does not fit.
    """
    hop = scorer.clip_seconds / 2 if hop_seconds is None else hop_seconds
    if not 0 < hop <= scorer.clip_seconds or ring_seconds < 2 * scorer.clip_seconds:
        raise ValueError(
            f"Expected a hop above 0 and at most a clip, {scorer.clip_seconds:g} s, and a ring of at least "
            f"two, received {hop:g} s and {ring_seconds:g} s."
        )
    hop_samples = max(1, round(hop * scorer.sample_rate_hz))
    ring_samples = round(ring_seconds * scorer.sample_rate_hz)
    status, next_status = ListeningStatus(), status_seconds
    for session in source.sessions():
        start = status.stream_seconds + session.lost_seconds
        status = replace(
            status, stream_seconds=start, lost_seconds=status.lost_seconds + session.lost_seconds
        )
        hearing = _SessionHearing(scorer, hop_samples, thresholds, events, name)
        ring = RingBuffer(ring_samples, waits=source.waits)
        with _Writing(session, source.sample_rate_hz, scorer.sample_rate_hz, ring):
            before = status
            for found in hearing.events(ring):
                yield from (_later(event, start) for event in found)
                status = hearing.status(before, ring)
                if status.stream_seconds >= next_status:
                    yield status
                    next_status = status.stream_seconds + status_seconds
    yield status


class _SessionHearing:
    """The clips of one session, their moments, and their events."""

    def __init__(
        self,
        scorer: ClipScorer,
        hop_samples: int,
        thresholds: npt.ArrayLike,
        events: EventSettings | None,
        name: str,
    ) -> None:
        rate = scorer.sample_rate_hz
        self._scorer, self._hop = scorer, hop_samples
        self._length = round(scorer.clip_seconds * rate)
        self._moments = _Moments(max(1, self._length // hop_samples), len(scorer.class_names))
        step = hop_samples / rate
        self._finder = EventFinder(name, scorer.class_names, step, thresholds, events)
        self._busy_seconds, self._heard_until, self._num_events = 0.0, 0, 0

    def events(self, ring: RingBuffer) -> Iterator[list[Event]]:
        """After each clip, those that are over; at the end the others."""
        rate = self._scorer.sample_rate_hz
        while (taken := ring.next_clip(self._length, self._hop)) is not None:
            first, clip = taken
            self._heard_until = first + len(clip)
            self._finder.add(self._moments.after(first // self._hop, self._scores(clip)))
            yield self._counted(self._finder.take_closed())
        if self._heard_until:
            self._finder.add(self._moments.rest())
            yield self._counted(self._finder.finish(ring.num_samples / rate))

    def status(self, before: ListeningStatus, ring: RingBuffer) -> ListeningStatus:
        """Of this session and all before."""
        rate = self._scorer.sample_rate_hz
        until = min(self._heard_until, ring.num_samples) / rate
        dropped = ring.dropped_samples / rate
        heard = before.heard_seconds + until - dropped
        busy = before.busy_share * before.heard_seconds + self._busy_seconds
        return ListeningStatus(
            before.stream_seconds + until,
            heard,
            before.dropped_seconds + dropped,
            before.lost_seconds,
            before.num_events + self._num_events,
            busy / heard if heard else 0.0,
        )

    def _scores(self, clip: np.ndarray) -> np.ndarray:
        if (clip == clip[0]).all():
            return np.full(len(self._scorer.class_names), np.nan)
        started = time.perf_counter()
        scores = np.asarray(self._scorer.scores(clip), float)
        self._busy_seconds += time.perf_counter() - started
        return scores

    def _counted(self, events: list[Event]) -> list[Event]:
        self._num_events += len(events)
        return events


class _Moments:
    """Means over the clips that hold a moment; clip k holds moments k to k + num_covering - 1."""

    def __init__(self, num_covering: int, num_classes: int) -> None:
        self._num_covering, self._num_classes = num_covering, num_classes
        self._clips: deque[tuple[int, np.ndarray]] = deque(maxlen=num_covering)
        self._next = 0

    def after(self, number: int, scores: np.ndarray) -> np.ndarray:
        """Moments that no later clip holds, float [num_moments, num_classes]; NaN where none did."""
        before = [self._mean(moment) for moment in range(self._next, number)]
        self._clips.append((number, scores))
        self._next = number + 1
        return np.array([*before, self._mean(number)])

    def rest(self) -> np.ndarray:
        """Those after the last clip's first."""
        last = self._next - 1 + self._num_covering
        rows = [self._mean(moment) for moment in range(self._next, last)]
        return np.array(rows).reshape(-1, self._num_classes)

    def _mean(self, moment: int) -> np.ndarray:
        holding = [
            scores
            for number, scores in self._clips
            if number <= moment < number + self._num_covering and np.isfinite(scores).all()
        ]
        return np.mean(holding, axis=0) if holding else np.full(self._num_classes, np.nan)


class _Writing:
    """A thread that puts a session's sound into the ring, for the length of a `with` block."""

    def __init__(self, session: Session, rate: int, target_rate: int, ring: RingBuffer) -> None:
        self._blocks = resample_blocks(session.blocks, rate, target_rate)
        self._ring = ring
        self._thread = threading.Thread(target=self._write, name="sound source", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._ring.close()
        if error[0] is None:
            self._thread.join()

    def _write(self) -> None:
        try:
            for block in self._blocks:
                self._ring.write(block)
        except (OSError, ValueError) as error:
            self._ring.close(error)
        finally:
            self._ring.close()


def _later(event: Event, seconds: float) -> Event:
    start, end = event.start_seconds + seconds, event.end_seconds + seconds
    return replace(event, start_seconds=start, end_seconds=end)
