"""Mining: which files make a triplet, and which negatives are hard enough to learn from.

Hardness is the cosine of two candidates' vectors: of recordings by their mean audio frames, as published,
or of pairs by what an encoder makes of photo and call together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, NoReturn

import numpy as np

from triplets.candidates import ANY, Candidates, Embeddings, EmbedMedia, make_candidates
from triplets.prepared import ABSENT, PreparedFile, PreparedMedia, distinct_files

Mining = Literal["cosine", "semi-hard", "hard"]
MINING_WAYS = ("cosine", "semi-hard", "hard")
BLOCK_SIZE = 2**23  # similarities held at once, 32 MB


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
    embeddings: Embeddings | EmbedMedia | None = None,
    seed: int = 0,
) -> list[TripletRow]:
    """Triplets for every class: anchor and positive of one class and no common file, negative of another.

    A class's candidates are anchors in turn; the positive is any that shares no file with the anchor.
    Ways of choosing the negative, given these:

    - "cosine" (published): any candidate of another class whose similarity with the anchor is at
      least `min_similarity`; where there is none, the most similar one.
    - "semi-hard" (FaceNet): the most similar one that is still less similar than the positive; where
      there is none, the most similar one.
    - "hard": the most similar one of all.

    Similarities are computed for a block of anchors at a time, never for all with all.

    Args:
        media: photos, recordings or both, each class with at least two of a kind of different content.
        num_triplets_per_class: int >= 1.
        mining: how negatives are chosen.
        min_similarity: float in [-1, 1], for "cosine". Default 0.6, as published.
        embeddings: what similarity is measured on. None (default): each recording's mean over
            its audio frames; photos reduced to 16 x 16 pixels in classes without recordings. An array
            float32 [num_recordings, size], in the order of `media.recordings`: candidates are recordings,
            with any photos of their classes. `CandidatePairs`: candidates are these pairs, by the
            similarity of photo and call together (see `training.embed_candidates`). Or a function that
            gives one of the two for `media`.
        seed: int >= 0; the same seed gives the same triplets.

    Returns:
        List of [num_classes * num_triplets_per_class] rows, class by class.

    Raises:
        ValueError: an option is out of range, there are fewer than two classes, a class has fewer than
            two sources or no two candidates without a common file (all such classes in one message),
            or the embeddings do not fit the media.
    Reference:
        Schroff et al., "FaceNet", 2015, https://arxiv.org/abs/1503.03832 (semi-hard negatives).
    """
    _check(media, num_triplets_per_class, mining, min_similarity)
    candidates = make_candidates(media, embeddings)
    anchors_of = [candidates.anchors(index) for index in range(len(media.class_names))]
    _check_anchors(anchors_of, media)
    rng = np.random.default_rng(seed)
    triplets: list[tuple[int, int, int]] = []
    for class_index, usable in enumerate(anchors_of):
        anchors = np.resize(rng.permutation(usable), num_triplets_per_class)
        own = np.flatnonzero(candidates.classes == class_index)
        for anchor, similarity in _similarities(candidates.vectors, anchors):
            shares_file = candidates.shares_file(anchor)
            positive = _draw(own[~shares_file[own]], rng)
            ceiling = float(similarity[positive])
            # The anchor's own bytes under another name are a wrong label, not a hard negative.
            similarity[shares_file] = similarity[own] = -np.inf
            negative = _choose_negative(similarity, ceiling, mining, min_similarity, rng)
            triplets.append((anchor, positive, negative))
            if np.isneginf(similarity[negative]):
                _refuse_copies(media.class_names[class_index])
    return _rows(candidates, triplets, media, rng)


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


def _similarities(vectors: np.ndarray, anchors: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each anchor with its similarity to every candidate, float32 [num_candidates], free to change."""
    block = max(1, BLOCK_SIZE // len(vectors))
    for start in range(0, len(anchors), block):
        part = anchors[start : start + block]
        distinct, places = np.unique(part, return_inverse=True)  # few, each anchor many times
        alike = vectors[distinct] @ vectors.T
        yield from (
            (anchor, alike[at].copy()) for anchor, at in zip(part.tolist(), places, strict=True)
        )


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
            return _draw(similar_enough, rng)
    if mining == "semi-hard":
        below = np.where(similarity < ceiling, similarity, -np.inf)
        hardest = int(np.argmax(below))
        if not np.isneginf(below[hardest]):
            return hardest
    return int(np.argmax(similarity))


def _rows(
    candidates: Candidates,
    triplets: list[tuple[int, int, int]],
    media: PreparedMedia,
    rng: np.random.Generator,
) -> list[TripletRow]:
    members = np.array(triplets)
    recordings, images = candidates.recordings[members], candidates.images[members]
    _draw_photos(images, candidates.classes[members], media.images, rng)
    columns = np.stack([images, recordings], axis=-1).reshape(-1, 6)
    return [TripletRow(*row) for row in columns.tolist()]


def _draw_photos(
    images: np.ndarray,
    classes: np.ndarray,
    photos: tuple[PreparedFile, ...],
    rng: np.random.Generator,
) -> None:
    """Draws the members' photos where any will do: none shows the anchor's but the anchor."""
    of_class = distinct_files(photos)
    contents = np.array([*(photo.content for photo in photos), ""])  # the last is of an absent one
    none = np.empty(0, int)
    for row, (own, _, other) in zip(images, classes.tolist(), strict=True):
        ours, others = of_class.get(own, none), of_class.get(other, none)
        if row[0] == ANY:
            row[0] = _draw_any(ours, rng)
        if row[1] == ANY:
            row[1] = _draw_any(ours[ours != row[0]], rng)
        if row[2] == ANY:
            row[2] = _draw_any(others[contents[others] != contents[row[0]]], rng)


def _draw_any(choices: np.ndarray, rng: np.random.Generator) -> int:
    return _draw(choices, rng) if len(choices) else ABSENT


def _draw(choices: np.ndarray, rng: np.random.Generator) -> int:
    """One of them; `rng.choice` takes ten times as long."""
    return int(choices[rng.integers(len(choices))])


def _refuse_copies(class_name: str) -> NoReturn:
    raise ValueError(
        "Triplets cannot be mined: every candidate of another class shares a file with one of class "
        f"'{class_name}'. Remove the copies from the folders where they do not belong."
    )


def _check_anchors(anchors_of: list[np.ndarray], media: PreparedMedia) -> None:
    alone = [media.class_names[index] for index, usable in enumerate(anchors_of) if not len(usable)]
    if alone:
        listed = ", ".join(f"'{name}'" for name in alone)
        raise ValueError(
            f"Triplets cannot be mined: among the candidate pairs of {listed} no two are without a "
            "common photo or recording. Draw more pairs per class."
        )


def _check(
    media: PreparedMedia, num_triplets_per_class: int, mining: str, min_similarity: float
) -> None:
    problems = option_problems(num_triplets_per_class, mining, min_similarity)
    if len(media.class_names) < 2:
        problems.append(f"triplets need at least two classes, received {len(media.class_names)}")
    images, recordings = distinct_files(media.images), distinct_files(media.recordings)
    for index, name in enumerate(media.class_names):
        num_images, num_recordings = (len(kind.get(index, ())) for kind in (images, recordings))
        if max(num_images, num_recordings) < 2:
            problems.append(
                f"class '{name}' has {num_images} usable photos and {num_recordings} usable recordings of "
                "different content, at least 2 of a kind are needed (an anchor and a positive never share "
                "a file)"
            )
    if problems:
        unused = "".join(f"\n  - skipped '{file.path}': {file.reason}" for file in media.skipped)
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise ValueError(f"Triplets cannot be mined:{listed}{unused}")
