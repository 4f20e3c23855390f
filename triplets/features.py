"""Features: each photo decoded once and each recording run through the audio front end once, ever.

The store is keyed by what a file holds and by what computes from it, not by the file's name: renaming
and moving files costs nothing, and a changed file or another front end never meets old features.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from fused_encoder.front_ends.contract import AudioFrontEnd
from fused_encoder.front_ends.yamnet import Yamnet, as_front_end
from fused_encoder.photo import prepare_photo
from media import Resampler, UnreadableMediaError, load_image, load_waveform_with_notes
from triplets.folders import LabelledFiles, MediaFile, Skipped
from triplets.prepared import PreparedFile, PreparedMedia
from triplets.store import ContentHashes, FeatureStore

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Prepared = Generator[PreparedFile | Skipped, None, None]

FEATURES_VERSION = 1  # raised when decoding or resampling gives other numbers than before
NUM_THREADS = min(max(os.cpu_count() or 1, 2), 8)  # files decoded at once; more only wait for cores
_MOST_FILES_AHEAD = 64
_SECONDS_AHEAD = 900.0  # of sound, decoded and waiting: 58 MB at 16 kHz


def prepare_media(
    files: LabelledFiles,
    yamnet: Yamnet | AudioFrontEnd | None = None,
    *,
    max_audio_seconds: float | None = 30.0,
    resampler: Resampler = "soxr_hq",
    store: FeatureStore | None = None,
    progress: bool = True,
) -> PreparedMedia:
    """Decodes every photo and embeds every recording, unless the store has it already.

    A file that cannot be used is skipped, logged and listed; it never ends the run and is never
    replaced by zeros.

    Args:
        files: from `scan_folders`.
        yamnet: see `load_yamnet`; or any audio front end; None where there are photos only.
        max_audio_seconds: float > 0 or None, how much of each recording is read, from its start.
        resampler: "soxr_hq" or "kaiser_best".
        store: where features are kept. Default: the user's cache.
        progress: whether to show a bar.

    Returns:
        `PreparedMedia`; `skipped` lists what could not be used.

    Raises:
        ValueError: `max_audio_seconds` is not above 0, `yamnet` gives other shapes than YAMNet, or there
            are recordings and no front end to hear them.
        OSError: the disk is full or not writable.
    """
    if max_audio_seconds is not None and not 0 < max_audio_seconds < float("inf"):
        raise ValueError(
            f"Expected max_audio_seconds > 0 or None (all), received {max_audio_seconds}."
        )
    front_end = as_front_end(yamnet)  # a callable that is no YAMNet is refused here
    if files.recordings and yamnet is None:
        raise ValueError(
            f"{len(files.recordings)} recordings need an audio front end, received None. Pass one, such as "
            "load_yamnet(), or leave the recordings out."
        )
    store = store or FeatureStore()
    with ContentHashes(store.directory / "hashes") as contents:
        photos = _prepare_photos(files.images, store, contents)
        images, bad_images = _gather(photos, len(files.images), "photos", progress)
        settings = _Settings(front_end, max_audio_seconds, resampler, store, contents)
        heard = _prepare_recordings(files.recordings, settings)
        recordings, bad_recordings = _gather(heard, len(files.recordings), "recordings", progress)
    _warn_of_shared_content(files.class_names, (*images, *recordings))
    skipped = (*bad_images, *bad_recordings)
    return PreparedMedia(files.class_names, images, recordings, skipped, front_end.spec)


def _gather(
    files: Prepared, total: int, what: str, progress: bool
) -> tuple[tuple[PreparedFile, ...], tuple[Skipped, ...]]:
    with closing(files):  # an interrupt does not wait for the files left
        done = list(tqdm(files, what, total, unit="file", disable=not progress or not total))
    skipped = tuple(result for result in done if isinstance(result, Skipped))
    for file in skipped:
        logger.warning("Skipped '%s': %s", file.path, file.reason)
    return tuple(result for result in done if isinstance(result, PreparedFile)), skipped


def _warn_of_shared_content(class_names: Sequence[str], files: Sequence[PreparedFile]) -> None:
    first: dict[str, PreparedFile] = {}
    for file in files:
        other = first.setdefault(file.content, file)
        if other.class_index != file.class_index:
            logger.warning(
                "'%s' (class '%s') and '%s' (class '%s') hold the same bytes: one label is wrong.",
                *(other.path, class_names[other.class_index]),
                *(file.path, class_names[file.class_index]),
            )


def _prepare_photos(
    files: Sequence[MediaFile], store: FeatureStore, contents: ContentHashes
) -> Prepared:
    prepare_one = partial(_prepare_photo, store=store, contents=contents)
    return read_ahead(prepare_one, files, num_ahead=4 * NUM_THREADS)


def _prepare_photo(
    file: MediaFile, *, store: FeatureStore, contents: ContentHashes
) -> PreparedFile | Skipped:
    try:
        content = contents.of(file.path)
        if file.box is not None:
            content += "-" + "-".join(f"{number:g}" for number in file.box)
        key = f"{content}-image-224-v{FEATURES_VERSION}"
        photo = None if store.find(key) else prepare_photo(load_image(file.path, file.box))
    except UnreadableMediaError as error:
        return Skipped(file.path, error.reason)
    except (ValueError, FileNotFoundError) as error:  # black; gone meanwhile
        return Skipped(file.path, str(error))
    if photo is not None:
        store.put(key, photo)
    named = (file.source, file.box)
    return PreparedFile(file.path, file.class_index, content, store.path(key), *named)


@dataclass(frozen=True)
class _Settings:
    """How recordings become features; `max_seconds` is read of each."""

    front_end: AudioFrontEnd
    max_seconds: float | None
    resampler: Resampler
    store: FeatureStore
    contents: ContentHashes

    def key(self, content: str) -> str:
        read = "whole" if self.max_seconds is None else f"{self.max_seconds:g}s"
        made_by = f"{self.front_end.fingerprint}-{read}-{self.resampler}-v{FEATURES_VERSION}"
        dtype = self.front_end.storage_dtype
        return f"{content}-{made_by}{'' if dtype == 'float32' else f'-{dtype}'}"


@dataclass(frozen=True)
class _Decoded:
    """A recording whose sound is decoded, or whose feature is stored already (`sound` is None)."""

    file: MediaFile
    content: str
    key: str
    notes: tuple[str, ...]
    sound: np.ndarray | None


def _prepare_recordings(files: Sequence[MediaFile], settings: _Settings) -> Prepared:
    """The recordings with their features, in order; those that cannot be used as `Skipped`.

    While the front end works on a batch of windows, threads decode the files of the next ones. Memory
    depends neither on the number of files nor, with `max_seconds`, on their length.
    """
    decode, num_ahead = partial(_decode, settings=settings), _num_ahead(settings.max_seconds)
    with closing(read_ahead(decode, files, num_ahead=num_ahead)) as decoded:
        for batch in _batches(decoded, settings.front_end):
            yield from _embed(batch, settings)


def _num_ahead(max_seconds: float | None) -> int:
    least = 2 * NUM_THREADS
    if max_seconds is None:
        return least
    return int(np.clip(_SECONDS_AHEAD / max_seconds, least, max(least, _MOST_FILES_AHEAD)))


def _decode(file: MediaFile, *, settings: _Settings) -> _Decoded | Skipped:
    try:
        content = settings.contents.of(file.path)
        key = settings.key(content)
        if settings.store.find(key):
            return _Decoded(file, content, key, settings.store.notes(key), sound=None)
        waveform, notes = load_waveform_with_notes(
            file.path,
            sample_rate_hz=settings.front_end.sample_rate_hz,
            max_seconds=settings.max_seconds,
            resampler=settings.resampler,
        )
        return _Decoded(file, content, key, notes, settings.front_end.sound_in(waveform))
    except UnreadableMediaError as error:
        return Skipped(file.path, error.reason)
    except (ValueError, FileNotFoundError) as error:  # silent, too short; gone meanwhile
        return Skipped(file.path, str(error))


def _batches(
    decoded: Iterable[_Decoded | Skipped], front_end: AudioFrontEnd
) -> Iterator[list[_Decoded | Skipped]]:
    """Consecutive files with sound to work on at once; what needs no work does not wait."""
    batch: list[_Decoded | Skipped] = []
    num_windows = 0
    for one in decoded:
        batch.append(one)
        if isinstance(one, _Decoded) and one.sound is not None:
            num_windows += front_end.frames_in_samples(len(one.sound))
        if num_windows == 0 or num_windows >= front_end.windows_per_call:
            yield batch
            batch, num_windows = [], 0
    if batch:
        yield batch


def _embed(
    batch: list[_Decoded | Skipped], settings: _Settings
) -> Iterator[PreparedFile | Skipped]:
    new = {one.key: one for one in batch if isinstance(one, _Decoded) and one.sound is not None}
    refused = _store(list(new.values()), settings)
    for one in batch:
        if isinstance(one, Skipped):
            yield one
        elif one.key in refused:
            yield Skipped(one.file.path, refused[one.key])
        else:
            for note in one.notes:
                logger.warning(note, one.file.path)
            file, path = one.file, settings.store.path(one.key)
            yield PreparedFile(file.path, file.class_index, one.content, path, file.source)


def _store(decoded: list[_Decoded], settings: _Settings) -> dict[str, str]:
    """Computes and stores features; gives the reasons of those that the front end refuses, by key."""
    sounds = [one.sound for one in decoded if one.sound is not None]
    try:
        features = settings.front_end.embed_sounds(sounds)
    except ValueError as error:
        if len(decoded) == 1:
            return {decoded[0].key: str(error)}
        refusals = [_store([one], settings) for one in decoded]  # one spoils not the others
        return {key: reason for refusal in refusals for key, reason in refusal.items()}
    for one, feature in zip(decoded, features, strict=True):
        stored = feature.astype(settings.front_end.storage_dtype, copy=False)
        settings.store.put(one.key, stored, one.notes)
    return {}


def read_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, num_ahead: int
) -> Generator[Result, None, None]:
    """The results of a function of some items, in their order, computed by threads ahead of their use.

    No more than `num_ahead` results ever wait. When the generator is closed (see `contextlib.closing`), or
    an error or an interrupt ends it, it waits for what is being worked on, and begins nothing more.

    Args:
        function: safe to call from several threads. What it raises ends the generator.
        items: what it is called with.
        num_ahead: int >= 1, how many items are begun before their result is asked for.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(NUM_THREADS)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > num_ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
