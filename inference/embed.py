"""Embed: photos and recordings on disk become embeddings, by an exported encoder or a live one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from fused_encoder.front_ends.audio_batches import AudioSequences
from fused_encoder.front_ends.audio_sequence import AUDIO_SEQUENCE_SIZE, extract_audio_sequence
from fused_encoder.front_ends.audio_windows import pad_sequences
from fused_encoder.front_ends.yamnet import Yamnet
from fused_encoder.photo import IMAGE_SIZE
from inference.attached_calibration import read_attached
from inference.calibrate import Calibration
from inference.decode_pairs import (
    Image,
    Recording,
    SkippedPair,
    checked_pairs,
    decode_pairs,
    in_batches,
)
from inference.embeddings import Embeddings
from inference.export import EncoderSettings, encoder_fingerprint, library_versions, load_settings
from inference.pair_embedding import PairEmbedding, PairModel
from media import UnreadableMediaError, load_waveform

logger = logging.getLogger(__name__)

BATCH_SIZE = 16
_NO_IMAGE = np.zeros((*IMAGE_SIZE, 3), np.uint8)
_NO_SOUND = np.zeros((1, AUDIO_SEQUENCE_SIZE), np.float32)


class Embedder:
    """Turns photos, recordings, or both into embeddings.

    Args:
        model: an exported SavedModel as `tf.saved_model.load` gives it, or a `PairEmbedding`.
        settings: what travels with it.
        calibration: what its similarities mean; None where that was not measured.

    Example:
        >>> embedder = Embedder.load("encoder")
        >>> embedder.embed(images=["who.jpg"], recordings=["who.wav"]).shape
        (1, 128)
    """

    def __init__(
        self, model: PairModel, settings: EncoderSettings, calibration: Calibration | None = None
    ) -> None:
        self._model = model
        self.settings = settings
        self.calibration = calibration
        self.path: Path | None = None  # of what was loaded: other processes find it there

    @classmethod
    def load(cls, path: str | Path) -> Embedder:
        """The embedder of an exported encoder.

        Args:
            path: folder that `export_saved_model` wrote.

        Raises:
            FileNotFoundError: it is not an exported encoder.
            ValueError: it is damaged, was written by a newer version, or holds the calibration of another.
        """
        settings = load_settings(path)
        calibration = read_attached(Path(path), settings.fingerprint)
        try:
            embedder = cls(tf.saved_model.load(str(path)), settings, calibration)
        except (tf.errors.OpError, IndexError, OSError) as error:
            raise ValueError(
                f"The exported encoder '{path}' is damaged ({error}). Export it again: "
                "`fused-encoder export RUN --out DIR`, or export_saved_model."
            ) from error
        embedder.path = Path(path)
        return embedder

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
        pairs = checked_pairs(images, recordings)
        kept: list[int] = []
        skipped: list[SkippedPair] = []
        parts = [np.zeros((0, self.settings.embedding_size), np.float32)]
        decoded = decode_pairs(pairs, self._load_sequence, skipped)
        with tqdm(total=len(pairs), desc="embed", unit="pair", disable=not progress) as bar:
            for batch in in_batches(decoded, BATCH_SIZE):
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
        parts = [np.zeros((0, self.settings.embedding_size), np.float32)]
        for start in range(0, len(images), BATCH_SIZE):
            photos = [_NO_IMAGE if i is None else i for i in images[start : start + BATCH_SIZE]]
            sounds = [_NO_SOUND if s is None else s for s in sequences[start : start + BATCH_SIZE]]
            embedded = self._model.embed_sequences(
                tf.constant(np.stack(photos)), tf.constant(pad_sequences(sounds))
            )
            parts.append(embedded.numpy())
        return Embeddings.of(np.concatenate(parts), self.fingerprint)

    def embed_combinations(
        self,
        images: Sequence[np.ndarray],
        sequences: Sequence[np.ndarray],
        pairs: np.ndarray,
        *,
        batch_size: int = BATCH_SIZE,
    ) -> Embeddings:
        """One embedding per pair of files that are in many pairs: each photo is looked at once.

        Args:
            images: uint8 [224, 224, 3] each.
            sequences: float32 [num_frames, 1024] each.
            pairs: int [num_pairs, 2], which image and which sequence; -1 for none.
            batch_size: int > 0, pairs at once.

        Returns:
            Embeddings float32 [num_pairs, embedding_size], unit length: those of `embed_features`.
        """
        if not hasattr(self._model, "see"):  # an older export
            return self.embed_features(
                [None if image < 0 else images[image] for image, _ in pairs],
                [None if sequence < 0 else sequences[sequence] for _, sequence in pairs],
            )
        seen = self._see(images)
        parts = [np.zeros((0, self.settings.embedding_size), np.float32)]
        for start in range(0, len(pairs), batch_size):
            batch = pairs[start : start + batch_size]
            sounds = [_NO_SOUND if row < 0 else sequences[row] for row in batch[:, 1]]
            of_pairs = [tf.constant(part[batch[:, 0]]) for part in seen]
            parts.append(self._model.join(of_pairs, tf.constant(pad_sequences(sounds))).numpy())
        return Embeddings.of(np.concatenate(parts), self.fingerprint)

    def _see(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What is seen in each image, and last in none at all: row -1."""
        seen = [
            self._model.see(tf.constant(np.stack(images[start : start + BATCH_SIZE])))
            for start in range(0, len(images), BATCH_SIZE)
        ]
        seen.append(self._nothing_seen)
        return [np.concatenate(part) for part in zip(*seen, strict=True)]

    @cached_property
    def _nothing_seen(self) -> list[tf.Tensor]:
        """What is seen where there is no image."""
        return self._model.see(tf.constant(_NO_IMAGE[None]))

    @cached_property
    def hear(self) -> AudioSequences:
        """YAMNet's frames of many pieces of sound at once: called with a list, float32 [num_samples] each.

        Raises:
            ValueError: an export of an earlier version, which cannot hear sound in pieces.
        """
        if not hasattr(self._model, "frames"):
            raise ValueError(
                "This exported encoder was written by an earlier version and cannot hear long recordings. "
                "Export it again: `fused-encoder export RUN --out DIR`."
            )
        frames = self._model.frames
        spec = tf.TensorSpec((None,), tf.float32)
        yamnet = tf.function(lambda sound: (None, frames(sound), None), input_signature=[spec])
        return AudioSequences(yamnet)

    def _load_sequence(self, recording: Recording) -> np.ndarray:
        if isinstance(recording, np.ndarray):
            return self.audio_sequence(recording)
        return self.audio_sequence(load_waveform(recording, max_seconds=self.seconds_heard))

    def audio_sequence(self, waveform: np.ndarray) -> np.ndarray:
        """What YAMNet makes of a waveform, for `embed_features`.

        Args:
            waveform: float32 [num_samples], mono, 16 kHz, amplitude in [-1, 1].

        Returns:
            float32 [num_frames, 1024].

        Raises:
            ValueError: silent, too short or not finite; see `extract_audio_sequence`.
        """
        return extract_audio_sequence(self.yamnet, waveform)

    def yamnet(self, waveform: np.ndarray) -> tuple[None, tf.Tensor, None]:
        """The YAMNet inside, as `prepare_media` takes one; of its three answers the embeddings alone.

        Args:
            waveform: float32 [num_samples], mono, 16 kHz, amplitude in [-1, 1].
        """
        return None, self._model.audio_sequences(tf.constant(waveform)[None])[0], None

    @property
    def seconds_heard(self) -> float:
        """How much of a recording is heard, from its start."""
        return self.settings.audio_seconds * self.settings.max_windows
