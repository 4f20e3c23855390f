"""`train_noisy_student`: a classifier that also learns from soundscapes that nobody has labelled."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fused_encoder.front_ends.contract import AudioFrontEnd
from soundscapes.options import SoundTraining
from soundscapes.pseudo_labels import pseudo_label
from soundscapes.recordings import LabelledRecordings
from soundscapes.train import TrainedSoundClassifier, train_sound_classifier
from triplets import FeatureStore, MediaFile, prepare_media
from triplets.folders import LabelledFiles

logger = logging.getLogger(__name__)


def train_noisy_student(
    recordings: LabelledRecordings,
    soundscapes: Sequence[str | Path],
    front_end: AudioFrontEnd,
    network: str | None = None,
    *,
    rounds: int = 2,
    share: float = 0.5,
    options: SoundTraining | None = None,
    store: FeatureStore | None = None,
    progress: bool = True,
    **network_options: Any,  # of `create_sound_classifier`
) -> TrainedSoundClassifier:
    """Trains a teacher, then `rounds` students, each on its teacher's scores of unlabelled soundscapes too.

    Soundscapes sound otherwise than recordings that were made of one bird: farther away, several species at
    once, with the noise of the place. A student hears augmented clips, its teacher heard them as they
    are. Check the result on labelled soundscapes: what a teacher gets wrong its student learns as well.

    Args:
        recordings: see `train_sound_classifier`, as all that is not named here.
        soundscapes: recordings without labels.
        front_end: likewise.
        network: its name; each student begins anew.
        rounds: int >= 1, students one after another.
        share: float in [0, 1), of clips in training that are drawn from soundscapes.
        options: likewise.
        store: likewise.
        progress: likewise.
        network_options: likewise.

    Raises:
        ValueError: `rounds` is below 1, or as `train_sound_classifier`.
    """
    if rounds < 1:
        raise ValueError(f"Expected rounds of at least 1, received {rounds}.")
    options = options or SoundTraining()
    unlabelled = prepare_media(
        LabelledFiles(("unlabelled",), (), tuple(MediaFile(Path(p), 0) for p in soundscapes)),
        front_end,
        max_audio_seconds=None,
        store=store,
        progress=progress,
    )
    common = {"store": store, "progress": progress, **network_options}
    trained = train_sound_classifier(recordings, front_end, network, options=options, **common)
    for number in range(1, rounds + 1):
        heard = pseudo_label([trained.classifier], unlabelled.recordings, share=share)
        logger.info("Round %d: %d stretches of soundscapes.", number, len(heard.stretches))
        trained = train_sound_classifier(
            recordings,
            front_end,
            network,
            options=replace(options, seed=options.seed + number),
            pseudo_labelled=heard,
            **common,
        )
    return replace(trained, skipped=(*trained.skipped, *unlabelled.skipped))
