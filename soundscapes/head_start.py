"""Head start: what the front end's own classifier knows of the species, before anything is trained."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import keras
import numpy as np

from fused_encoder.front_ends.contract import AudioFrontEnd
from soundscapes.classifier import FRAME_LOGITS
from soundscapes.heads import FRAME_SCALING

logger = logging.getLogger(__name__)


def start_with_birdnet(
    network: keras.Model, front_end: AudioFrontEnd, class_names: Sequence[str]
) -> list[str]:
    """Gives a linear head BirdNET's own weights of the species that BirdNET knows by their names.

    BirdNET was trained on thousands of recordings of such a species; before the first step the head then
    says of each frame what BirdNET says. Other species begin as they are. Call it after the head's scaling
    is adapted to its recordings.

    Args:
        network: a head "linear" on BirdNET's frames.
        front_end: from `load_birdnet`.
        class_names: scientific or common names, `_` for spaces or not; what is not found is unknown.

    Returns:
        The names that BirdNET knows; none on other front ends and for other heads.
    """
    layers = {layer.name for layer in network.layers}
    if front_end.name != "birdnet" or not {FRAME_SCALING, FRAME_LOGITS} <= layers:
        return []
    last = network.get_layer(FRAME_LOGITS)
    if not isinstance(last, keras.layers.Dense) or last.kernel.shape[0] != front_end.embedding_size:
        return []
    weights, biases, labels = _own_layer()
    place = {name: number for number, label in enumerate(labels) for name in _spoken(label)}
    known = {k: place[_plain(name)] for k, name in enumerate(class_names) if _plain(name) in place}
    scaling = network.get_layer(FRAME_SCALING)
    mean = np.ravel(keras.ops.convert_to_numpy(scaling.mean))
    deviation = np.sqrt(np.ravel(keras.ops.convert_to_numpy(scaling.variance)))
    kernel, bias = (keras.ops.convert_to_numpy(value).copy() for value in last.weights)
    for k, own in known.items():
        kernel[:, k] = weights[:, own] * deviation
        bias[k] = biases[own] + mean @ weights[:, own]
    last.set_weights([kernel, bias])
    return [class_names[k] for k in known]


def _own_layer() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Weights [1024, num_labels], biases [num_labels] and labels of BirdNET's last layer."""
    from fused_encoder.front_ends.birdnet import EMBEDDING_SIZE, BirdnetClassifier

    classifier = BirdnetClassifier()
    biases = np.asarray(classifier.logits(np.zeros((1, EMBEDDING_SIZE), np.float32)))[0]
    weights = np.asarray(classifier.logits(np.eye(EMBEDDING_SIZE, dtype=np.float32))) - biases
    return weights, biases, classifier.labels


def _spoken(label: str) -> tuple[str, ...]:
    """The scientific and the common name of "Setophaga castanea_Bay-breasted Warbler"."""
    return tuple(_plain(name) for name in label.partition("_")[::2])


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").replace("'", "").strip()
