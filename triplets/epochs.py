"""Epoch counter: which epoch a dataset is in, so that its order can be a function of seed and epoch."""

from __future__ import annotations


class EpochCounter:
    """The epoch that a dataset's next iterator belongs to.

    A dataset asks `begin` when an iterator gives its first batch. Left alone, each iterator is the
    next epoch. Under `training.SetEpoch` the counter stands at the epoch that `model.fit` is in,
    however many iterators Keras makes, so that a run that was killed and restored, or one that starts
    at `initial_epoch`, sees the batches of an unbroken one.

    Args:
        epoch: int >= 0, the first epoch. It may also be set between two epochs.

    Raises:
        ValueError: the epoch is below 0.
    """

    def __init__(self, epoch: int = 0) -> None:
        if epoch < 0:
            raise ValueError(f"Expected epoch >= 0, received {epoch}.")
        self.epoch = epoch
        self._is_held = False

    def begin(self) -> int:
        """The epoch of an iterator that starts now; the next one's is one higher, unless held."""
        epoch = self.epoch
        if not self._is_held:
            self.epoch = epoch + 1
        return epoch

    def hold(self, epoch: int) -> None:
        """Every iterator that starts from now on belongs to this epoch.

        Args:
            epoch: int >= 0.
        """
        self.epoch = epoch
        self._is_held = True

    def release(self) -> None:
        """Each iterator that starts from now on is the next epoch."""
        if self._is_held:
            self.epoch += 1
        self._is_held = False
