"""The history of a run in a file, so that one that was killed and went on has one loss curve."""

from __future__ import annotations

import json
from pathlib import Path

import keras


class HistoryFile(keras.callbacks.Callback):
    """Keeps what each epoch logged, also across runs that were killed and restored.

    `keras.callbacks.BackupAndRestore` brings back weights, optimizer and epoch, but the `History` of
    `fit` begins anew. This one goes on: epoch e replaces what was logged for e and later. In the list
    of callbacks it stands after those that log and before `BackupAndRestore`, so that the file has every
    epoch that the backup has.

    Args:
        path: a .json file, outside of the backup's own folder, which is removed at the end of training.

    Raises:
        ValueError: the file is there, and holds no history.

    Example:
        >>> history = HistoryFile("run/history.json")
        >>> backup = keras.callbacks.BackupAndRestore("run/backup")
        >>> model.fit(dataset, epochs=10, callbacks=[validation, history, backup])
        >>> history.history["loss"]  # of all epochs, of this process or not
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)
        self._epochs = _read(self.path) if self.path.is_file() else {}

    @property
    def history(self) -> dict[str, list[float]]:
        """As `History.history`: of each name the values, epoch by epoch."""
        history: dict[str, list[float]] = {}
        for _, logs in sorted(self._epochs.items()):
            for name, value in logs.items():
                history.setdefault(name, []).append(value)
        return history

    def values(self, name: str, *, before_epoch: int) -> list[float]:
        """What was logged under a name in the epochs before one.

        Args:
            name: such as "val_precision_at_1".
            before_epoch: int >= 0, of epochs numbered from 0, as callbacks get them.
        """
        before = [logs for epoch, logs in sorted(self._epochs.items()) if epoch < before_epoch]
        return [logs[name] for logs in before if name in logs]

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Adds an epoch and writes the file anew."""
        self._epochs = {number: known for number, known in self._epochs.items() if number < epoch}
        self._epochs[epoch] = {name: float(value) for name, value in (logs or {}).items()}
        rows = [{"epoch": number, **known} for number, known in sorted(self._epochs.items())]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_name(f"{self.path.name}.part")
        part.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        part.replace(self.path)


def _read(path: Path) -> dict[int, dict[str, float]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {row.pop("epoch"): row for row in rows}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"'{path}' is not a history that HistoryFile wrote ({error}). Choose another path, or "
            "remove the file to begin anew."
        ) from error
