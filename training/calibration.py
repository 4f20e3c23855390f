"""Calibrate: what an encoder's similarities mean, learnt from folders of known individuals."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

from inference.calibrate import Calibration, fit_calibration, with_groupings
from inference.embed import Embedder
from inference.modalities import MODALITIES
from training.pairs import StoredFeatures
from triplets.prepared import PreparedMedia, distinct_files

logger = logging.getLogger(__name__)


def calibrate_encoder(
    embedder: Embedder,
    media: PreparedMedia,
    *,
    is_identity_disjoint: bool = True,
    seed: int = 0,
) -> Calibration:
    """The calibration of an encoder, in every pair pattern that the files allow.

    Every photo is embedded by itself, every recording likewise, and once each together with a file of the
    other kind. The individuals must be others than those that the encoder was trained on; where they
    cannot be, say so.

    Args:
        embedder: of the encoder; see `Embedder.load`.
        media: photos, recordings, or both, each class being an individual (or whatever is told apart). Files
            of one source are never compared: those of a burst resemble each other for that alone. For
            an exported encoder: `prepare_media(folders, embedder.front_end,
            max_audio_seconds=embedder.max_seconds)`.
        is_identity_disjoint: whether nobody here was trained on; see `Calibration`.
        seed: int.

    Returns:
        See `fit_calibration`; attach it with `attach_calibration`.

    Raises:
        ValueError: there are not two individuals, one of them in two sources.
    """
    rows = list(_rows(media, np.random.default_rng(seed)))
    files, individuals, sources = zip(*rows, strict=True) if rows else ((), (), ())
    pairs = np.array(files, int).reshape(-1, 2)
    image_only, audio_only, fused = MODALITIES
    is_absent = (pairs < 0).T
    modalities = np.where(is_absent[1], image_only, np.where(is_absent[0], audio_only, fused))
    embeddings = embedder.embed_combinations(
        StoredFeatures(media.images, np.arange(len(media.images))),
        StoredFeatures(media.recordings, np.arange(len(media.recordings))),
        pairs,
    )
    how: dict[str, Any] = {"modalities": modalities, "sources": sources, "seed": seed}
    calibration = fit_calibration(
        embeddings, individuals, is_identity_disjoint=is_identity_disjoint, **how
    )
    return with_groupings(calibration, embeddings, individuals, **how)


def calibrate_held_out(
    embedder: Embedder, held_out: PreparedMedia, *, seed: int = 0
) -> Calibration | None:
    """The calibration on a run's held-out files, marked as of classes that were trained on.

    It says how well files are told apart, not how well strangers are: for those, calibrate on individuals
    that were left out whole. Arguments are as in `calibrate_encoder`.

    Returns:
        None where the files are too few, which is logged.
    """
    try:
        return calibrate_encoder(embedder, held_out, is_identity_disjoint=False, seed=seed)
    except ValueError as error:
        logger.warning("The encoder is exported without a calibration. %s", error)
        return None


def _rows(
    media: PreparedMedia, rng: np.random.Generator
) -> Iterator[tuple[tuple[int, int], int, str]]:
    """An image and a recording each (-1: none), of whom, and from what source."""
    kinds = [(files, distinct_files(files)) for files in (media.images, media.recordings)]
    none = np.empty(0, int)
    for individual in range(len(media.class_names)):
        image_sources, recording_sources = (
            {int(i): files[i].source for i in rng.permutation(distinct.get(individual, none))}
            for files, distinct in kinds
        )
        pairs = _pairs(image_sources, recording_sources)
        # A pair, its photo and its recording are one source, and so is all else of their sources.
        joined = {recording_sources[r]: image_sources[i] for i, r in pairs}
        for image, source in image_sources.items():
            yield (image, -1), individual, source
        for recording, source in recording_sources.items():
            yield (-1, recording), individual, joined.get(source, source)
        for image, recording in pairs:
            yield (image, recording), individual, image_sources[image]


def _pairs(
    image_sources: dict[int, str], recording_sources: dict[int, str]
) -> list[tuple[int, int]]:
    """Pairs of a photo and a recording of which no two share a source; of one source where there is one."""
    image_of = {source: image for image, source in image_sources.items()}
    recording_of = {source: recording for recording, source in recording_sources.items()}
    both = [source for source in image_of if source in recording_of]
    images_left = [image for source, image in image_of.items() if source not in both]
    recordings_left = [r for source, r in recording_of.items() if source not in both]
    return [
        *((image_of[source], recording_of[source]) for source in both),
        *zip(images_left, recordings_left, strict=False),
    ]
