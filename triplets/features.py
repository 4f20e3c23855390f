"""Features: each photo decoded once and each recording run through YAMNet once, ever.

The store is keyed by what a file holds and by what computes from it, not by the file's name: renaming
and moving files costs nothing, and a changed file or another YAMNet never meets old features.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from contextlib import closing
from functools import partial

from tqdm import tqdm

from fused_encoder.front_ends.contract import AudioFrontEnd
from fused_encoder.front_ends.yamnet import Yamnet, as_front_end
from fused_encoder.photo import prepare_photo
from media import Resampler, UnreadableMediaError, load_image
from triplets.content_hashes import ContentHashes
from triplets.folders import MediaFile, PairedFolders
from triplets.prepared import PreparedFile, PreparedMedia, Skipped
from triplets.read_ahead import num_threads, read_ahead
from triplets.recordings import RecordingSettings, prepare_recordings
from triplets.store import FeatureStore

logger = logging.getLogger(__name__)

FEATURES_VERSION = 1  # raised when decoding or resampling gives other numbers than before


def prepare_media(
    folders: PairedFolders,
    yamnet: Yamnet | AudioFrontEnd,
    *,
    max_audio_seconds: float | None = 30.0,
    resampler: Resampler = "soxr_hq",
    store: FeatureStore | None = None,
    progress: bool = True,
) -> PreparedMedia:
    """Decodes every photo and runs every recording through YAMNet, unless the store has it already.

    A file that cannot be used is skipped, logged and listed; it never ends the run and is never
    replaced by zeros.

    Args:
        folders: from `scan_folders`.
        yamnet: see `load_yamnet`.
        max_audio_seconds: float > 0 or None, how much of each recording is read, from its start.
        resampler: "soxr_hq" or "kaiser_best".
        store: where features are kept. Default: the user's cache.
        progress: whether to show a bar.

    Returns:
        `PreparedMedia`; `skipped` lists what could not be used.

    Raises:
        ValueError: `max_audio_seconds` is not above 0, or `yamnet` gives other shapes than YAMNet.
        OSError: the disk is full or not writable.
    """
    if max_audio_seconds is not None and not 0 < max_audio_seconds < float("inf"):
        raise ValueError(
            f"Expected max_audio_seconds > 0 or None (all), received {max_audio_seconds}."
        )
    store = store or FeatureStore()
    read = "whole" if max_audio_seconds is None else f"{max_audio_seconds:g}s"
    front_end = as_front_end(yamnet)  # a callable that is no YAMNet is refused here
    made_by = f"{front_end.fingerprint}-{read}-{resampler}-v{FEATURES_VERSION}"
    settings = RecordingSettings(max_audio_seconds, resampler, made_by)
    with ContentHashes(store.directory / "hashes") as contents:
        photos = _prepare_photos(folders.images, store, contents)
        images, bad_images = _gather(photos, len(folders.images), "photos", progress)
        heard = prepare_recordings(folders.recordings, front_end, settings, store, contents)
        recordings, bad_recordings = _gather(heard, len(folders.recordings), "recordings", progress)
    _warn_of_shared_content(folders.class_names, (*images, *recordings))
    skipped = (*bad_images, *bad_recordings)
    return PreparedMedia(folders.class_names, images, recordings, skipped, front_end.spec)


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


def _gather(
    files: Generator[PreparedFile | Skipped, None, None], total: int, what: str, progress: bool
) -> tuple[tuple[PreparedFile, ...], tuple[Skipped, ...]]:
    with closing(files):  # an interrupt does not wait for the files left
        done = list(tqdm(files, what, total, unit="file", disable=not progress))
    skipped = tuple(result for result in done if isinstance(result, Skipped))
    for file in skipped:
        logger.warning("Skipped '%s': %s", file.path, file.reason)
    return tuple(result for result in done if isinstance(result, PreparedFile)), skipped


def _prepare_photos(
    files: Sequence[MediaFile], store: FeatureStore, contents: ContentHashes
) -> Generator[PreparedFile | Skipped, None, None]:
    prepare_one = partial(_prepare_photo, store=store, contents=contents)
    return read_ahead(prepare_one, files, num_ahead=4 * num_threads())


def _prepare_photo(
    file: MediaFile, *, store: FeatureStore, contents: ContentHashes
) -> PreparedFile | Skipped:
    try:
        content = contents.of(file.path)
        key = f"{content}-image-224-v{FEATURES_VERSION}"
        photo = None if store.find(key) else prepare_photo(load_image(file.path))
    except UnreadableMediaError as error:
        return Skipped(file.path, error.reason)
    except (ValueError, FileNotFoundError) as error:  # black; gone meanwhile
        return Skipped(file.path, str(error))
    if photo is not None:
        store.put(key, photo)
    return PreparedFile(file.path, file.class_index, content, store.path(key))
