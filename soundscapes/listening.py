"""Recordings through classifiers: decoded beside, framed once, heard clip by clip in full batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from archives.embed.batch_queue import BatchQueue
from archives.embed.decode_source import DecodeTask, Message, Sound
from archives.embed.embed_sources import Decoding
from archives.embed.open_source import Item, OpenSource
from archives.embed.settings import ArchiveSettings
from archives.embed.sources import Source
from archives.workers import Ended
from fused_encoder.front_ends.contract import AudioFrontEnd
from media import samples_per_cell
from soundscapes.classifier import SoundClassifier
from soundscapes.clip_logits import ClipFunction, clip_function
from soundscapes.ensemble import common_classes
from soundscapes.moments import moment_seconds
from soundscapes.prediction_settings import PredictionSettings
from soundscapes.recording_scores import OpenRecording, Pass, RecordingScores

MomentsTaken = Callable[[str, np.ndarray], None]
"""Called with the name of a recording and the scores of its next moments, float32 [num, num_classes]."""


@dataclass(frozen=True)
class _Member:
    """One network of an ensemble."""

    number: int
    function: ClipFunction
    columns: np.ndarray  # of the classes of the ensemble
    seconds_per_time: float


@dataclass(frozen=True)
class _Ear:
    """The networks that take the same clips."""

    front_end: AudioFrontEnd
    clip_frames: int
    members: tuple[_Member, ...]
    hop_seconds: float
    shifts: tuple[int, ...]  # samples that each listening leaves out at the start

    @property
    def cutting(self) -> ArchiveSettings:
        hop, front_end = self.front_end.hop_samples, self.front_end
        samples = (self.clip_frames - 1) * hop + front_end.window_samples
        seconds = samples / front_end.sample_rate_hz
        return ArchiveSettings(seconds, self.hop_seconds, max_clipped_share=1.0)


class _ClipQueue(BatchQueue[Pass, list[tuple[np.ndarray, np.ndarray]]]):
    """Clips of all recordings, through all networks of an ear."""

    def __init__(
        self, ear: _Ear, settings: PredictionSettings, finish: Callable[[OpenSource[Pass]], None]
    ) -> None:
        super().__init__(ear.front_end, finish)
        self._ear, self._batch_size = ear, settings.batch_size

    def is_full(self, items: Sequence[Item]) -> bool:
        return len(items) >= self._batch_size

    def compute(self, items: list[Item]) -> list[tuple[np.ndarray, np.ndarray]]:
        ear = self._ear
        size = ear.front_end.embedding_size
        clips = np.zeros((len(items), ear.clip_frames, size), np.float32)
        for clip, item in zip(clips, items, strict=True):
            if item.frames is not None:
                clip[: len(item.frames)] = item.frames
        heard = []
        for member in ear.members:
            logits, times = member.function(tf.constant(clips))
            heard.append((logits.numpy()[:, member.columns], times.numpy()[:, :, member.columns]))
        return heard

    def take(
        self,
        source: OpenSource[Pass],
        rows: list[int],
        items: list[Item],
        result: list[tuple[np.ndarray, np.ndarray]],
    ) -> None:
        for row, item in zip(rows, items, strict=True):
            said = [(logits[row], times[row]) for logits, times in result]
            if all(np.isfinite(part).all() for parts in said for part in parts):
                source.rows.add(item, self._ear.clip_frames, self._ear.members, said)
            else:
                source.refuse(1)


def listen(
    classifiers: Sequence[SoundClassifier],
    sources: Iterable[Source],
    *,
    species: Sequence[str] | None = None,
    settings: PredictionSettings | None = None,
    decoding: Decoding | None = None,
    take_moments: MomentsTaken | None = None,
) -> Iterator[RecordingScores]:
    """The scores of recordings, each as soon as all of it is heard; about in their order.

    A file that cannot be decoded, or crashes its decoder, has a row that says so, and no scores; the others
    go on. Memory does not grow with the length of recordings, but for their segments and, where classifiers
    take sounds of different sample rates, the moments of one recording.

    Args:
        classifiers: one, or an ensemble that knows the same classes; also with different front ends.
        sources: recordings.
        species: those that are listened for. Default: all that the first classifier knows.
        settings: how they are cut, and how scores are made.
        decoding: worker processes and their time limit.
        take_moments: is given the scores of all moments, some at a time, in the order of each recording;
            NaN where nothing was heard. See `moment_length` for how long they are.

    Raises:
        ValueError: the classifiers do not know the same classes, or not the species; or the hop is longer
            than a clip.
    """
    settings = settings or PredictionSettings()
    ears = _ears(classifiers, species, settings)
    step = moment_length(classifiers, settings)
    num_classes = len(species or classifiers[0].class_names)
    in_work: dict[Source, OpenRecording] = {}
    done: deque[RecordingScores] = deque()

    def finish(source: OpenSource[Pass]) -> None:
        source.finish()
        recording = source.rows.recording
        if recording.has_ended:
            done.append(recording.finish())
            del in_work[source.source]

    def opened(source: Source) -> OpenRecording:
        recording = OpenRecording(
            source, settings, step, len(classifiers), num_classes, take_moments
        )
        for ear, queue in zip(ears, queues, strict=True):
            rate = ear.front_end.sample_rate_hz
            for shift in ear.shifts:
                one = Pass(recording, rate, shift, shift / rate, settings.max_clipped_share)
                one.attach(OpenSource(source, ear.front_end, ear.cutting, "", one), queue)
        return recording

    with ExitStack() as stack:
        queues = [stack.enter_context(_ClipQueue(ear, settings, finish)) for ear in ears]
        decoders = stack.enter_context((decoding or Decoding()).decoders())
        rates = dict.fromkeys(ear.front_end.sample_rate_hz for ear in ears)
        tasks = (
            DecodeTask(source, source.look(), rate, 1.0, 0.0)
            for source in sources
            for rate in rates
        )
        for task, message in decoders.run(tasks):
            recording = in_work.get(task.source)
            if recording is None:
                recording = in_work[task.source] = opened(task.source)
            for one in recording.passes:
                if one.sample_rate_hz == task.sample_rate_hz:
                    shown = _without_start(message, one.shift_samples, one.sample_rate_hz)
                    if shown is not None:
                        one.open_source.receive(shown)
                        one.queue.advance(one.open_source)
            while done:
                yield done.popleft()
        for queue in queues:
            queue.flush()
        yield from done


def moment_length(
    classifiers: Sequence[SoundClassifier], settings: PredictionSettings | None = None
) -> float:
    """Seconds of a moment on the common grid: of the network with the shortest, divided by the shifts."""
    settings = settings or PredictionSettings()
    shortest = min(classifier.seconds_per_time for classifier in classifiers)
    return moment_seconds(shortest / settings.num_shifts, settings.segment_seconds)


def _ears(
    classifiers: Sequence[SoundClassifier],
    species: Sequence[str] | None,
    settings: PredictionSettings,
) -> list[_Ear]:
    if not classifiers:
        raise ValueError("Expected at least one classifier, received none.")
    columns = common_classes([classifier.class_names for classifier in classifiers], species)
    together: dict[tuple[str, int], list[int]] = {}
    for number, one in enumerate(classifiers):
        key = (one.front_end.fingerprint or str(id(one.front_end)), one.clip_frames)
        together.setdefault(key, []).append(number)
    ears = []
    for numbers in together.values():
        first = classifiers[numbers[0]]
        hop = hop_seconds_of(first, settings)
        members = tuple(
            _Member(n, clip_function(classifiers[n]), columns[n], classifiers[n].seconds_per_time)
            for n in numbers
        )
        ears.append(
            _Ear(first.front_end, first.clip_frames, members, hop, _shifts(first, hop, settings))
        )
    return ears


def hop_seconds_of(classifier: SoundClassifier, settings: PredictionSettings) -> float:
    """A whole number of moments, so that those of overlapping clips are the same."""
    step = classifier.seconds_per_time
    clip = step * classifier.times_per_clip
    hop = clip / 2 if settings.hop_seconds is None else settings.hop_seconds
    if hop > clip * (1 + 1e-6):
        raise ValueError(
            f"Expected hop_seconds of at most a clip, {clip:g} s, so that all sound is heard; received "
            f"{hop:g} s."
        )
    return max(1, round(hop / step)) * step


def _shifts(
    classifier: SoundClassifier, hop_seconds: float, settings: PredictionSettings
) -> tuple[int, ...]:
    """Samples: parts of the hop later each, and parts of a moment, so that no two hear the same frames."""
    step, num = classifier.seconds_per_time, settings.num_shifts
    rate = classifier.front_end.sample_rate_hz
    shift_seconds = (int(hop_seconds / num / step + 1e-6) + 1 / num) * step
    cell = samples_per_cell(rate)
    return tuple(round(n * shift_seconds * rate / cell) * cell for n in range(num))


def _without_start(message: Message | Ended, shift: int, rate: int) -> Message | Ended | None:
    """A block of sound without what lies before a shifted start; None where nothing is left."""
    if not isinstance(message, Sound) or message.block.first_sample >= shift:
        return message
    block, skip = message.block, shift - message.block.first_sample
    if skip >= len(block.waveform):
        return None
    cells = slice(skip // samples_per_cell(rate), None)
    return replace(
        message,
        block=replace(
            block,
            first_sample=shift,
            waveform=block.waveform[skip:],
            is_finite=block.is_finite[cells],
            is_changing=block.is_changing[cells],
            clipped_share=block.clipped_share[cells],
        ),
    )
