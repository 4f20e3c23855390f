"""Thresholds for events: certified on the highest moment of whole recordings, as a prediction hears them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from archives.embed.embed_sources import Decoding
from archives.embed.sources import Source
from soundscapes.classifier import SoundClassifier
from soundscapes.listening import listen
from soundscapes.prediction_settings import PredictionSettings
from soundscapes.recordings import LabelledRecordings
from soundscapes.thresholds import SpeciesThresholds, certify_thresholds


def certify_classifier(
    classifiers: SoundClassifier | Sequence[SoundClassifier],
    recordings: LabelledRecordings,
    sources: Sequence[str] | None = None,
    *,
    false_positive_rate: float = 0.001,
    confidence: float = 0.95,
    settings: PredictionSettings | None = None,
    decoding: Decoding | None = None,
) -> SpeciesThresholds:
    """Thresholds that keep events rare in recordings without the species.

    An event is claimed where any moment is above the threshold. So each recording counts with its highest
    moment; a score of a whole recording is lower, and a threshold made of such scores promises nothing of
    moments.

    Args:
        classifiers: one, or an ensemble.
        recordings: that the classifiers were not trained on; whoever sings in them must be in their labels.
        sources: what each comes from. Default: the recordings' own; of those without one, each is its own.
        false_positive_rate: float in (0, 1); of sources without the species, the share with an event of it.
        confidence: float in (0, 1), see `certify_thresholds`.
        settings: those of the predictions to come: another hop, other shifts or another ensemble give other
            scores. Longer recordings have higher highest moments, too.
        decoding: see `predict_recordings`.

    Raises:
        ValueError: as `certify_thresholds`; or the classifiers do not know the recordings' species.

    Example:
        >>> thresholds = certify_classifier(trained.classifier, held_out, false_positive_rate=0.05)
        >>> predict_recordings(trained.classifier, ["soundscapes"], "heard", thresholds=thresholds)
    """
    ensemble = [classifiers] if isinstance(classifiers, SoundClassifier) else list(classifiers)
    names = recordings.class_names
    labels = {str(one.path): row for one, row in zip(recordings, recordings.labels(), strict=True)}
    named = sources or [one.source or str(one.path) for one in recordings]
    source_of = {str(one.path): source for one, source in zip(recordings, named, strict=True)}
    heard = [
        one
        for one in listen(
            ensemble,
            [Source("recording", one.path) for one in recordings],
            species=names,
            settings=replace(settings or PredictionSettings(), recording_pooling="max"),
            decoding=decoding,
        )
        if one.is_heard
    ]
    return certify_thresholds(
        np.array([one.recording for one in heard]).reshape(-1, len(names)),
        np.array([labels[one.file] for one in heard]).reshape(-1, len(names)),
        [source_of[one.file] for one in heard],
        class_names=names,
        false_positive_rate=false_positive_rate,
        confidence=confidence,
    )
