"""Head start: the last layer begins as a regression on mean features, and with what BirdNET knows by name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from fused_encoder.front_ends.contract import AudioFrontEnd
from soundscapes.classifier import FRAME_LOGITS
from soundscapes.clips import whole_clips
from soundscapes.heads import FRAME_SCALING

logger = logging.getLogger(__name__)

PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
NUM_FOLDS = 3
MOST_TO_CHOOSE_WITH = 2000  # recordings; of more the choice would take hours


@dataclass(frozen=True)
class OwnLayer:
    """What a front end's own classifier says of the species, as an affine function of a frame."""

    weights: np.ndarray  # [size, num_classes]; zeros where it does not know the species
    biases: np.ndarray  # [num_classes]
    known: tuple[str, ...]  # the species that it knows


def start_head(
    network: keras.Model,
    front_end: AudioFrontEnd,
    class_names: Sequence[str],
    means: np.ndarray,
    labels: np.ndarray,
    sources: Sequence[str],
    *,
    several: bool = True,
) -> bool:
    """Sets the last layer to the best that mean features of recordings allow, before a step is taken.

    It becomes a logistic regression, logits = a own(x) + W x + b, with x the scaled mean features and
    own(x) BirdNET's logits of the species that it knows by their names. W is penalised, so that the head
    departs from what BirdNET learnt from thousands of recordings only as far as yours show that it must. The
    penalty is chosen by cross-validation in folds that share no source. On other front ends own(x) is 0.

    Args:
        network: from `create_sound_classifier`, whose scaling is adapted, if it has one; layers that do not
            take features of this size are left as they are.
        front_end: whose frames it takes.
        class_names: scientific or common names, with `_` or spaces.
        means: float [num_recordings, size], what the last layer takes, see `mean_features`; frames as they
            are before they are scaled.
        labels: float [num_recordings, num_classes], in [0, 1].
        sources: what each recording comes from.
        several: whether species are told one by one (sigmoid), or one against the others (softmax).

    Returns:
        Whether the layer has its start; False for heads that are more than one layer.

    Reference:
        Kumar et al., "Fine-tuning can distort pretrained features and underperform out-of-distribution",
        2022, https://arxiv.org/abs/2202.10054: the last layer first, then all.
    """
    from threadpoolctl import threadpool_limits

    last = _linear_layer(network, means.shape[1])
    if last is None:
        return False
    centre, scale, is_scaled = _scaling(network, means)
    own = _own_layer(front_end, class_names, means.shape[1])
    features = (means - centre) / scale / np.sqrt(means.shape[1])
    offsets = means @ own.weights + own.biases
    fit = _fit_several if several else _fit_one_of
    with threadpool_limits(1):  # several threads wait for each other longer than they compute
        penalty = _chosen_penalty(fit, features, offsets, labels, np.asarray(sources))
        weights, biases, share = fit(features, offsets, labels, penalty)
    kernel = weights / np.sqrt(means.shape[1]) + share * own.weights * scale[:, None]
    biases = biases + share * (own.biases + centre @ own.weights)
    if not is_scaled:
        kernel = kernel / scale[:, None]
        biases = biases - centre @ kernel
    last.set_weights([kernel, biases])
    if own.known:
        logger.info("BirdNET knows %d of %d species.", len(own.known), len(class_names))
    return True


def mean_features(
    network: keras.Model, frames: Sequence[np.ndarray], clip_frames: int
) -> np.ndarray:
    """What the last layer takes, before it is scaled: float64 [num_recordings, size], means over moments.

    Args:
        network: from `create_sound_classifier`.
        frames: of each recording float [num_frames, size].
        clip_frames: int >= 1, how many a network for spectrograms takes at once.
    """
    if any(layer.name == FRAME_SCALING for layer in network.layers):
        return np.stack([each.mean(axis=0, dtype=np.float64) for each in frames])
    features = keras.Model(network.input, network.get_layer(FRAME_LOGITS).input)
    return np.stack(
        [
            np.asarray(features(whole_clips(each, clip_frames), training=False))
            .astype(np.float64)
            .mean(axis=(0, 1))
            for each in frames
        ]
    )


def _linear_layer(network: keras.Model, size: int) -> keras.layers.Dense | None:
    """The layer that makes logits of features, if nothing stands between."""
    if any(layer.name == "hidden" for layer in network.layers):
        return None
    last = network.get_layer(FRAME_LOGITS)
    return last if isinstance(last, keras.layers.Dense) and last.kernel.shape[0] == size else None


def _scaling(network: keras.Model, means: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Centre and scale of the features, and whether a layer of the network does it already."""
    for layer in network.layers:
        if layer.name == FRAME_SCALING:
            centre, variance = (
                np.ravel(keras.ops.convert_to_numpy(value)).astype(np.float64)
                for value in (layer.mean, layer.variance)
            )
            return centre, np.maximum(np.sqrt(variance), 1e-7), True
    spread = means.std(axis=0)
    return means.mean(axis=0), np.where(spread > 1e-7, spread, 1.0), False


Fitted = tuple[np.ndarray, np.ndarray, float]  # weights, biases, share of what is known already
Fit = Callable[[np.ndarray, np.ndarray, np.ndarray, float], Fitted]


def _fit_several(
    features: np.ndarray, offsets: np.ndarray, labels: np.ndarray, penalty: float
) -> Fitted:
    def loss(logits: np.ndarray) -> tuple[float, np.ndarray]:
        value = np.sum(np.logaddexp(0, logits) - labels * logits)
        return float(value), 1 / (1 + np.exp(-logits)) - labels

    return _minimised(loss, features, offsets, penalty)


def _fit_one_of(
    features: np.ndarray, offsets: np.ndarray, labels: np.ndarray, penalty: float
) -> Fitted:
    shares = labels / np.maximum(labels.sum(axis=1, keepdims=True), 1e-7)

    def loss(logits: np.ndarray) -> tuple[float, np.ndarray]:
        logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        return float(-np.sum(shares * logs)), np.exp(logs) - shares

    return _minimised(loss, features, offsets, penalty)


def _minimised(
    loss: Callable[[np.ndarray], tuple[float, np.ndarray]],
    features: np.ndarray,
    offsets: np.ndarray,
    penalty: float,
) -> Fitted:
    """The best weights, which lie in the span of the recordings: no more unknowns than there are of these."""
    from scipy.optimize import minimize

    num_classes = offsets.shape[1]
    _, _, axes = np.linalg.svd(features, full_matrices=False)
    reduced = features @ axes.T
    size = reduced.shape[1] * num_classes

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        weights = values[:size].reshape(-1, num_classes)
        biases, share = values[size:-1], values[-1]
        value, slope = loss(reduced @ weights + biases + share * offsets)
        value += 0.5 * (penalty * np.sum(weights**2) + np.sum(biases**2))
        slopes = (
            (reduced.T @ slope + penalty * weights).ravel(),
            slope.sum(axis=0) + biases,
            [np.sum(slope * offsets)],
        )
        return value, np.concatenate(slopes)

    found = minimize(
        objective,
        np.concatenate([np.zeros(size + num_classes), [1.0]]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 300},
    ).x
    weights = axes.T @ found[:size].reshape(-1, num_classes)
    return weights, found[size:-1], float(found[-1])


def _chosen_penalty(
    fit: Fit, features: np.ndarray, offsets: np.ndarray, labels: np.ndarray, sources: np.ndarray
) -> float:
    """The penalty whose fits name most main species of recordings that were left out."""
    from sklearn.model_selection import GroupKFold

    drawn = np.random.default_rng(0).permutation(len(features))[:MOST_TO_CHOOSE_WITH]
    features, offsets, labels, sources = (
        each[drawn] for each in (features, offsets, labels, sources)
    )
    num_folds = min(NUM_FOLDS, len(np.unique(sources)))
    if num_folds < 2:
        return PENALTIES[len(PENALTIES) // 2]
    folds = list(
        GroupKFold(num_folds, shuffle=True, random_state=0).split(features, groups=sources)
    )
    main = labels.argmax(axis=1)

    def hits(penalty: float) -> float:
        total = 0
        for kept, left_out in folds:
            weights, biases, share = fit(features[kept], offsets[kept], labels[kept], penalty)
            logits = features[left_out] @ weights + biases + share * offsets[left_out]
            total += int(np.sum(logits.argmax(axis=1) == main[left_out]))
        return total

    return max(reversed(PENALTIES), key=hits)  # of equals the one that departs least


def _own_layer(front_end: AudioFrontEnd, class_names: Sequence[str], size: int) -> OwnLayer:
    number = len(class_names)
    weights, biases = np.zeros((size, number)), np.zeros(number)
    if front_end.name != "birdnet":
        return OwnLayer(weights, biases, ())
    from fused_encoder.front_ends.birdnet import BirdnetClassifier

    classifier = BirdnetClassifier()
    own_biases = np.asarray(classifier.logits(np.zeros((1, size), np.float32)))[0]
    own_weights = np.asarray(classifier.logits(np.eye(size, dtype=np.float32))) - own_biases
    place = {
        name: number for number, label in enumerate(classifier.labels) for name in _spoken(label)
    }
    known = [k for k, name in enumerate(class_names) if _plain(name) in place]
    theirs = [place[_plain(class_names[k])] for k in known]
    weights[:, known], biases[known] = own_weights[:, theirs], own_biases[theirs]
    return OwnLayer(weights, biases, tuple(class_names[k] for k in known))


def _spoken(label: str) -> tuple[str, ...]:
    """The scientific and the common name of "Setophaga castanea_Bay-breasted Warbler"."""
    return tuple(_plain(name) for name in label.partition("_")[::2])


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").replace("'", "").strip()
