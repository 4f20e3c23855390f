"""Embed: photos and recordings on disk become embeddings, by an exported encoder or a live one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from fused_encoder.audio_sequence import AUDIO_SEQUENCE_SIZE, extract_audio_sequence
from fused_encoder.audio_windows import pad_sequences
from fused_encoder.image_branch import IMAGE_SIZE
from fused_encoder.media import (
    UnreadableMediaError,
    load_image,
    load_waveform,
)
from fused_encoder.photo import prepare_photo
from fused_encoder.yamnet import Yamnet
from inference.embeddings import Embeddings
from inference.export import EncoderSettings, encoder_fingerprint, library_versions, load_settings
from inference.pair_embedding import PairEmbedding

logger = logging.getLogger(__name__)

Image = str | Path | np.ndarray
Recording = str | Path | np.ndarray

BATCH_SIZE = 16


class _Model(Protocol):
    """The functions of `PairEmbedding` that an embedder calls, live or restored."""

    embed_sequences: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    audio_sequences: Callable[[tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class SkippedPair:
    """A pair that could not be embedded.

    Args:
        position: int, in the lists that were given.
        path: the file that is to blame.
        reason: what is wrong with it.
    """

    position: int
    path: Path
    reason: str


class Embedder:
    """Turns photos, recordings, or both into embeddings.

    Args:
        model: an exported SavedModel as `tf.saved_model.load` gives it, or a `PairEmbedding`.
        settings: what travels with it.

    Example:
        >>> embedder = Embedder.load("encoder")
        >>> embedder.embed(images=["who.jpg"], recordings=["who.wav"]).shape
        (1, 128)
    """

    def __init__(self, model: _Model, settings: EncoderSettings) -> None:
        self._model = model
        self.settings = settings

    @classmethod
    def load(cls, path: str | Path) -> Embedder:
        """The embedder of an exported encoder.

        Args:
            path: folder that `export_saved_model` wrote.

        Raises:
            FileNotFoundError: it is not an exported encoder.
            ValueError: it is damaged, or was written by a newer version.
        """
        settings = load_settings(path)
        try:
            return cls(tf.saved_model.load(str(path)), settings)
        except (tf.errors.OpError, IndexError, OSError) as error:
            raise ValueError(
                f"The exported encoder '{path}' is damaged ({error}). Export it again: "
                "`fused-encoder export RUN --out DIR`, or export_saved_model."
            ) from error

    @classmethod
    def from_encoder(
        cls,
        encoder: keras.Model,
        yamnet: Yamnet,
        *,
        audio_seconds: float = 5.0,
        max_windows: int = 6,
    ) -> Embedder:
        """The embedder of an encoder that is not exported, such as one in training.

        Args: as in `export_saved_model`. The weights are copied as they are now.
        """
        module = PairEmbedding(
            encoder, yamnet, audio_seconds=audio_seconds, max_windows=max_windows
        )
        settings = EncoderSettings(
            encoder_fingerprint(
                encoder, yamnet, audio_seconds=audio_seconds, max_windows=max_windows
            ),
            encoder.output_shape[-1],
            audio_seconds,
            max_windows,
            versions=library_versions(),
        )
        return cls(module, settings)

    @property
    def fingerprint(self) -> str:
        """Names the encoder; an index holds embeddings of one fingerprint only."""
        return self.settings.fingerprint

    def embed(
        self,
        images: Sequence[Image | None] | None = None,
        recordings: Sequence[Recording | None] | None = None,
        *,
        progress: bool = False,
    ) -> Embeddings:
        """One embedding per pair; either list may be left out or hold None.

        Args:
            images: paths, or uint8 [height, width, 3] RGB arrays.
            recordings: paths, or float32 [num_samples] waveforms, mono, 16 kHz.
            progress: whether to show a bar.

        Returns:
            Embeddings float32 [num, embedding_size], unit length, with the encoder's fingerprint.

        Raises:
            ValueError: the lists are of different length or both absent, or a pair has neither.
            UnreadableMediaError: files cannot be used; all of them in one message. To go on without
                them, use `embed_readable`.
        """
        embeddings, _, skipped = self.embed_readable(images, recordings, progress=progress)
        if skipped:
            listed = "".join(f"\n  - '{pair.path}': {pair.reason}" for pair in skipped[1:])
            more = f"\n{len(skipped) - 1} more files cannot be used:{listed}" if listed else ""
            raise UnreadableMediaError(skipped[0].path, skipped[0].reason + more)
        return embeddings

    def embed_readable(
        self,
        images: Sequence[Image | None] | None = None,
        recordings: Sequence[Recording | None] | None = None,
        *,
        progress: bool = False,
    ) -> tuple[Embeddings, list[int], list[SkippedPair]]:
        """As `embed`, but pairs with a file that cannot be used are left out and listed.

        Args: as in `embed`.

        Returns:
            Embeddings float32 [num_kept, embedding_size]; the positions of the kept pairs in the
            given lists; and the skipped pairs. A pair with one bad file is skipped whole: it never
            becomes a pair without sound, or without a photo, unseen.

        Raises:
            ValueError: as `embed`.
        """
        pairs = _pairs(images, recordings)
        kept: list[int] = []
        skipped: list[SkippedPair] = []
        parts = [np.zeros((0, self.settings.embedding_size), np.float32)]
        with tqdm(total=len(pairs), desc="embed", unit="pair", disable=not progress) as bar:
            for batch in _batches(self._decode(pairs, skipped), BATCH_SIZE):
                kept += [position for position, _, _ in batch]
                parts.append(self.embed_features([b[1] for b in batch], [b[2] for b in batch]))
                bar.update(batch[-1][0] + 1 - bar.n)
            bar.update(len(pairs) - bar.n)
        for pair in skipped:
            logger.warning("Skipped '%s': %s", pair.path, pair.reason)
        return Embeddings.of(np.concatenate(parts), self.fingerprint), kept, skipped

    def embed_features(
        self, images: Sequence[np.ndarray | None], sequences: Sequence[np.ndarray | None]
    ) -> Embeddings:
        """One embedding per pair of a decoded photo and a YAMNet sequence.

        Args:
            images: uint8 [224, 224, 3] each, or None.
            sequences: float32 [num_frames, 1024] each, or None.

        Returns:
            Embeddings float32 [num, embedding_size], unit length.
        """
        no_image = np.zeros((*IMAGE_SIZE, 3), np.uint8)
        no_sound = np.zeros((1, AUDIO_SEQUENCE_SIZE), np.float32)
        parts = [np.zeros((0, self.settings.embedding_size), np.float32)]
        for start in range(0, len(images), BATCH_SIZE):
            photos = [no_image if i is None else i for i in images[start : start + BATCH_SIZE]]
            sounds = [no_sound if s is None else s for s in sequences[start : start + BATCH_SIZE]]
            embedded = self._model.embed_sequences(
                tf.constant(np.stack(photos)), tf.constant(pad_sequences(sounds))
            )
            parts.append(embedded.numpy())
        return Embeddings.of(np.concatenate(parts), self.fingerprint)

    def _decode(
        self,
        pairs: Sequence[tuple[Image | None, Recording | None]],
        skipped: list[SkippedPair],
    ) -> Iterator[tuple[int, np.ndarray | None, np.ndarray | None]]:
        for position, (image, recording) in enumerate(pairs):
            current = image
            try:
                photo = _load_photo(image)
                current = recording
                yield position, photo, self._load_sequence(recording)
            except UnreadableMediaError as error:
                skipped.append(SkippedPair(position, error.path, error.reason))
            except FileNotFoundError:
                skipped.append(SkippedPair(position, Path(str(current)), "there is no such file"))
            except ValueError as error:  # silent, too short, not finite
                path = current if isinstance(current, str | Path) else f"pair {position}"
                skipped.append(SkippedPair(position, Path(path), str(error)))

    def _load_sequence(self, recording: Recording | None) -> np.ndarray | None:
        if recording is None:
            return None
        if isinstance(recording, np.ndarray):
            return self.audio_sequence(recording)
        return self.audio_sequence(load_waveform(recording, max_seconds=self._seconds_read()))

    def audio_sequence(self, waveform: np.ndarray) -> np.ndarray:
        """What YAMNet makes of a waveform, for `embed_features`.

        Args:
            waveform: float32 [num_samples], mono, 16 kHz, amplitude in [-1, 1].

        Returns:
            float32 [num_frames, 1024].

        Raises:
            ValueError: silent, too short or not finite; see `extract_audio_sequence`.
        """
        return extract_audio_sequence(self._yamnet, waveform)

    def _yamnet(self, waveform: np.ndarray) -> tuple[None, tf.Tensor, None]:
        return None, self._model.audio_sequences(tf.constant(waveform)[None])[0], None

    def _seconds_read(self) -> float:
        return self.settings.audio_seconds * self.settings.max_windows


def _load_photo(image: Image | None) -> np.ndarray | None:
    if image is None:
        return None
    return prepare_photo(image if isinstance(image, np.ndarray) else load_image(image))


def _pairs(
    images: Sequence[Image | None] | None, recordings: Sequence[Recording | None] | None
) -> list[tuple[Image | None, Recording | None]]:
    if images is None and recordings is None:
        raise ValueError("Expected images, recordings or both, received neither.")
    for name, value in (("images", images), ("recordings", recordings)):
        if isinstance(value, str | Path):
            raise ValueError(f"Expected a list of {name}, received the single path '{value}'.")
    photos = list(images) if images is not None else [None] * len(recordings or ())
    sounds = list(recordings) if recordings is not None else [None] * len(photos)
    if len(photos) != len(sounds):
        raise ValueError(
            f"Expected as many images as recordings, received {len(photos)} and {len(sounds)}. "
            "Put None where a pair has no photo or no recording."
        )
    pairs = list(zip(photos, sounds, strict=True))
    empty = [i for i, (image, recording) in enumerate(pairs) if image is None and recording is None]
    if empty:
        raise ValueError(f"Pairs {empty[:10]} have neither an image nor a recording.")
    return pairs


def _batches(items: Iterator, size: int) -> Iterator[list]:
    batch: list = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
