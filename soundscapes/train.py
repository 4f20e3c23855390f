"""`train_sound_classifier`: the recipe in one call, from labelled recordings to a plain Keras network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from fused_encoder.front_ends.contract import AudioFrontEnd, FrontEndSpec
from soundscapes.classifier import SoundClassifier
from soundscapes.clips import StoredFrames, clip_batches, drawing_chances, whole_clips
from soundscapes.folds import split_recordings
from soundscapes.head_start import mean_features, start_head
from soundscapes.heads import FRAME_SCALING
from soundscapes.losses import sound_loss
from soundscapes.measures import measure_scores
from soundscapes.mel_networks import MEL, ROWS_PER_MOMENT, is_pretrained, num_bands, take_over
from soundscapes.network import create_sound_classifier
from soundscapes.optimizer import sound_optimizer
from soundscapes.options import SoundTraining
from soundscapes.pseudo_labels import PseudoLabelled
from soundscapes.recordings import LabelledRecordings
from soundscapes.waveform_clips import waveform_clip_batches
from triplets import FeatureStore, PreparedFile, Skipped, prepare_media

if TYPE_CHECKING:
    import tensorflow as tf

_MAX_FRAMES_ADAPTED = 50_000
_BATCHES_TAKEN_OVER = 4


@dataclass(frozen=True)
class TrainedSoundClassifier:
    """What training gave.

    Attributes:
        classifier: the network with its front end.
        history: of each epoch, `loss` and, with `patience`, `val_average_precision`.
        skipped: recordings that could not be used, and why.
    """

    classifier: SoundClassifier
    history: dict[str, list[float]]
    skipped: tuple[Skipped, ...]


def train_sound_classifier(
    recordings: LabelledRecordings,
    front_end: AudioFrontEnd,
    network: keras.Model | str | None = None,
    *,
    options: SoundTraining | None = None,
    store: FeatureStore | None = None,
    pseudo_labelled: PseudoLabelled | None = None,
    backup_dir: str | Path | None = None,
    progress: bool = True,
    **network_options: Any,  # of `create_sound_classifier`
) -> TrainedSoundClassifier:
    """Trains a network on labels of whole recordings.

    Each recording goes through the front end once, ever; the network learns from random clips of the stored
    frames, all of which carry the recording's label, whether or not the species sings in them: pooling over
    moments is what makes up for that.

    Args:
        recordings: to train on, from `scan_recordings` or `read_recordings`, or one side of
            `split_recordings`.
        front_end: "birdnet", "yamnet", "perch" by `load_front_end`; or `mel_front_end()`.
        network: one from `create_sound_classifier` for this front end, or its name there.
        options: the recipe.
        store: where frames are kept, see `prepare_media`.
        pseudo_labelled: stretches of unlabelled soundscapes with a teacher's scores, see `noisy_student`.
        backup_dir: where an interrupted training goes on from; None: it begins anew.
        progress: whether to show bars.
        network_options: of `create_sound_classifier`, where `network` is a name.

    Raises:
        ValueError: a species has no recording that can be used, or network and recordings do not fit.

    Example:
        >>> training, held_out = split_recordings(scan_recordings("songs"))
        >>> trained = train_sound_classifier(training, load_front_end("birdnet"))
    """
    options = options or SoundTraining()
    media = prepare_media(
        recordings.files(),
        front_end,
        max_audio_seconds=options.max_seconds,
        store=store,
        progress=progress,
    )
    keras.utils.set_random_seed(options.seed)
    if not isinstance(network, keras.Model):
        network = create_sound_classifier(
            len(recordings.class_names), front_end, network, **network_options
        )
    clip_frames = frames_in_clip(front_end, options.clip_seconds)
    classifier = SoundClassifier(network, front_end, recordings.class_names, clip_frames)
    usable = usable_recordings(recordings, media.recordings)
    training = _Training(usable, media.recordings, pseudo_labelled)
    history = _fit(classifier, training, options, backup_dir, progress)
    return TrainedSoundClassifier(classifier, history, media.skipped)


def frames_in_clip(front_end: FrontEndSpec, clip_seconds: float | None = None) -> int:
    """How many frames a clip has; by default 5 s of a spectrogram's rows, 30 s of other frames.

    A spectrogram's rows are rounded up to whole moments of the networks, 32 rows: so each moment is where it
    is said to be.
    """
    is_mel = front_end.name == MEL
    if clip_seconds is None:
        clip_seconds = 5.0 if is_mel else 30.0
    num_frames = max(1, math.ceil(clip_seconds / front_end.hop_seconds))
    return num_frames + -num_frames % ROWS_PER_MOMENT if is_mel else num_frames


def usable_recordings(
    recordings: LabelledRecordings, prepared: Sequence[PreparedFile]
) -> LabelledRecordings:
    """The recordings whose frames are stored, in the order of the stored ones.

    Raises:
        ValueError: a species has none.
    """
    place = {one.path: number for number, one in enumerate(recordings)}
    usable = recordings.only([place[file.path] for file in prepared])
    without = [name for name, count in usable.counts.items() if not count]
    if without:
        raise ValueError(
            f"No recording of {', '.join(map(repr, without[:5]))} can be used. Add some, or take the "
            "species out; the log says what is wrong with each file."
        )
    return usable


def recording_logits(
    classifier: SoundClassifier, recordings: Sequence[PreparedFile], *, batch_size: int = 32
) -> np.ndarray:
    """Of whole recordings: float32 [num_recordings, num_classes], the mean over their clips."""
    clips = [whole_clips(file.feature(), classifier.clip_frames) for file in recordings]
    ends = np.cumsum([len(each) for each in clips])
    every = np.concatenate(clips)
    batches = [
        classifier.logits(every[start : start + batch_size])
        for start in range(0, len(every), batch_size)
    ]
    return np.stack([part.mean(axis=0) for part in np.split(np.concatenate(batches), ends[:-1])])


@dataclass(frozen=True)
class _Training:
    """What is trained on: labelled recordings with their frames, and stretches that a teacher labelled."""

    recordings: LabelledRecordings
    prepared: Sequence[PreparedFile]
    pseudo_labelled: PseudoLabelled | None

    def start(self, classifier: SoundClassifier, options: SoundTraining) -> bool:
        """Gives a last layer on features that are learnt already its start; says whether it has one."""
        network = classifier.network
        if classifier.front_end.name == MEL and not is_pretrained(network):
            return False
        files = _files_of(self.recordings, self.prepared)
        frames = [file.feature() for file in files]
        return start_head(
            network,
            classifier.front_end,
            classifier.class_names,
            mean_features(network, frames, classifier.clip_frames),
            self.recordings.labels(options.secondary_weight),
            [file.source for file in files],
            several=options.loss != "cross_entropy",
        )

    def batches(self, classifier: SoundClassifier, options: SoundTraining) -> tf.data.Dataset:
        chances = drawing_chances(self.recordings.primary, options.sampling)
        files = _files_of(self.recordings, self.prepared)
        labels = self.recordings.labels(options.secondary_weight)
        front_end, bands = classifier.front_end, num_bands(classifier.network)
        augmentation = options.augmentation_on(is_mel=bands is not None)
        if augmentation is not None and bands is not None:
            augmentation = augmentation.with_bands(bands)
        common: dict[str, Any] = {
            "clip_frames": classifier.clip_frames,
            "batch_size": options.batch_size,
            "augmentation": augmentation,
            "seed": options.seed,
        }
        heard = self.pseudo_labelled
        if options.from_waveforms:
            if heard is not None:
                raise ValueError("Pseudo-labels are of stored frames: leave from_waveforms out.")
            return waveform_clip_batches(files, labels, front_end, chances=chances, **common)
        stored: list[StoredFrames] = list(files)
        if heard is not None and len(heard.stretches):
            stored += heard.stretches
            labels = np.concatenate([labels, heard.labels])
            chances = np.concatenate([(1 - heard.share) * chances, heard.share * heard.chances()])
        return clip_batches(stored, labels, chances=chances, **common)


def _fit(
    classifier: SoundClassifier,
    training: _Training,
    options: SoundTraining,
    backup_dir: str | Path | None,
    progress: bool,
) -> dict[str, list[float]]:
    callbacks: list[keras.callbacks.Callback] = []
    if options.patience is not None:
        kept, watched = split_recordings(training.recordings, seed=options.seed)
        training = replace(training, recordings=kept)
        callbacks += _stop_early(classifier, watched, training.prepared, options.patience)
    if backup_dir is not None:
        callbacks.append(keras.callbacks.BackupAndRestore(str(backup_dir)))
    _adapt_scaling(classifier.network, _files_of(training.recordings, training.prepared))
    rate = 1e-4 if options.head_start and training.start(classifier, options) else 1e-3
    batches = training.batches(classifier, options)
    if is_pretrained(classifier.network):
        rate = 3e-4
        rows = batches.take(_BATCHES_TAKEN_OVER).map(lambda rows, _: rows)
        take_over(classifier.network, rows.as_numpy_iterator(), freeze_at=options.freeze_at)
    steps = max(options.min_steps, math.ceil(len(training.recordings) / options.batch_size))
    classifier.network.compile(
        sound_optimizer(options, steps, options.learning_rate or rate),
        sound_loss(options.loss, label_smoothing=options.label_smoothing),
    )
    fitted = classifier.network.fit(
        batches,
        steps_per_epoch=steps,
        shuffle=False,  # clips are drawn at random already
        epochs=options.epochs,
        callbacks=callbacks,
        verbose=2 if progress else 0,
    )
    return {name: [float(v) for v in values] for name, values in fitted.history.items()}


def _files_of(
    recordings: LabelledRecordings, prepared: Sequence[PreparedFile]
) -> list[PreparedFile]:
    stored = {file.path: file for file in prepared}
    return [stored[recording.path] for recording in recordings]


def _adapt_scaling(network: keras.Model, files: Sequence[PreparedFile]) -> None:
    """Heads standardise frames to what those of the training recordings have."""
    if any(layer.name == FRAME_SCALING for layer in network.layers):
        most = max(1, _MAX_FRAMES_ADAPTED // len(files))
        frames = np.concatenate([file.feature()[:most] for file in files])
        network.get_layer(FRAME_SCALING).adapt(frames[None])


def _stop_early(
    classifier: SoundClassifier,
    watched: LabelledRecordings,
    prepared: Sequence[PreparedFile],
    patience: int,
) -> list[keras.callbacks.Callback]:
    files, labels = _files_of(watched, prepared), watched.labels()

    def measure(_: int, logs: dict[str, float]) -> None:
        scores = recording_logits(classifier, files)
        logs["val_average_precision"] = measure_scores(scores, labels).average_precision

    return [
        keras.callbacks.LambdaCallback(on_epoch_end=measure),
        keras.callbacks.EarlyStopping(
            "val_average_precision", patience=patience, mode="max", restore_best_weights=True
        ),
    ]
