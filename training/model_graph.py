"""A Keras model as the calls it is made of: the one file that knows how Keras keeps a model's graph."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field

import keras

SAME_IN_TRAINING = (  # Keras' own that take `training` and yet give the same
    keras.layers.CenterCrop,
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Resizing,
    keras.layers.TimeDistributed,
)


@dataclass(frozen=True)
class Call:
    """One call of a layer or an operation within a model. Two are equal if they are the same call.

    Args:
        operation: what is called.
        inputs: the tensors it takes, each once, wherever among its arguments they stand.
        outputs: the tensors it gives.
        node: Keras' record of the call.
    """

    operation: keras.Operation = field(compare=False)
    inputs: tuple[keras.KerasTensor, ...] = field(compare=False)
    outputs: tuple[keras.KerasTensor, ...] = field(compare=False)
    node: object

    def repeat(
        self,
        tensors: Mapping[int, keras.KerasTensor],
        operation: keras.Operation | None = None,
    ) -> list[keras.KerasTensor]:
        """The same call with other tensors: the layer and its weights are shared, not copied.

        Args:
            tensors: by the id of each tensor in `inputs`, the one to put in its place.
            operation: what to call in the operation's place; None calls it itself.

        Returns:
            The new tensors, in the order of `outputs`.
        """
        args, kwargs = self.node.arguments.fill_in(tensors)  # type: ignore[attr-defined]
        return keras.tree.flatten((operation or self.operation)(*args, **kwargs))


def shows_its_calls(operation: keras.Operation) -> bool:
    """Whether it is a model made of other calls and nothing more: functional or sequential."""
    kind = type(operation)
    is_graph = isinstance(operation, keras.Function | keras.Sequential)
    return is_graph and (kind.__module__.startswith("keras.") or "call" not in vars(kind))


def as_functional(model: keras.Model) -> keras.Model:
    """A sequential model as a functional one of the same layers; a functional one as it is."""
    is_sequential = isinstance(model, keras.Sequential)
    return keras.Model(model.inputs, model.outputs[0]) if is_sequential else model


def calls_of(model: keras.Model) -> list[Call]:
    """The calls of a model, each after those whose tensors it takes; not those of models inside it.

    Args:
        model: a functional or sequential model.
    """
    by_depth = as_functional(model)._nodes_by_depth
    nodes = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]
    return [
        Call(node.operation, tuple(_distinct(node.input_tensors)), tuple(node.outputs), node)
        for node in nodes
        if not node.is_input
    ]


def repeat_calls(
    calls: list[Call],
    known: Mapping[int, keras.KerasTensor],
    instead: Mapping[Call, keras.Operation] | None = None,
) -> dict[int, keras.KerasTensor]:
    """Repeats all calls that can be made from some tensors, and whose outputs are not known already.

    Args:
        calls: from `calls_of`.
        known: by the id of a tensor of the model, the one that takes its place.
        instead: for some calls, what to call in place of their operation.

    Returns:
        `known`, and with it the tensors that were made, by the id of those whose place they take.
    """
    tensors = dict(known)
    for call in calls:
        is_known = all(id(tensor) in tensors for tensor in call.outputs)
        if is_known or any(id(tensor) not in tensors for tensor in call.inputs):
            continue
        repeated = call.repeat(tensors, (instead or {}).get(call))
        tensors.update(zip(map(id, call.outputs), repeated, strict=True))
    return tensors


def is_constant(operation: keras.Operation) -> bool:
    """Whether training changes nothing in it, and it gives the same in training as in inference.

    In doubt it is not constant: a layer of the user's own that takes `training` may do anything with it.

    Args:
        operation: a layer, a model or a plain operation.
    """
    if not isinstance(operation, keras.Layer):
        return True
    parts = operation._flatten_layers()  # itself, and the layers inside it at any depth
    return not operation.trainable_weights and all(_ignores_training(part) for part in parts)


def holds_frozen_weights(model: keras.Model) -> bool:
    """Whether any layer in it, at any depth, has weights and is set to `trainable=False`."""
    return any(part.weights and not part.trainable for part in model._flatten_layers())


def _ignores_training(layer: keras.Layer) -> bool:
    """Whether a layer, apart from those inside it, gives the same in training as in inference."""
    if shows_its_calls(layer):
        return True
    if isinstance(layer, keras.layers.BatchNormalization):
        return not layer.trainable
    if isinstance(layer, keras.layers.Dropout):
        return layer.rate == 0
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return not layer.dropout
    if isinstance(layer, SAME_IN_TRAINING):
        return True
    holds_seed = len(layer.variables) != len(layer.weights)
    return not holds_seed and "training" not in inspect.signature(layer.call).parameters


def _distinct(tensors: list[keras.KerasTensor]) -> list[keras.KerasTensor]:
    return list({id(tensor): tensor for tensor in tensors}.values())
