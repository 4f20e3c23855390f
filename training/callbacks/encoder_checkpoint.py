"""Checkpoints of the whole encoder, whatever model it is trained inside."""

from pathlib import Path

import keras


class EncoderCheckpoint(keras.callbacks.ModelCheckpoint):
    """`keras.callbacks.ModelCheckpoint` that saves an encoder in place of the model that is fitted.

    The model that is fitted is a triplet model of six inputs, or the part behind a frozen trunk; what
    is wanted afterwards is the encoder inside. The file appears whole or not at all: a killed run
    leaves the best checkpoint as it was. A run that goes on is told what was best before by
    `initial_value_threshold`.

    Args:
        filepath: ending in .keras; as for `ModelCheckpoint` it may name the epoch and what was logged,
            such as "{epoch:02d}_{val_precision_at_1:.2f}.keras".
        encoder: the one that is trained.
        monitor: what is looked at, of what callbacks before this one in the list have logged.
        mode: "max" or "min", which of its values is best.
        save_best_only: as in `ModelCheckpoint`. Default True.
        **kwargs: as in `ModelCheckpoint`.

    Raises:
        ValueError: the path does not end in .keras.
    """

    def __init__(
        self,
        filepath: str | Path,
        encoder: keras.Model,
        *,
        monitor: str = "val_precision_at_1",
        mode: str = "max",
        save_best_only: bool = True,
        **kwargs: object,
    ) -> None:
        if Path(filepath).suffix != ".keras":
            raise ValueError(f"Expected a path that ends in .keras, received '{filepath}'.")
        super().__init__(
            filepath, monitor=monitor, mode=mode, save_best_only=save_best_only, **kwargs
        )
        self._encoder = _SavedWhole(encoder)

    def set_model(self, model: keras.Model) -> None:
        """Saves the encoder, not this model, from now on."""
        super().set_model(self._encoder)


class _SavedWhole:
    """Takes the fitted model's place in `ModelCheckpoint`, which calls nothing but `save`."""

    def __init__(self, encoder: keras.Model) -> None:
        self._encoder = encoder

    def save(self, filepath: str | Path, overwrite: bool = True) -> None:
        path = Path(filepath)
        part = path.with_name(f"{path.stem}.part.keras")
        try:
            self._encoder.save(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
