"""Recordings to features: decoded by threads, run through YAMNet in batches, stored."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np

from fused_encoder.front_ends.contract import AudioFrontEnd
from media import Resampler, UnreadableMediaError, load_waveform_with_notes
from triplets.content_hashes import ContentHashes
from triplets.folders import MediaFile
from triplets.prepared import PreparedFile, Skipped
from triplets.read_ahead import num_threads, read_ahead
from triplets.store import FeatureStore

logger = logging.getLogger(__name__)

_MOST_FILES_AHEAD = 64
_SECONDS_AHEAD = 900.0  # of sound, decoded and waiting: 58 MB


@dataclass(frozen=True)
class RecordingSettings:
    """How recordings become features.

    Args:
        max_seconds: float > 0 or None, how much of each is read, from its start.
        resampler: "soxr_hq" or "kaiser_best".
        made_by: names YAMNet, these settings and the version: the second half of the store's keys.
    """

    max_seconds: float | None
    resampler: Resampler
    made_by: str


@dataclass(frozen=True)
class _Heard:
    """A recording on its way: its sound is decoded, or its feature is stored already."""

    file: MediaFile
    content: str
    key: str
    notes: tuple[str, ...]
    sound: np.ndarray | None  # None: stored


def prepare_recordings(
    files: Sequence[MediaFile],
    front_end: AudioFrontEnd,
    settings: RecordingSettings,
    store: FeatureStore,
    contents: ContentHashes,
) -> Generator[PreparedFile | Skipped, None, None]:
    """The recordings with their features, in order; those that cannot be used as `Skipped`.

    While the network works on a batch of windows, threads decode the files of the next ones. Memory depends
    neither on the number of files nor, with `max_seconds`, on their length.

    Args:
        files: the recordings.
        front_end: makes frames of sound.
        settings: see `RecordingSettings`.
        store: where features are kept.
        contents: hashes files.

    Raises:
        OSError: the disk is full or not writable.
    """
    hear = partial(_hear, front_end=front_end, settings=settings, store=store, contents=contents)
    with closing(read_ahead(hear, files, num_ahead=_num_ahead(settings.max_seconds))) as heard:
        for batch in _batches(heard, front_end):
            yield from _embed(batch, front_end, store)


def _num_ahead(max_seconds: float | None) -> int:
    least = 2 * num_threads()
    if max_seconds is None:
        return least
    return int(np.clip(_SECONDS_AHEAD / max_seconds, least, max(least, _MOST_FILES_AHEAD)))


def _hear(
    file: MediaFile,
    *,
    front_end: AudioFrontEnd,
    settings: RecordingSettings,
    store: FeatureStore,
    contents: ContentHashes,
) -> _Heard | Skipped:
    try:
        content = contents.of(file.path)
        key = f"{content}-{settings.made_by}"
        if store.find(key):
            return _Heard(file, content, key, store.notes(key), sound=None)
        waveform, notes = load_waveform_with_notes(
            file.path,
            sample_rate_hz=front_end.sample_rate_hz,
            max_seconds=settings.max_seconds,
            resampler=settings.resampler,
        )
        return _Heard(file, content, key, notes, front_end.sound_in(waveform))
    except UnreadableMediaError as error:
        return Skipped(file.path, error.reason)
    except (ValueError, FileNotFoundError) as error:  # silent, too short; gone meanwhile
        return Skipped(file.path, str(error))


def _batches(
    heard: Iterable[_Heard | Skipped], front_end: AudioFrontEnd
) -> Iterator[list[_Heard | Skipped]]:
    """Consecutive files with sound for the network to work on at once; what needs no work does not wait."""
    batch: list[_Heard | Skipped] = []
    gathered = 0
    for one in heard:
        batch.append(one)
        gathered += _num_windows(one, front_end)
        if gathered == 0 or gathered >= front_end.windows_per_call:
            yield batch
            batch, gathered = [], 0
    if batch:
        yield batch


def _num_windows(one: _Heard | Skipped, front_end: AudioFrontEnd) -> int:
    if isinstance(one, Skipped) or one.sound is None:
        return 0
    return front_end.frames_in_samples(len(one.sound))


def _embed(
    batch: list[_Heard | Skipped], front_end: AudioFrontEnd, store: FeatureStore
) -> Iterator[PreparedFile | Skipped]:
    decoded = {one.key: one for one in batch if isinstance(one, _Heard) and one.sound is not None}
    refused = _store(list(decoded.values()), front_end, store)
    for one in batch:
        if isinstance(one, Skipped):
            yield one
        elif one.key in refused:
            yield Skipped(one.file.path, refused[one.key])
        else:
            for note in one.notes:
                logger.warning(note, one.file.path)
            path = store.path(one.key)
            yield PreparedFile(one.file.path, one.file.class_index, one.content, path)


def _store(decoded: list[_Heard], front_end: AudioFrontEnd, store: FeatureStore) -> dict[str, str]:
    """Computes and stores features; gives the reasons of those that YAMNet refuses, by key."""
    sounds = [one.sound for one in decoded if one.sound is not None]
    try:
        features = front_end.embed_sounds(sounds)
    except ValueError as error:
        if len(decoded) == 1:
            return {decoded[0].key: str(error)}
        refusals = [_store([one], front_end, store) for one in decoded]  # one spoils not the others
        return {key: reason for refusal in refusals for key, reason in refusal.items()}
    for one, feature in zip(decoded, features, strict=True):
        store.put(one.key, feature, one.notes)
    return {}
