"""Checkpoints of the whole encoder, whatever model it is trained inside."""

from __future__ import annotations

import os
from pathlib import Path

import keras

from training.callbacks.history_file import HistoryFile


class EncoderCheckpoint(keras.callbacks.ModelCheckpoint):
    """`keras.callbacks.ModelCheckpoint` that saves an encoder in place of the model that is fitted.

    The model that is fitted is a triplet model of six inputs, or the head behind a frozen trunk; what
    is wanted afterwards is the encoder inside. `load_encoder` loads the file. It appears whole or
    not at all, so that a killed run leaves the best checkpoint as it was.

    Args:
        filepath: ending in .keras; as for `ModelCheckpoint` it may name the epoch and what was logged,
            such as "{epoch:02d}_{val_precision_at_1:.2f}.keras".
        encoder: the one that is trained.
        monitor: what is looked at, of what callbacks before this one in the list have logged.
        mode: "max" or "min", which of its values is best.
        save_best_only: False saves after every epoch.
        history: of a run that may be killed and restored: what was best before then still counts.
        **kwargs: further options of `ModelCheckpoint`.

    Raises:
        ValueError: the path does not end in .keras, or the mode is neither "max" nor "min".

    Example:
        >>> checkpoint = EncoderCheckpoint("best.keras", encoder)
        >>> model.fit(dataset, epochs=10, callbacks=[validation, checkpoint])
        >>> encoder = load_encoder("best.keras")
    """

    best: float | None  # Keras', without a type

    def __init__(
        self,
        filepath: str | Path,
        encoder: keras.Model,
        *,
        monitor: str = "val_precision_at_1",
        mode: str = "max",
        save_best_only: bool = True,
        history: HistoryFile | None = None,
        **kwargs: object,
    ) -> None:
        if Path(filepath).suffix != ".keras":
            raise ValueError(f"Expected a path that ends in .keras, received '{filepath}'.")
        if mode not in ("max", "min"):
            raise ValueError(f"Expected mode to be 'max' or 'min', received {mode!r}.")
        super().__init__(
            filepath, monitor=monitor, mode=mode, save_best_only=save_best_only, **kwargs
        )
        self._saved = _SavedWhole(encoder)
        self._history = history

    def set_model(self, model: keras.Model) -> None:
        """Saves the encoder, not this model, from now on."""
        super().set_model(self._saved)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Looks up what was best before this epoch, where an earlier run has seen it."""
        super().on_epoch_begin(epoch, logs)
        if self.best is None and self._history is not None:
            known = self._history.values(self.monitor, before_epoch=epoch)
            if known:
                self.best = max(known) if self.mode == "max" else min(known)


class _SavedWhole:
    """Takes the fitted model's place in `ModelCheckpoint`, which calls nothing but `save`."""

    def __init__(self, encoder: keras.Model) -> None:
        self._encoder = encoder

    def save(self, filepath: str | Path, overwrite: bool = True) -> None:
        path = Path(filepath)
        part = path.with_name(f"{path.stem}.{os.getpid()}.part.keras")
        try:
            self._encoder.save(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
