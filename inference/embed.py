"""Embed: photos and recordings on disk become embeddings, by an exported encoder or a live one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from fused_encoder.front_ends.contract import AudioFrontEnd
from fused_encoder.front_ends.sequences import pad_sequences
from fused_encoder.front_ends.yamnet import Yamnet, as_front_end
from fused_encoder.photo import IMAGE_SIZE
from inference.calibrate import Calibration
from inference.decode_pairs import (
    Image,
    Recording,
    SkippedPair,
    decode_pairs,
    paired,
    refuse_untrained,
)
from inference.embeddings import Embeddings
from inference.export import (
    EncoderSettings,
    attached_calibration,
    load_settings,
    settings_of,
    write_export,
)
from inference.load_graph import load_graph
from inference.pair_embedding import PairEmbedding
from media import UnreadableMediaError, load_waveform

logger = logging.getLogger(__name__)

BATCH_SIZE = 16
_NO_IMAGE = np.zeros((1, *IMAGE_SIZE, 3), np.uint8)


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
        self,
        model: PairEmbedding,
        settings: EncoderSettings,
        calibration: Calibration | None = None,
    ) -> None:
        self._model = model
        self.settings = settings
        self.calibration = calibration
        self.path: Path | None = None  # of what was loaded: other processes find it there

    @classmethod
    def load(cls, path: str | Path) -> Embedder:
        """The embedder of an exported encoder.

        An exported encoder is a program. One that holds operations other than arithmetic (which could
        read or write files) is refused; still, take encoders only from people whom you trust.

        Args:
            path: folder that `export_saved_model` wrote.

        Raises:
            FileNotFoundError: it is not an exported encoder.
            ValueError: it is damaged, was written by a newer version, holds the calibration of another,
                or operations that no encoder needs.
        """
        settings, calibration = load_settings(path), attached_calibration(path)
        embedder = cls(load_graph(path), settings, calibration)
        embedder.path = Path(path)
        return embedder

    @classmethod
    def from_encoder(
        cls,
        encoder: keras.Model,
        yamnet: Yamnet | AudioFrontEnd | None,
        *,
        audio_seconds: float = 5.0,
        max_windows: int = 6,
    ) -> Embedder:
        """The embedder of an encoder that is not exported, such as one in training.

        Args: as in `export_saved_model`. The weights are copied as they are now.
        """
        front_end = as_front_end(yamnet)
        settings = settings_of(
            encoder, front_end, audio_seconds=audio_seconds, max_windows=max_windows
        )
        model = PairEmbedding(
            encoder, front_end, audio_seconds=audio_seconds, max_windows=max_windows
        )
        return cls(model, settings)

    def save(
        self,
        path: str | Path,
        *,
        class_names: Sequence[str] = (),
        thresholds: Mapping[str, float] | None = None,
    ) -> Path:
        """As `export_saved_model`, with the calibration; what has run already is not built again.

        Raises:
            ValueError: this embedder was loaded: copy its folder. Others as there.
        """
        if self.path is not None:
            raise ValueError(f"This encoder was loaded from '{self.path}'. Copy that folder.")
        told: dict[str, Any] = {
            "class_names": tuple(class_names),
            "thresholds": dict(thresholds or {}),
        }
        return write_export(self._model, replace(self.settings, **told), path, self.calibration)

    @property
    def fingerprint(self) -> str:
        """Names the encoder; an index holds embeddings of one fingerprint only."""
        return self.settings.fingerprint

    @property
    def max_seconds(self) -> float:
        """How much of a recording is used, from its start."""
        return self.settings.audio_seconds * self.settings.max_windows

    @cached_property
    def front_end(self) -> AudioFrontEnd:
        """The audio front end inside the model: turns waveforms into audio sequences."""
        return AudioFrontEnd(
            **asdict(self.settings.front_end),
            embed_sound=self._model.embed_sound,
            windows=getattr(self._model, "windows", None),
            embed_windows=getattr(self._model, "embed_windows", None),
            module=self._model,
        )

    def embed(
        self,
        images: Sequence[Image | None] | None = None,
        recordings: Sequence[Recording | None] | None = None,
        *,
        progress: bool = False,
    ) -> Embeddings:
        """One embedding per pair; either list may be left out or hold None.

        Args:
            images: paths, `PhotoCrop`s, or uint8 [height, width, 3] RGB arrays.
            recordings: paths, or float32 [num_samples] waveforms, mono, at
                `front_end.sample_rate_hz` (16 kHz for YAMNet).
            progress: whether to show a bar.

        Returns:
            Embeddings float32 [num, embedding_size], unit length, with the encoder's fingerprint.

        Raises:
            ValueError: the lists are of different length or both absent, a pair has neither, or the
                encoder was not made for photos, or for recordings.
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

        Returns:
            Embeddings float32 [num_kept, embedding_size]; the positions of the kept pairs in the
            given lists; and the skipped pairs. A pair with one bad file is skipped whole.
        Raises:
            ValueError: as `embed`.
        """
        pairs = paired(images, recordings)
        refuse_untrained(pairs, sees=self.settings.sees, hears=self.settings.hears)
        kept: list[int] = []
        skipped: list[SkippedPair] = []
        parts = [np.zeros((0, self.settings.embedding_size), np.float32)]
        decoded = decode_pairs(pairs, self._sequence, skipped)
        with tqdm(total=len(pairs), desc="embed", unit="pair", disable=not progress) as bar:
            while batch := list(islice(decoded, BATCH_SIZE)):
                positions, photos, sequences = zip(*batch, strict=True)
                kept += positions
                parts.append(self.embed_features(photos, sequences))
                bar.update(positions[-1] + 1 - bar.n)
            bar.update(len(pairs) - bar.n)
        for pair in skipped:
            logger.warning("Skipped '%s': %s", pair.path, pair.reason)
        return Embeddings.of(np.concatenate(parts), self.fingerprint), kept, skipped

    def embed_features(
        self, images: Sequence[np.ndarray | None], sequences: Sequence[np.ndarray | None]
    ) -> Embeddings:
        """One embedding per pair of a decoded photo and an audio sequence.

        Args:
            images: uint8 [224, 224, 3] each, or None.
            sequences: float32 [num_frames, front_end.embedding_size] each, or None.
        Returns: as `embed_combinations`, which this calls with each item in one pair.
        """
        return self.embed_combinations(
            [image for image in images if image is not None],
            [sequence for sequence in sequences if sequence is not None],
            np.column_stack([_rows_of(images), _rows_of(sequences)]),
        )

    def embed_combinations(
        self,
        images: Sequence[np.ndarray],
        sequences: Sequence[np.ndarray],
        pairs: np.ndarray,
        *,
        batch_size: int = BATCH_SIZE,
    ) -> Embeddings:
        """As `embed_features`, of files that are in many pairs: each photo is looked at once.

        Args:
            images: uint8 [224, 224, 3] each.
            sequences: float32 [num_frames, front_end.embedding_size] each.
            pairs: int [num_pairs, 2], which image and which sequence; -1 for none.
            batch_size: int > 0, pairs at once.
        Returns:
            Embeddings float32 [num_pairs, embedding_size], unit length.
        Raises:
            ValueError: a pair has neither.
        """
        if empty := np.flatnonzero((pairs < 0).all(axis=1)).tolist():
            raise ValueError(f"Pairs {empty[:10]} have neither a photo nor a recording.")
        seen = self._see(images)
        no_sound = np.zeros((1, self.settings.front_end.embedding_size), np.float32)
        parts = [np.zeros((0, self.settings.embedding_size), np.float32)]
        for start in range(0, len(pairs), batch_size):
            batch = pairs[start : start + batch_size]
            sounds = [no_sound if row < 0 else sequences[row] for row in batch[:, 1]]
            of_pairs = [tf.constant(part[batch[:, 0]]) for part in seen]
            parts.append(self._model.join(of_pairs, tf.constant(pad_sequences(sounds))).numpy())
        return Embeddings.of(np.concatenate(parts), self.fingerprint)

    def _see(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What is seen in each image, and last in none at all: row -1."""
        batches = [
            images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE)
        ]
        seen = [self._model.see(tf.constant(np.stack(batch))) for batch in batches]
        return [np.concatenate(part) for part in zip(*seen, self._nothing_seen, strict=True)]

    @cached_property
    def _nothing_seen(self) -> list[tf.Tensor]:
        """What is seen where there is no image."""
        return self._model.see(tf.constant(_NO_IMAGE))

    def _sequence(self, recording: Recording) -> np.ndarray:
        if isinstance(recording, np.ndarray):
            num_samples = round(self.max_seconds * self.front_end.sample_rate_hz)
            return self.front_end(recording[:num_samples])
        waveform = load_waveform(
            recording, sample_rate_hz=self.front_end.sample_rate_hz, max_seconds=self.max_seconds
        )
        return self.front_end(waveform)


def _rows_of(items: Sequence[np.ndarray | None]) -> np.ndarray:
    """Where each stands among those that are not None; -1 for None."""
    is_present = np.array([item is not None for item in items], bool)
    return np.where(is_present, np.cumsum(is_present) - 1, -1)
