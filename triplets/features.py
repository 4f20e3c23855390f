"""Features: each photo decoded once and each recording run through YAMNet once, ever.

The store is keyed by what a file holds and by what computes from it, not by the file's name: renaming
and moving files costs nothing, and a changed file or another YAMNet never meets old features.
"""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
import tokenize
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fused_encoder.audio_sequence import extract_audio_sequence
from fused_encoder.media import (
    Resampler,
    UnreadableMediaError,
    load_image,
    load_waveform,
)
from fused_encoder.photo import prepare_photo
from fused_encoder.weights import cache_directory
from fused_encoder.yamnet import Yamnet, yamnet_fingerprint
from triplets.folders import MediaFile, PairedFolders

logger = logging.getLogger(__name__)

FEATURES_VERSION = 1  # raised when decoding or resampling gives other numbers than before
DECODERS = 2  # files worked on at once; more only wait for the same cores


@dataclass(frozen=True)
class PreparedFile:
    """A photo or a recording whose features are stored.

    Args:
        path: the original file.
        class_index: int, into the class names.
        content: SHA-256 of the file's bytes, in hex: two files of one content are one source.
        feature_path: .npy file: uint8 [224, 224, 3] of a photo, float32 [num_frames, 1024] of a
            recording.
    """

    path: Path
    class_index: int
    content: str
    feature_path: Path

    def feature(self) -> np.ndarray:
        """The stored feature, memory-mapped: uint8 [224, 224, 3] or float32 [num_frames, 1024]."""
        return np.load(self.feature_path, mmap_mode="r")


@dataclass(frozen=True)
class Skipped:
    """A file that could not be used, and why.

    Args:
        path: the file.
        reason: what is wrong with it, in a sentence.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class PreparedMedia:
    """Photos and recordings of the same classes with their features, and what was skipped.

    Args:
        class_names: one per class.
        images: photos that could be decoded.
        recordings: recordings that could be run through YAMNet.
        skipped: the others.
    """

    class_names: tuple[str, ...]
    images: tuple[PreparedFile, ...]
    recordings: tuple[PreparedFile, ...]
    skipped: tuple[Skipped, ...] = ()


class FeatureStore:
    """A folder of features, each in a file named by its content and by what made it.

    Files appear whole or not at all, so that a run that was interrupted goes on where it stopped.

    Args:
        directory: where features are kept. Default: `features` in the user's cache
            (`FUSED_ENCODER_CACHE`, else `~/.cache/fused-encoder`).
    """

    def __init__(self, directory: str | Path | None = None) -> None:
        self.directory = Path(directory) if directory else cache_directory() / "features"

    def get(self, key: str, compute: Callable[[], np.ndarray]) -> Path:
        """The file that holds what `compute` gives, computed only if it is not there or damaged.

        Args:
            key: names the feature; letters, digits and `-`.
            compute: gives the array, of any dtype and shape.

        Returns:
            Path of a .npy file.

        Raises:
            OSError: the disk is full or not writable; what was stored before stays.
        """
        path = self.directory / key[:2] / f"{key}.npy"
        if not _is_whole(path):
            self._write(path, compute())
        return path

    def _write(self, path: Path, array: np.ndarray) -> None:
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{id(array)}.part")
        in_memory = io.BytesIO()  # written straight to a full disk, NumPy's error names no errno
        np.save(in_memory, array)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(in_memory.getbuffer())
            temporary.replace(path)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise OSError(
                    errno.ENOSPC,
                    f"The disk is full: no room for features in '{self.directory}'. Free some, or set "
                    "FUSED_ENCODER_CACHE to another disk, and run again: it goes on where it stopped",
                ) from error
            raise
        finally:
            temporary.unlink(missing_ok=True)


def prepare_media(
    folders: PairedFolders,
    yamnet: Yamnet,
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
    extract_audio_sequence(yamnet, _probe())  # a callable that is no YAMNet is refused here
    store = store or FeatureStore()
    read = "whole" if max_audio_seconds is None else f"{max_audio_seconds:g}s"
    made_by = f"{yamnet_fingerprint(yamnet)}-{read}-{resampler}-v{FEATURES_VERSION}"
    sequence = partial(
        _audio_sequence, yamnet=yamnet, max_seconds=max_audio_seconds, resampler=resampler
    )
    images, bad_images = _prepare(
        folders.images, _photo, f"image-224-v{FEATURES_VERSION}", store, "photos", progress
    )
    recordings, bad_recordings = _prepare(
        folders.recordings, sequence, made_by, store, "recordings", progress
    )
    _warn_of_shared_content(folders.class_names, (*images, *recordings))
    return PreparedMedia(folders.class_names, images, recordings, (*bad_images, *bad_recordings))


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


def _prepare(
    files: Sequence[MediaFile],
    compute: Callable[[Path], np.ndarray],
    made_by: str,
    store: FeatureStore,
    what: str,
    progress: bool,
) -> tuple[tuple[PreparedFile, ...], tuple[Skipped, ...]]:
    prepare_one = partial(_prepare_one, compute=compute, made_by=made_by, store=store)
    with ThreadPoolExecutor(DECODERS) as pool:
        results = pool.map(prepare_one, files)
        try:
            done = list(tqdm(results, what, len(files), unit="file", disable=not progress))
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupt does not wait for the files left
    skipped = tuple(result for result in done if isinstance(result, Skipped))
    for file in skipped:
        logger.warning("Skipped '%s': %s", file.path, file.reason)
    return tuple(result for result in done if isinstance(result, PreparedFile)), skipped


def _prepare_one(
    file: MediaFile, *, compute: Callable[[Path], np.ndarray], made_by: str, store: FeatureStore
) -> PreparedFile | Skipped:
    try:
        content = _content_of(file.path)
        feature_path = store.get(f"{content}-{made_by}", lambda: compute(file.path))
    except UnreadableMediaError as error:
        return Skipped(file.path, error.reason)
    except ValueError as error:  # silent, too short
        return Skipped(file.path, str(error))
    return PreparedFile(file.path, file.class_index, content, feature_path)


def _probe() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.1, 0.1, 32_000).astype(np.float32)


def _content_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableMediaError(path, f"it cannot be opened: {error.strerror}") from error


def _photo(path: Path) -> np.ndarray:
    return prepare_photo(load_image(path))


def _audio_sequence(
    path: Path, *, yamnet: Yamnet, max_seconds: float | None, resampler: Resampler
) -> np.ndarray:
    waveform = load_waveform(path, max_seconds=max_seconds, resampler=resampler)
    return extract_audio_sequence(yamnet, waveform)


def _is_whole(path: Path) -> bool:
    try:
        np.load(path, mmap_mode="r")
    except FileNotFoundError:
        return False
    except (ValueError, EOFError, tokenize.TokenError):  # the last: NumPy's, of a garbled header
        logger.warning("The stored feature '%s' is damaged; computing it again.", path)
        return False
    return True
