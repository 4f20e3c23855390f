"""Teachers: a head on a front end that knows sounds with the 18 features, or a trained sound classifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import keras
import numpy as np
from tqdm import tqdm

from fused_encoder.front_ends.contract import AudioFrontEnd
from media import load_waveform
from soundscapes.classifier import SoundClassifier
from student.clips import MAX_SECONDS, StudentClips
from student.hearing import StudentHearing
from student.taught import TeacherOutputs
from student.teacher_heads import (
    KnownClips,
    cross_fitted_logits,
    head_logits,
    linear_head,
    published_head,
)
from triplets import FeatureStore
from triplets.splits import content_source
from triplets.store import load_feature

Head = Literal["linear", "published"]
HEADS: tuple[str, ...] = ("linear", "published")


@dataclass(frozen=True)
class HeadTeacher:
    """A head on a frozen front end: `train_head_teacher` makes it.

    Attributes:
        network: inputs `sound` float32 [batch, embedding_size], the mean frame of a clip, and `features`
            float32 [batch, 18]; output logits float32 [batch, num_classes].
        front_end: BirdNET, VGGish, YAMNet, Perch or another.
        class_names: the species, in the order of the logits.
        cross_fitted: what it says of its own training clips: of each, a head that was trained without
            the clip's source. None where that was not asked for.
        store: where frames are kept.
    """

    network: keras.Model
    front_end: AudioFrontEnd
    class_names: tuple[str, ...]
    cross_fitted: TeacherOutputs | None = None
    store: FeatureStore = field(default_factory=FeatureStore, repr=False)

    def outputs(self, clips: StudentClips) -> TeacherOutputs:
        """What it says of clips, heard by its front end at the front end's own rate."""
        sound = clip_means(self.front_end, clips, store=self.store)
        return TeacherOutputs(head_logits(self.network, sound, clips.features), sound)


@dataclass(frozen=True)
class ClassifierTeacher:
    """A classifier of `soundscapes` as a teacher.

    Args:
        classifier: from `train_sound_classifier`, of the same species.
    """

    classifier: SoundClassifier

    @property
    def class_names(self) -> tuple[str, ...]:
        """The species, in the order of the logits."""
        return self.classifier.class_names

    def outputs(self, clips: StudentClips) -> TeacherOutputs:
        """What it says of clips."""
        front_end = self.classifier.front_end
        logits = [
            self.classifier.logits(front_end(sound)[None])[0]
            for sounds in heard_clips(front_end.sample_rate_hz, clips)
            for sound in sounds
        ]
        return TeacherOutputs(np.stack(logits).astype(np.float32))


def train_head_teacher(
    clips: StudentClips,
    front_end: AudioFrontEnd,
    *,
    head: Head = "linear",
    cross_fit: bool = True,
    store: FeatureStore | None = None,
    seed: int = 0,
    progress: bool = True,
) -> HeadTeacher:
    """A teacher that hears with a front end, and has the 18 features beside it.

    A head that was trained on a clip is surer of it than it has reason to be, and has little to teach
    about it but the label. So with `cross_fit` it says of each training clip what a head says that was
    trained without its source, and the student learns which species are alike.

    Args:
        clips: of training recordings.
        front_end: "birdnet", "yamnet", "perch" or "vggish" by `load_front_end`.
        head: "linear": logistic regression, its C chosen within the clips, which is hard to beat with tens of
            recordings a species; "published": four layers with layer normalisation and dropout.
        cross_fit: whether `cross_fitted` is made, in five folds.
        store: where frames are kept.
        seed: of the folds and of the published head.
        progress: whether to show a bar.

    Raises:
        ValueError: an unknown head, or species that cannot be split into folds.
    """
    if head not in HEADS:
        raise ValueError(f"Expected a head of {', '.join(HEADS)}, received {head!r}.")
    store = store or FeatureStore()
    sound = clip_means(front_end, clips, store=store, progress=progress)
    known = KnownClips(sound, clips.features, clips.primary, clips.sources)
    num_classes = len(clips.recordings.class_names)
    train = linear_head if head == "linear" else published_head
    cross_fitted = None
    if cross_fit:
        cross_fitted = TeacherOutputs(cross_fitted_logits(known, num_classes, train, seed), sound)
    network = train(known, num_classes, seed)
    return HeadTeacher(network, front_end, clips.recordings.class_names, cross_fitted, store)


def clip_means(
    front_end: AudioFrontEnd,
    clips: StudentClips,
    *,
    store: FeatureStore | None = None,
    progress: bool = False,
) -> np.ndarray:
    """The mean frame of each clip: float32 [num_clips, embedding_size], each computed once ever.

    Files are read again, at the front end's own rate: what a student cannot hear, its teacher may.
    """
    store = store or FeatureStore()
    hearing, rate = clips.hearing, front_end.sample_rate_hz
    means: list[np.ndarray] = []
    bar = tqdm(clips.recordings, "teacher", disable=not progress, leave=False)
    for number, one in enumerate(bar):
        place = clips.clips_of(number)
        num_clips = place.stop - place.start

        def compute(path=one.path, num=num_clips) -> np.ndarray:  # type: ignore[no-untyped-def] # bound now
            return _mean_frames(
                front_end, list(_cut(load_waveform_of(path, rate), num, hearing, rate))
            )

        key = (
            f"{content_source(one.path)}-clips-{front_end.fingerprint}-{hearing.clip_seconds:g}-"
            f"{hearing.fill}-{num_clips}"
        )
        means.append(np.asarray(load_feature(store.get(key.replace(".", "_"), compute))))
    return np.concatenate(means)


def heard_clips(sample_rate_hz: int, clips: StudentClips) -> Iterator[list[np.ndarray]]:
    """The same clips at another rate, recording by recording: float32 [clip_seconds * rate] each."""
    for number, one in enumerate(clips.recordings):
        place = clips.clips_of(number)
        waveform = load_waveform_of(one.path, sample_rate_hz)
        yield list(_cut(waveform, place.stop - place.start, clips.hearing, sample_rate_hz))


def load_waveform_of(path, rate: int) -> np.ndarray:  # type: ignore[no-untyped-def] # a path
    """As much of a recording as students are trained on."""
    return load_waveform(path, sample_rate_hz=rate, max_seconds=MAX_SECONDS)


def _cut(
    waveform: np.ndarray, num_clips: int, hearing: StudentHearing, rate: int
) -> Iterator[np.ndarray]:
    """The student's clips of a sound, at another rate."""
    length = round(hearing.clip_seconds * rate)
    if len(waveform) < length:
        repeated = np.resize(waveform, length)
        yield waveform if hearing.fill == "zeros" else repeated
        return
    last = len(waveform) - length
    for number in range(num_clips):
        start = min(number * length, last)
        yield waveform[start : start + length]


def _mean_frames(front_end: AudioFrontEnd, sounds: list[np.ndarray]) -> np.ndarray:
    """Of silence and of what is too short for the front end: zeros, the absence of sound."""
    means = np.zeros((len(sounds), front_end.embedding_size), np.float32)
    for mean, sound in zip(means, sounds, strict=True):
        if np.ptp(sound) > 0 and len(sound) >= front_end.min_samples:
            mean[:] = front_end.embed_sounds([sound])[0].mean(axis=0)
    return means
