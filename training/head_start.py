"""Head start: an additive encoder's projections begin as classifiers of frozen features, not at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from fused_encoder.fusion import AddPresent
from training.frozen_features import FrozenFeatures, TrainedPart
from triplets.photos import load_photos, scale_photos
from triplets.prepared import PreparedFile, PreparedMedia

CLASS_SHARE = 0.75  # of the embedding's axes, at most, that tell known classes apart
GEOMETRY = 0.5  # what the frozen features' own geometry weighs beside the classes, for unknown ones
PENALTIES = np.geomspace(1e-3, 1e2, 16)
SCALES = np.geomspace(0.3, 50, 40)  # no surer than the last, even if no left-out one was mistaken
TYPICAL_PENALTY, TYPICAL_SCALE = 0.1, 10.0  # where a class has too few sources to choose them
BATCH_SIZE = 64


def start_head(
    part: TrainedPart, media: PreparedMedia, *, max_frames: int, seed: int = 0
) -> np.ndarray | None:
    """Sets the projections of photos and calls to a closed-form solution on the frozen features.

    Each is a ridge regression from a photo's (a recording's) frozen features to its class, every class
    alike. How strong the penalty is, and how much a photo's (a call's) evidence is worth, is chosen by
    leaving out one source at a time: the scores times that scale are log-probabilities, so that to add a
    photo's and a call's vectors is to add up what they say of the class. The embedding's first axes hold the
    classes; the others keep the frozen features' geometry, which tells classes apart that were never
    trained on.

    Args:
        part: what of the encoder is trained, see `trained_part`.
        media: what it is trained on.
        max_frames: int >= 1, of a recording, from its start.
        seed: int, for the directions that keep the geometry.

    Returns:
        The class axes float32 [num_classes, embedding_size], unit length or shorter: where embeddings of each
        class point. None, and nothing is set, where the encoder does not add branches up, or all of its image
        backbone is trained: there is nothing pretrained to solve for. Where only the last block is trained,
        the projection starts from the features as they are before: first the head, then the rest.

    Reference:
        Hoerl & Kennard, "Ridge regression: biased estimation for nonorthogonal problems", 1970,
        https://doi.org/10.1080/00401706.1970.10488634; for calibrated scores Platt, "Probabilistic outputs
        for support vector machines", 1999; the head first: Kumar et al., "Fine-tuning can distort pretrained
        features and underperform out-of-distribution", 2022, https://arxiv.org/abs/2202.10054.
    """
    branches = _frozen_branches(part, media, max_frames)
    if not branches:
        return None
    num_classes = len(media.class_names)
    scores = [classifier(*_solved(branch), num_classes) for branch in branches]
    size = branches[0].projection.units
    axes = _class_axes(branches, scores, min(num_classes, int(CLASS_SHARE * size)))
    for branch, found in zip(branches, scores, strict=True):
        rng = np.random.default_rng((seed, branch.features.shape[1]))
        rest = _random_directions(branch.features.shape[1], size - axes.shape[1], rng)
        kernel = np.hstack([found.weights @ axes, GEOMETRY * rest])
        branch.projection.kernel.assign(found.scale * kernel)
    return np.pad(axes, ((0, 0), (0, size - axes.shape[1]))).astype(np.float32)


@dataclass(frozen=True)
class Classifier:
    """Class scores of features: `scale * features @ weights` are log-probabilities, but for a constant."""

    weights: np.ndarray  # float64 [size, num_classes]
    penalty: float
    scale: float


def classifier(
    features: np.ndarray, classes: np.ndarray, sources: np.ndarray, num_classes: int
) -> Classifier:
    """Ridge regression from features to classes, its penalty and scale chosen by leaving out sources.

    Args:
        features: float [num, size].
        classes: int [num], in [0, num_classes).
        sources: str [num]; those of one source are left out together.
        num_classes: int; classes without features get no scores.
    """
    ridge = Ridge(features, classes)
    penalty, scale = _chosen(ridge, sources)
    weights = np.zeros((features.shape[1], num_classes))
    weights[:, ridge.present] = ridge.weights(penalty)
    return Classifier(weights, penalty, scale)


class Ridge:
    """Ridge regression to one-hot classes less their mean, every class alike; solved for any penalty.

    Args:
        features: float [num, size].
        classes: int [num].
    """

    def __init__(self, features: np.ndarray, classes: np.ndarray) -> None:
        self.present, self.index = np.unique(classes, return_inverse=True)
        num_classes = len(self.present)
        self.targets = np.eye(num_classes)[self.index] - 1 / num_classes
        shares = len(classes) / num_classes / np.bincount(self.index)
        self.weight = np.sqrt(shares)[self.index, None]
        self._left, self._strength, self._right = np.linalg.svd(
            self.weight * features, full_matrices=False
        )
        self._wanted = self._left.T @ (self.weight * self.targets)

    def weights(self, penalty: float) -> np.ndarray:
        """float64 [size, num_classes]."""
        shrunk = self._strength / (self._strength**2 + penalty)
        return self._right.T @ (shrunk[:, None] * self._wanted)

    def left_out(self, penalty: float, sources: np.ndarray) -> np.ndarray:
        """The scores of each source's rows by the regression on all others, float64 [num, num_classes]."""
        shrunk = self._left * (self._strength**2 / (self._strength**2 + penalty))
        error = self.weight * self.targets - shrunk @ self._wanted
        scores = np.empty_like(self.targets)
        for rows in _rows_of(sources):
            others = np.eye(len(rows)) - shrunk[rows] @ self._left[rows].T
            scores[rows] = (
                self.targets[rows] - np.linalg.solve(others, error[rows]) / self.weight[rows]
            )
        return scores


def _rows_of(sources: np.ndarray) -> list[np.ndarray]:
    source, counts = np.unique(sources, return_inverse=True, return_counts=True)[1:]
    return np.split(np.argsort(source, kind="stable"), np.cumsum(counts)[:-1])


def _chosen(ridge: Ridge, sources: np.ndarray) -> tuple[float, float]:
    """The penalty and the scale under which left-out sources are most probable."""
    num_sources = [len(np.unique(sources[ridge.index == c])) for c in range(len(ridge.present))]
    is_tested = np.array(num_sources)[ridge.index] > 1
    if len(ridge.present) < 2 or not is_tested.any():
        return TYPICAL_PENALTY, TYPICAL_SCALE
    choices = []
    for penalty in PENALTIES:
        scores = ridge.left_out(penalty, sources)[is_tested]
        choices += [
            (_surprise(scale * scores, ridge.index[is_tested]), penalty, scale) for scale in SCALES
        ]
    _, penalty, scale = min(choices)
    return float(penalty), float(scale)


def _surprise(logits: np.ndarray, index: np.ndarray) -> float:
    """Mean cross-entropy of the right classes, int [num]."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    own = shifted[np.arange(len(index)), index]
    return float((np.log(np.exp(shifted).sum(axis=1)) - own).mean())


@dataclass(frozen=True)
class _Branch:
    """A branch's projection, and the frozen features that enter it."""

    projection: keras.layers.Dense
    features: np.ndarray  # float32 [num_files, size]
    files: Sequence[PreparedFile]


def _solved(branch: _Branch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    classes = np.array([file.class_index for file in branch.files])
    sources = np.array([file.source for file in branch.files])
    return branch.features.astype(np.float64), classes, sources


def _frozen_branches(part: TrainedPart, media: PreparedMedia, max_frames: int) -> list[_Branch]:
    """The branches that have files; none where one begins at random before its projection."""
    if not _adds_up(part.encoder):
        return []
    branches = []
    if media.images:
        trunk, head = (part.encoder.get_layer(name) for name in ("image_trunk", "image_head"))
        projection = head.get_layer("image_features")
        before = keras.Model(head.input, projection.input)
        is_frozen_in_part = trunk.weights or isinstance(part.photos, FrozenFeatures)
        if trunk.trainable_weights or (before.weights and not is_frozen_in_part):
            return []
        see = keras.Sequential([trunk, before])
        branches.append(_Branch(projection, _photo_features(see, part, media), media.images))
    if media.recordings:
        audio = part.encoder.get_layer("audio_branch")
        hear = keras.Model(audio.input, audio.get_layer("audio_attention").output)
        heard = [hear(_padded(file.feature()[:max_frames])[None])[0] for file in media.recordings]
        projection = audio.get_layer("audio_projection")
        branches.append(_Branch(projection, np.stack(heard), media.recordings))
    return branches


def _padded(sequence: np.ndarray) -> np.ndarray:
    """With a frame of padding behind it: Keras warns of attention to a single one."""
    return np.pad(sequence, ((0, 1), (0, 0)))


def _adds_up(encoder: keras.Model) -> bool:
    fusion = encoder.get_layer("fusion")
    layers = fusion.layers if isinstance(fusion, keras.Model) else []
    return any(isinstance(layer, AddPresent) for layer in layers)


def _photo_features(see: keras.Model, part: TrainedPart, media: PreparedMedia) -> np.ndarray:
    features = []
    for start in range(0, len(media.images), BATCH_SIZE):
        which = np.arange(start, min(start + BATCH_SIZE, len(media.images)))
        photos = scale_photos(load_photos(part.photos, which, None))
        features.append(np.asarray(see(photos, training=False)))
    return np.concatenate(features)


def _class_axes(branches: list[_Branch], found: list[Classifier], num_axes: int) -> np.ndarray:
    """float64 [num_classes, num_axes], orthonormal: one axis a class, or those that say most of them."""
    num_classes = found[0].weights.shape[1]
    if num_classes <= num_axes:
        return np.eye(num_classes)
    spread = np.zeros((num_classes, num_classes))
    for branch, solved in zip(branches, found, strict=True):
        scores = solved.scale * branch.features @ solved.weights
        spread += scores.T @ scores / len(scores)
    return np.linalg.eigh(spread)[1][:, ::-1][:, :num_axes]


def _random_directions(size: int, num: int, rng: np.random.Generator) -> np.ndarray:
    """float64 [size, num] that keeps lengths and angles of vectors about as they are, however few."""
    num_directions = min(size, num)
    directions = np.linalg.qr(rng.standard_normal((size, num_directions)))[0]
    directions *= np.sqrt(size / num_directions)
    return np.pad(directions, ((0, 0), (0, num - num_directions)))
