"""A copy of an encoder inside a `tf.distribute` strategy, and the way back to the encoder."""

from __future__ import annotations

import random
from dataclasses import dataclass

import keras

from training.workers.global_batch import call_for_global_batch


@dataclass(frozen=True)
class ReplicaCopy:
    """A model whose weights the replicas of a strategy share, made like one that was there before.

    Args:
        model: the copy; its BatchNorm layers look at the batches of all replicas together, and its
            layers that draw (dropout) give each item what it would get in one process.
        layers: of each layer of the original the copied one.
    """

    model: keras.Model
    layers: tuple[tuple[keras.Layer, keras.Layer], ...]

    def give_back(self) -> None:
        """The original gets the weights, statistics and random states that the copy has now."""
        for original, copied in self.layers:
            _copy_variables(copied, original)


def copy_for_replicas(model: keras.Model) -> ReplicaCopy:
    """Copies a model; call it inside of the strategy's scope.

    Args:
        model: functional, such as an encoder or the head behind a frozen trunk, made in the scope or
            outside.

    Raises:
        ValueError: it is not a functional model.
    """
    if not isinstance(model, keras.Function):
        raise ValueError(
            "Expected a functional model, such as create_fused_encoder gives, received "
            f"{type(model).__name__}. Only the layers of a functional model can be copied into a strategy."
        )
    pairs: list[tuple[keras.Layer, keras.Layer]] = []

    def copied(layer: keras.Operation) -> keras.Operation:
        if not isinstance(layer, keras.Layer):
            return layer  # a plain operation keeps nothing
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            config["synchronized"] = True
        pairs.append((layer, type(layer).from_config(config)))
        return pairs[-1][1]

    state = (
        random.getstate()
    )  # Keras draws seeds from it; what is made later draws as without a copy
    copy = keras.models.clone_model(
        model, clone_function=copied, call_function=call_for_global_batch, recursive=True
    )
    random.setstate(state)
    for original, made in pairs:
        _copy_variables(original, made)
    return ReplicaCopy(copy, tuple(pairs))


def _copy_variables(source: keras.Layer, target: keras.Layer) -> None:
    for old, new in zip(source.variables, target.variables, strict=True):
        new.assign(old.numpy())


class GiveBack(keras.callbacks.Callback):
    """Keeps the original as its copy is, for the callbacks that come after this one.

    Args:
        copy: what is trained.
    """

    def __init__(self, copy: ReplicaCopy) -> None:
        super().__init__()
        self._copy = copy

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """At the first epoch a backup may have been restored."""
        self._copy.give_back()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """The copy has learnt."""
        self._copy.give_back()
