"""Teachers: a head on a front end that knows sounds with the 18 features, or a trained sound classifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import keras
import numpy as np
from keras import layers
from tqdm import tqdm

from fused_encoder.front_ends.contract import AudioFrontEnd
from media import load_waveform
from soundscapes.classifier import SoundClassifier
from student.clips import MAX_SECONDS, StudentClips
from student.features import FEATURE_NAMES
from student.hearing import StudentHearing
from student.taught import TeacherOutputs
from triplets import FeatureStore
from triplets.splits import content_source
from triplets.store import load_feature

Head = Literal["linear", "published"]
HEADS: tuple[str, ...] = ("linear", "published")

_CHOICES_OF_C = (0.001, 0.01, 0.1, 1.0)
_NUM_FOLDS = 5
_PUBLISHED_SIZES = (256, 128, 64)
_DROPOUTS = (0.3, 0.2, 0.2)
_EPOCHS = 60


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
        logits = self.network.predict([sound, clips.features], verbose=0)
        return TeacherOutputs(np.asarray(logits, np.float32), sound)


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
    known = _Known(sound, clips.features, clips.primary, clips.sources)
    num_classes = len(clips.recordings.class_names)
    train = _linear if head == "linear" else _published
    cross_fitted = _cross_fitted(known, num_classes, train, seed) if cross_fit else None
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


@dataclass(frozen=True)
class _Known:
    """Training clips as heads see them."""

    sound: np.ndarray
    features: np.ndarray
    classes: np.ndarray
    sources: np.ndarray

    def only(self, places: np.ndarray) -> _Known:
        return _Known(
            self.sound[places], self.features[places], self.classes[places], self.sources[places]
        )


_Train = Callable[[_Known, int, int], keras.Model]


def _folds(known: _Known, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Grouped by source; each species has clips to train on in every fold, or there is an error."""
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    num_folds = min(_NUM_FOLDS, len(np.unique(known.sources)))
    splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # that species have fewer clips than there are folds
        warnings.simplefilter("ignore", UserWarning)
        return list(splitter.split(known.sound, known.classes, known.sources))


def _cross_fitted(known: _Known, num_classes: int, train: _Train, seed: int) -> TeacherOutputs:
    logits = np.zeros((len(known.sound), num_classes), np.float32)
    for training, held_out in _folds(known, seed):
        network = train(known.only(training), num_classes, seed)
        asked = known.only(held_out)
        logits[held_out] = network.predict([asked.sound, asked.features], verbose=0)
    return TeacherOutputs(logits, known.sound)


def _linear(known: _Known, num_classes: int, seed: int) -> keras.Model:
    """Logistic regression as a network: standardisation and one layer."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    network, scaled = _scaled_inputs(known)
    inside = keras.Model(network.inputs, scaled)
    values = inside.predict([known.sound, known.features], verbose=0)
    model = LogisticRegression(max_iter=2000)
    counts = [len(np.unique(known.sources[known.classes == k])) for k in np.unique(known.classes)]
    if min(counts) > 1:
        search = GridSearchCV(model, {"C": _CHOICES_OF_C}, cv=_folds(known, seed)[:3])
        model = search.fit(values, known.classes).best_estimator_
    else:
        model.fit(values, known.classes)
    dense = layers.Dense(num_classes, name="logits")
    network = keras.Model(network.inputs, dense(scaled), name="teacher_head")
    kernel = np.zeros((values.shape[1], num_classes), np.float32)
    bias = np.full(num_classes, -10.0, np.float32)  # of species without a clip
    if len(model.classes_) == 2:
        first, second = model.classes_
        kernel[:, first], kernel[:, second] = -model.coef_[0] / 2, model.coef_[0] / 2
        bias[first], bias[second] = -model.intercept_[0] / 2, model.intercept_[0] / 2
    else:
        kernel[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
    dense.set_weights([kernel, bias])
    return network


def _published(known: _Known, num_classes: int, seed: int) -> keras.Model:
    """Four layers, with layer normalisation and dropout between them."""
    keras.utils.set_random_seed(seed)
    inputs, hidden = _scaled_inputs(known)
    for number, (size, dropout) in enumerate(zip(_PUBLISHED_SIZES, _DROPOUTS, strict=True), 1):
        hidden = layers.Dense(size, name=f"layer_{number}")(hidden)
        hidden = layers.LayerNormalization(name=f"layer_{number}_scaling")(hidden)
        hidden = layers.Activation("relu", name=f"layer_{number}_relu")(hidden)
        hidden = layers.Dropout(dropout, name=f"layer_{number}_dropout")(hidden)
    logits = layers.Dense(num_classes, name="logits")(hidden)
    network = keras.Model(inputs.inputs, logits, name="teacher_head")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.01, clipnorm=1.0), loss)
    network.fit([known.sound, known.features], known.classes, epochs=_EPOCHS, verbose=0)
    return network


def _scaled_inputs(known: _Known) -> tuple[keras.Model, keras.KerasTensor]:
    """Both inputs, each standardised to the training clips, side by side."""
    sound = keras.Input((known.sound.shape[1],), name="sound")
    features = keras.Input((len(FEATURE_NAMES),), name="features")
    scalings = [layers.Normalization(name=f"{kind}_scaling") for kind in ("sound", "features")]
    for scaling, values in zip(scalings, (known.sound, known.features), strict=True):
        scaling.adapt(values)
    scaled = [s(each) for s, each in zip(scalings, (sound, features), strict=True)]
    both = layers.Concatenate(name="sound_and_features")(scaled)
    return keras.Model([sound, features], both), both
