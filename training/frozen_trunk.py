"""The frozen trunk: what stands before the first trained layer of the image branch, cut off from the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import keras

from fused_encoder.fusion import IsPresent
from training.model_graph import (
    Call,
    as_functional,
    calls_of,
    holds_frozen_weights,
    is_constant,
    repeat_calls,
    shows_its_calls,
)

PROBE_ROWS = 7  # how many photos go in when it is asked how many rows come out


@dataclass(frozen=True)
class FrozenTrunk:
    """An encoder in two: a trunk that training never changes, and a head that is trained behind it.

    Both are made of the encoder's own layers, not of copies: to train the head is to train the
    encoder, which holds the new weights (and statistics, and random states) at every moment.

    Args:
        trunk: photos float32 [batch, 224, 224, 3], RGB in [0, 1] -> features [batch, ...]. Gives the
            same in training as in inference.
        head: inputs `image_input`, features float32 [batch, ...], and `audio_input`, as the
            encoder's; outputs as the encoder's. Features that are all zero stand for an absent photo.
    """

    trunk: keras.Model
    head: keras.Model

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """Of one photo's features, such as (1280,) or (14, 14, 512)."""
        return tuple(self.trunk.output.shape[1:])


def split_frozen_trunk(encoder: keras.Model) -> FrozenTrunk | None:
    """Cuts an encoder behind the last tensor that training cannot change, as deep as possible.

    Everything before the cut has no trainable weights and gives the same in training as in inference
    (a frozen BatchNorm does, Dropout does not); everything behind it learns of the photo through the
    one tensor at the cut, which has one row for each photo. The cut may lie inside a backbone: with
    block 5 of VGG16 trained the features are [14, 14, 512], with MobileNetV2 fully frozen [1280].

    Args:
        encoder: from `create_fused_encoder`. It stays whole: it can be trained, saved and split again.

    Returns:
        `FrozenTrunk`; or None where no frozen weights come before the first trained layer.

    Raises:
        ValueError: the encoder does not have the inputs `image_input` and `audio_input`.
    """
    names = {tensor.name for tensor in encoder.inputs}
    if names != {"image_input", "audio_input"}:
        raise ValueError(
            "Expected an encoder with the inputs image_input and audio_input, received "
            f"{', '.join(sorted(names))}. Make one with create_fused_encoder()."
        )
    photo, audio = (_input(encoder, name) for name in ("image_input", "audio_input"))
    calls = calls_of(encoder)
    asking = [call for call in calls if _asks_for_presence(call, photo)]
    cut = _find_cut([call for call in calls if call not in asking], encoder.outputs, photo)
    trunk = _before(calls, photo, cut, "frozen_trunk")
    if not holds_frozen_weights(trunk):
        return None
    features = keras.Input(trunk.output.shape[1:], name="image_input")
    sound = keras.Input(audio.shape[1:], dtype=audio.dtype, name="audio_input")
    known = {id(cut.tensor): features, id(audio): sound}
    for call in asking:  # the features show it too
        known[id(call.outputs[0])] = call.repeat({id(photo): features})[0]
    embedding = _behind(encoder, cut, known)
    inputs = {"image_input": features, "audio_input": sound}
    return FrozenTrunk(trunk, keras.Model(inputs, embedding, name="trained_head"))


@dataclass(frozen=True)
class _Cut:
    """Where a model is cut: at a tensor of its own, or further on inside the one model that takes it."""

    tensor: keras.KerasTensor
    call: Call | None = None  # of the model inside which the cut lies
    before: keras.Model | None = None  # that model's part before the cut
    behind: keras.Model | None = None


def _input(encoder: keras.Model, name: str) -> keras.KerasTensor:
    return next(tensor for tensor in encoder.inputs if tensor.name == name)


def _asks_for_presence(call: Call, photo: keras.KerasTensor) -> bool:
    """Whether a call looks at the photo only to see if there is one."""
    return isinstance(call.operation, IsPresent) and call.inputs[0] is photo


def _find_cut(
    calls: list[Call], outputs: list[keras.KerasTensor], photo: keras.KerasTensor
) -> _Cut:
    tensor = _deepest_constant(calls, outputs, photo)
    takers = [call for call in calls if any(taken is tensor for taken in call.inputs)]
    if len(takers) == 1 and all(output is not tensor for output in outputs):
        inside = takers[0].operation
        if shows_its_calls(inside) and inside.trainable and len(inside.inputs) == 1:
            return _Cut(tensor, takers[0], *_split_inside(as_functional(inside), inside.name))
    return _Cut(tensor)


def _split_inside(model: keras.Model, name: str) -> tuple[keras.Model, keras.Model]:
    """A model that takes one tensor, as two models in a row."""
    calls, photo = calls_of(model), model.inputs[0]
    cut = _find_cut(calls, model.outputs, photo)
    before = _before(calls, photo, cut, name)
    features = keras.Input(before.output.shape[1:])
    outputs = _behind(model, cut, {id(cut.tensor): features})
    return before, keras.Model(features, outputs, name=name)


def _deepest_constant(
    calls: list[Call], outputs: list[keras.KerasTensor], photo: keras.KerasTensor
) -> keras.KerasTensor:
    """The last tensor that training cannot change and through which all that follows sees the photo.

    Walks along the calls with the tensors that hold something of the photo and are still to be taken:
    wherever there is only one, all paths from the photo meet. A tensor with more rows than photos (of
    several views of each) will not do: features are kept by photo.
    """
    uses = Counter(id(tensor) for call in calls for tensor in call.inputs)
    uses.update(id(tensor) for tensor in outputs)
    constant = {id(photo): keras.Input(batch_shape=(PROBE_ROWS, *photo.shape[1:]))}
    waiting, deepest = {id(photo)}, photo
    for call in calls:
        taken = [id(tensor) for tensor in call.inputs]
        if waiting.isdisjoint(taken):
            continue  # it sees the sound alone
        uses.subtract(taken)
        waiting = {tensor for tensor in waiting if uses[tensor] > 0}
        waiting.update(id(tensor) for tensor in call.outputs if uses[id(tensor)] > 0)
        if constant.keys() >= set(taken) and is_constant(call.operation):
            constant = repeat_calls([call], constant)
            for tensor in call.outputs:
                if waiting == {id(tensor)} and constant[id(tensor)].shape[0] == PROBE_ROWS:
                    deepest = tensor
    return deepest


def _before(calls: list[Call], photo: keras.KerasTensor, cut: _Cut, name: str) -> keras.Model:
    inputs = keras.Input(photo.shape[1:], dtype=photo.dtype)
    made = repeat_calls(_ancestors(calls, cut.tensor), {id(photo): inputs})
    features = made[id(cut.tensor)]
    return keras.Model(inputs, cut.before(features) if cut.before else features, name=name)


def _ancestors(calls: list[Call], tensor: keras.KerasTensor) -> list[Call]:
    wanted, found = {id(tensor)}, []
    for call in reversed(calls):
        if not wanted.isdisjoint(map(id, call.outputs)):
            wanted.update(map(id, call.inputs))
            found.append(call)
    return found[::-1]


def _behind(
    model: keras.Model, cut: _Cut, known: Mapping[int, keras.KerasTensor]
) -> keras.KerasTensor:
    """A model's outputs, in its own structure, made from the tensor at the cut."""
    instead = {cut.call: cut.behind} if cut.call and cut.behind else {}
    made = repeat_calls(calls_of(model), known, instead)
    return keras.tree.map_structure(lambda tensor: made[id(tensor)], model.output)
