"""Evaluation: recordings that a classifier has never heard, beside the strongest simple floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.metrics import bootstrap_interval
from soundscapes.classifier import SoundClassifier
from soundscapes.measures import SoundMeasures, measure_scores
from soundscapes.recordings import LabelledRecordings
from soundscapes.train import recording_logits
from training.floors import log_probabilities, raw_audio_sequence
from triplets import FeatureStore, PreparedFile, Skipped, prepare_media

MOST_IN_FLOOR = 3000


@dataclass(frozen=True)
class SoundEvaluation:
    """What a classifier said of held-out recordings.

    Attributes:
        recordings: those that could be read, in the order of the rows.
        prepared: their stored frames.
        scores: float32 [num_recordings, num_classes] in [0, 1], sigmoid of the logits.
        floor_scores: likewise of the floor, logistic regression on the mean frame of a recording.
        measures: of the classifier.
        floor: of the floor.
        gain: top-1 of the classifier less that of the floor.
        gain_interval: its 95 % bootstrap interval over sources, paired by recording; NaN for fewer than two.
        skipped: recordings that could not be used.
    """

    recordings: LabelledRecordings
    prepared: tuple[PreparedFile, ...]
    scores: np.ndarray
    floor_scores: np.ndarray
    measures: SoundMeasures
    floor: SoundMeasures
    gain: float
    gain_interval: tuple[float, float]
    skipped: tuple[Skipped, ...] = ()

    @property
    def sources(self) -> np.ndarray:
        """What each comes from, str [num_recordings]."""
        return np.array([file.source for file in self.prepared])


def evaluate_sound_classifier(
    classifier: SoundClassifier,
    training: LabelledRecordings,
    held_out: LabelledRecordings,
    *,
    max_seconds: float | None = 60.0,
    store: FeatureStore | None = None,
    progress: bool = True,
) -> SoundEvaluation:
    """Has a classifier name the species of recordings that it was not trained on, and a floor as well.

    The floor is logistic regression on the mean frame of each training recording, its C chosen by
    cross-validation within them.

    Args:
        classifier: a trained one.
        training: the recordings it was trained on, which the floor learns from.
        held_out: others.
        max_seconds: float > 0, read of each recording; None: all.
        store: where frames are kept.
        progress: whether to show bars.

    Raises:
        ValueError: no held-out recording can be used.
    """
    known, asking = (
        prepare_media(
            side.files(),
            classifier.front_end,
            max_audio_seconds=max_seconds,
            store=store,
            progress=progress,
        )
        for side in (training, held_out)
    )
    if not asking.recordings:
        raise ValueError(
            "None of the held-out recordings can be used; the log says what is wrong with each."
        )
    place = {one.path: number for number, one in enumerate(held_out)}
    recordings = held_out.only([place[file.path] for file in asking.recordings])
    scores = 1.0 / (1.0 + np.exp(-recording_logits(classifier, asking.recordings)))
    floor_scores = floor_probabilities(
        known.recordings, asking.recordings, len(classifier.class_names)
    )
    labels, primary = recordings.labels(), recordings.primary
    hits, floor_hits = (each.argmax(axis=1) == primary for each in (scores, floor_scores))
    sources = np.array([file.source for file in asking.recordings])
    return SoundEvaluation(
        recordings,
        asking.recordings,
        scores,
        floor_scores,
        measure_scores(scores, labels, primary),
        measure_scores(floor_scores, labels, primary),
        float(hits.mean() - floor_hits.mean()),
        paired_interval(hits, floor_hits, sources),
        (*known.skipped, *asking.skipped),
    )


def floor_probabilities(
    known: Sequence[PreparedFile], asking: Sequence[PreparedFile], num_classes: int
) -> np.ndarray:
    """Logistic regression on mean frames: float32 [num_asking, num_classes], each row adds up to 1.

    It learns from `MOST_IN_FLOOR` recordings at most, drawn at random: more would take hours.
    """
    if len(known) > MOST_IN_FLOOR:
        drawn = np.random.default_rng(0).permutation(len(known))[:MOST_IN_FLOOR]
        known = [known[place] for place in drawn]
    known_means, asking_means = (
        raw_audio_sequence([np.asarray(file.feature(), np.float32) for file in files])
        for files in (known, asking)
    )
    classes = np.array([file.class_index for file in known])
    sources = np.array([file.source for file in known])
    found, logs = log_probabilities(known_means, classes, asking_means, sources)
    probabilities = np.zeros((len(asking), num_classes), np.float32)
    probabilities[:, found] = np.exp(logs)
    return probabilities


def paired_interval(
    hits: np.ndarray, others: np.ndarray, sources: np.ndarray
) -> tuple[float, float]:
    """The 95 % interval of the mean difference, resampling sources; NaN for fewer than two."""
    if len(np.unique(sources)) < 2:
        return float("nan"), float("nan")
    return bootstrap_interval(hits.astype(float) - others.astype(float), sources)
