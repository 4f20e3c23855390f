"""Cross-batch memory: a small batch is compared with the embeddings of the batches before it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

import keras
import numpy as np
from keras import ops

from training.losses.pair_loss import (
    ComparedPairs,
    PairLoss,
    flatten_members,
    mean_over_members,
    pair_masks,
    require_positive,
)
from training.losses.triplet import TripletLoss

EMPTY = -1  # the class of a place not yet filled; a class below 0 is in no pair


@keras.saving.register_keras_serializable(package="fused_encoder")
class CrossBatchMemory(keras.losses.Loss):
    """A pair loss whose anchors also meet the last `memory_size` embeddings of earlier batches.

    Embeddings drift slowly, so old ones are nearly as good as fresh ones. Each call compares the batch
    with itself and with the memory, and then puts the batch into the memory in place of its oldest
    items. Gradients reach the batch only. An anchor without a known source id could not be told from
    old copies of itself: the memory gives it negatives only.

    The memory is filled by every call, also by `evaluate` and by the validation of `fit`: do not
    validate with this loss (validate retrieval instead), or `clear()` it afterwards. It is saved with
    the weights of the model that is compiled with it, so that a restored run goes on as it was.

    Args:
        loss: a `PairLoss`; a `TripletLoss` needs a `mining`. At best used when the first epochs are
            over: at the start embeddings drift fast.
        memory_size: int >= 1, in items (a triplet has three). Default 1024.
        embedding_size: int >= 1, of the encoder. Default 128.
        num_sources: int >= 0, how many columns of source ids the labels may have. Default 2 (photo,
            recording).
        **kwargs: `name` and `reduction`, as in `keras.losses.Loss`.

    Call:
        As in `PairLoss`.
    Raises:
        ValueError: an option is out of range, embeddings have another size, or labels have more columns.
        TypeError: `loss` is not a `PairLoss`.
    Reference:
        Wang et al., "Cross-batch memory for embedding learning", 2020,
        https://arxiv.org/abs/1912.06798 (they add the memory's loss to the batch's; here one set of
        references holds both).
    """

    def __init__(
        self,
        loss: PairLoss,
        *,
        memory_size: int = 1024,
        embedding_size: int = 128,
        num_sources: int = 2,
        **kwargs: str | None,
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        if not isinstance(loss, PairLoss):
            raise TypeError(
                "Expected a loss that compares labelled embeddings, such as SupConLoss(), received "
                f"{type(loss).__name__}."
            )
        if isinstance(loss, TripletLoss) and loss.mining is None:
            raise ValueError(
                "Expected a TripletLoss with mining, received one without: explicit triplets have no "
                "use for a memory. Pass TripletLoss(mining='semi-hard')."
            )
        require_positive(memory_size=memory_size, embedding_size=embedding_size)
        if num_sources < 0:
            raise ValueError(f"Expected num_sources >= 0, received {num_sources}.")
        self.loss = loss
        self.memory_size = memory_size
        self.embedding_size = embedding_size
        self.num_sources = num_sources
        self._embeddings = _variable((memory_size, embedding_size), "float32", 0)
        self._labels = _variable((memory_size, 1 + num_sources), "int32", EMPTY)
        self._position = _variable((), "int32", 0)

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """The losses [batch], of which Keras takes the mean; then remembers the batch."""
        labels, embeddings = flatten_members(y_true, y_pred)
        missing = 1 + self.num_sources - labels.shape[1]
        if missing < 0:
            raise ValueError(
                f"Expected labels with at most {1 + self.num_sources} columns (class and "
                f"num_sources={self.num_sources}), received {labels.shape[1]}."
            )
        labels = ops.pad(labels, ((0, 0), (0, missing)), constant_values=-1)
        if embeddings.shape[-1] != self.embedding_size:
            raise ValueError(
                f"Expected embeddings of size {self.embedding_size} (embedding_size), received "
                f"{embeddings.shape[-1]}."
            )
        references = ops.concatenate([embeddings, ops.convert_to_tensor(self._embeddings)])
        reference_labels = ops.concatenate([labels, ops.convert_to_tensor(self._labels)])
        is_positive, is_negative = pair_masks(labels, reference_labels)
        is_fresh = ops.arange(ops.shape(references)[0]) < ops.shape(embeddings)[0]
        is_known = ops.any(labels[:, 1:] >= 0, axis=1)
        is_positive = is_positive & (is_known[:, None] | is_fresh[None, :])
        losses = self.loss.compare(ComparedPairs(embeddings, references, is_positive, is_negative))
        self._remember(labels, ops.stop_gradient(embeddings))
        return mean_over_members(losses, y_pred)

    def clear(self) -> None:
        """Forgets everything."""
        self._embeddings.assign(np.zeros(self._embeddings.shape, "float32"))
        self._labels.assign(np.full(self._labels.shape, EMPTY, "int32"))
        self._position.assign(0)

    def _remember(self, labels: keras.KerasTensor, embeddings: keras.KerasTensor) -> None:
        labels, embeddings = labels[-self.memory_size :], embeddings[-self.memory_size :]
        num_items = ops.shape(labels)[0]
        position = ops.convert_to_tensor(self._position)
        places = ((position + ops.arange(num_items)) % self.memory_size)[:, None]
        self._embeddings.assign(ops.scatter_update(self._embeddings, places, embeddings))
        self._labels.assign(ops.scatter_update(self._labels, places, labels))
        self._position.assign((position + num_items) % self.memory_size)

    def save_own_variables(self, store: MutableMapping[str, object]) -> None:
        """Keras calls it when the model is saved: the memory goes along."""
        store["embeddings"] = self._embeddings
        store["labels"] = self._labels
        store["position"] = self._position

    def load_own_variables(self, store: Mapping[str, object]) -> None:
        """Keras calls it when the model is loaded; weights saved without a memory leave it as it is."""
        if "labels" not in store.keys():  # noqa: SIM118 -- a Keras store is not iterable
            return
        self._embeddings.assign(store["embeddings"])
        self._labels.assign(store["labels"])
        self._position.assign(store["position"])

    def get_config(self) -> dict[str, object]:
        """The arguments; the inner loss as its own config."""
        return {
            **super().get_config(),
            "loss": keras.losses.serialize(self.loss),
            "memory_size": self.memory_size,
            "embedding_size": self.embedding_size,
            "num_sources": self.num_sources,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> CrossBatchMemory:
        """A loss like the one that gave the config, with an empty memory."""
        return cls(**{**config, "loss": keras.losses.deserialize(config["loss"])})


def _variable(shape: tuple[int, ...], dtype: str, value: int) -> keras.Variable:
    return keras.Variable(
        np.full(shape, value, dtype),
        dtype=dtype,
        trainable=False,
        synchronization="on_read",
        aggregation="only_first_replica",
    )
