"""Mining: which files make a triplet, and which negatives are hard enough to learn from.

Hardness is measured between recordings, by the cosine of their mean YAMNet embeddings: what the
published method does. A negative's photo is any photo of the negative's class.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from triplets.features import PreparedFile, PreparedMedia

Mining = Literal["cosine", "semi-hard", "hard"]
MINING_WAYS = ("cosine", "semi-hard", "hard")


class TripletRow(NamedTuple):
    """One triplet, as indices into the photos and recordings of a `PreparedMedia`."""

    anchor_image: int
    anchor_recording: int
    positive_image: int
    positive_recording: int
    negative_image: int
    negative_recording: int


def mine_triplets(
    media: PreparedMedia,
    num_triplets_per_class: int,
    *,
    mining: Mining = "cosine",
    min_similarity: float = 0.6,
    recording_vectors: np.ndarray | None = None,
    seed: int = 0,
) -> list[TripletRow]:
    """Triplets for every class: anchor and positive of one class and no common file, negative of another.

    Ways of choosing the negative, given the anchor:

    - "cosine" (published): any recording of another class whose similarity with the anchor is at
      least `min_similarity`; where there is none, the most similar one.
    - "semi-hard" (FaceNet): the most similar one that is still less similar than the positive; where
      there is none, the most similar one.
    - "hard": the most similar one of all.

    Args:
        media: photos and recordings, each class with at least two of different content.
        num_triplets_per_class: int >= 1.
        mining: how negatives are chosen.
        min_similarity: float in [-1, 1], for "cosine". Default 0.6, as published.
        recording_vectors: float32 [num_recordings, size] or None, what similarity is measured on, in
            the order of `media.recordings`. Default: each recording's mean YAMNet embedding.
        seed: the same seed gives the same triplets.

    Returns:
        List of [num_classes * num_triplets_per_class] rows, class by class.

    Raises:
        ValueError: an option is out of range, there are fewer than two classes, or a class has fewer
            than two sources (all such classes in one message).
    Reference:
        Schroff et al., "FaceNet", 2015, https://arxiv.org/abs/1503.03832 (semi-hard negatives).
    """
    _check(media, num_triplets_per_class, mining, min_similarity)
    vectors = mean_sequences(media) if recording_vectors is None else recording_vectors
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    rng = np.random.default_rng(seed)
    images, recordings = _by_class(media.images), _by_class(media.recordings)
    recording_class = np.array([file.class_index for file in media.recordings])
    recording_content = np.array([file.content for file in media.recordings])
    rows = []
    for class_index in range(len(media.class_names)):
        others = np.flatnonzero(recording_class != class_index)
        for _ in range(num_triplets_per_class):
            anchor_image, positive_image = _two_sources(images[class_index], media.images, rng)
            anchor, positive = _two_sources(recordings[class_index], media.recordings, rng)
            # The anchor's own bytes under another name are a wrong label, not a hard negative.
            negatives = others[recording_content[others] != recording_content[anchor]]
            similarity = vectors[negatives] @ vectors[anchor]
            ceiling = float(vectors[positive] @ vectors[anchor])
            choice = _choose_negative(similarity, ceiling, mining, min_similarity, rng)
            negative = int(negatives[choice])
            negative_image = _other_source(
                anchor_image, images[int(recording_class[negative])], media.images, rng
            )
            rows.append(
                TripletRow(anchor_image, anchor, positive_image, positive, negative_image, negative)
            )
    return rows


def option_problems(
    num_triplets_per_class: int, mining: str, min_similarity: float = 0.6
) -> list[str]:
    """What is wrong with the options of `mine_triplets`, one sentence each."""
    problems = []
    if num_triplets_per_class < 1:
        problems.append(f"expected num_triplets_per_class >= 1, received {num_triplets_per_class}")
    if mining not in MINING_WAYS:
        problems.append(f"expected mining to be one of {MINING_WAYS}, received {mining!r}")
    if not -1 <= min_similarity <= 1:
        problems.append(f"expected min_similarity in [-1, 1], received {min_similarity}")
    return problems


def mean_sequences(media: PreparedMedia) -> np.ndarray:
    """Each recording's mean YAMNet embedding, float32 [num_recordings, 1024]."""
    return np.stack([file.feature().mean(axis=0) for file in media.recordings])


def _choose_negative(
    similarity: np.ndarray,
    ceiling: float,
    mining: Mining,
    min_similarity: float,
    rng: np.random.Generator,
) -> int:
    if mining == "cosine":
        similar_enough = np.flatnonzero(similarity >= min_similarity)
        if len(similar_enough):
            return int(rng.choice(similar_enough))
    if mining == "semi-hard":
        farther = np.flatnonzero(similarity < ceiling)
        if len(farther):
            return int(farther[np.argmax(similarity[farther])])
    return int(np.argmax(similarity))


def _two_sources(
    indices: np.ndarray, files: tuple[PreparedFile, ...], rng: np.random.Generator
) -> tuple[int, int]:
    anchor = int(rng.choice(indices))
    return anchor, _other_source(anchor, indices, files, rng)


def _other_source(
    anchor: int, indices: np.ndarray, files: tuple[PreparedFile, ...], rng: np.random.Generator
) -> int:
    return int(rng.choice([i for i in indices if files[i].content != files[anchor].content]))


def _by_class(files: tuple[PreparedFile, ...]) -> dict[int, np.ndarray]:
    classes = np.array([file.class_index for file in files])
    return {int(c): np.flatnonzero(classes == c) for c in np.unique(classes)}


def _check(
    media: PreparedMedia, num_triplets_per_class: int, mining: str, min_similarity: float
) -> None:
    problems = option_problems(num_triplets_per_class, mining, min_similarity)
    if len(media.class_names) < 2:
        problems.append(f"triplets need at least two classes, received {len(media.class_names)}")
    for what, files in (("photo", media.images), ("recording", media.recordings)):
        for index, name in enumerate(media.class_names):
            sources = {file.content for file in files if file.class_index == index}
            if len(sources) < 2:
                problems.append(
                    f"class '{name}' has {len(sources)} usable {what}{'' if len(sources) == 1 else 's'} "
                    "of different content, at least 2 are needed (an anchor and a positive never share one)"
                )
    if problems:
        unused = "".join(f"\n  - skipped '{file.path}': {file.reason}" for file in media.skipped)
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise ValueError(f"Triplets cannot be mined:{listed}{unused}")
