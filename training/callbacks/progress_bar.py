"""One bar over all steps of a `fit`."""

from __future__ import annotations

import keras


class ProgressBar(keras.callbacks.Callback):
    """One tqdm bar over all steps of a `fit`, with the loss and the last validation beside it.

    A run that goes on from an earlier epoch starts with the steps it has behind it.

    Args:
        total_steps: int >= 1, steps of all epochs.
    """

    def __init__(self, total_steps: int) -> None:
        super().__init__()
        self._total_steps = total_steps

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Draws the bar."""
        from tqdm import tqdm

        self._bar = tqdm(total=self._total_steps, desc="train", unit="step")
        self._shown: dict[str, str] = {}

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Makes up for epochs that an earlier run has done."""
        steps_behind = self._total_steps * epoch // max(self.params.get("epochs") or 1, 1)
        self._bar.update(max(steps_behind - self._bar.n, 0))

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """One step further."""
        self._bar.update(1)
        self._show(loss=(logs or {}).get("loss"))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Shows the validation."""
        self._show(val_p_at_1=(logs or {}).get("val_precision_at_1"))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Leaves the bar as it is."""
        self._bar.close()

    def _show(self, **values: float | None) -> None:
        self._shown.update({k: f"{v:.3f}" for k, v in values.items() if v is not None})
        self._bar.set_postfix(self._shown, refresh=False)
