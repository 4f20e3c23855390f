"""Evaluate: held-out photos and recordings ask, training photos and recordings answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, overload

import cv2
import numpy as np

from inference.embed import Embedder
from inference.metrics import bootstrap_interval, retrieval_metrics, retrieval_metrics_per_query
from inference.threshold import suggest_threshold
from triplets.features import PreparedFile, PreparedMedia

Pattern = Literal["fused", "image", "audio"]
PATTERNS: tuple[Pattern, ...] = ("fused", "image", "audio")
MAX_PAIRS_PER_CLASS = 12


@dataclass(frozen=True)
class Pairs:
    """Photos and recordings of one class each, paired: indices into a `PreparedMedia`.

    Args:
        images: int [num_pairs].
        recordings: int [num_pairs].
        labels: str [num_pairs], class names.
        sources: str [num_pairs], the content of the pair's recording: pairs of one recording rise and
            fall together.
    """

    images: np.ndarray
    recordings: np.ndarray
    labels: np.ndarray
    sources: np.ndarray


@dataclass(frozen=True)
class EmbeddedPairs:
    """The embeddings of pairs, whole and with one modality left out.

    Args:
        pairs: which pairs.
        by_pattern: "fused", "image" and "audio" -> float32 [num_pairs, embedding_size].
    """

    pairs: Pairs
    by_pattern: dict[Pattern, np.ndarray]


@dataclass(frozen=True)
class Evaluation:
    """How well held-out pairs find their class in the gallery.

    Args:
        gallery: what was searched.
        queries: what asked.
        rows: for each way of asking its metrics: `precision_at_1`, `r_precision`,
            `mean_average_precision_at_r`. "fused" asks with photo and call; "without_sound" and
            "without_photo" ask the same gallery with one of them; "image_only" and "audio_only" have
            one modality on both sides; "raw_pixels" and "raw_audio_sequence" are floors without any encoder.
        interval: 95 % bootstrap interval of the fused precision at 1, over recordings.
    """

    gallery: EmbeddedPairs
    queries: EmbeddedPairs
    rows: dict[str, dict[str, float]]
    interval: tuple[float, float]

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """For each modality pattern the similarity from which two embeddings are taken for one class.

        Measured on held-out files alone; where no class has two of them to compare, on held-out and
        gallery files together, which were trained on: such a threshold tends to be too high.
        """
        return {pattern: self._threshold(pattern) for pattern in self.queries.by_pattern}

    def _threshold(self, pattern: Pattern) -> float:
        held_out = _observations(self.queries, pattern, "held out")
        if _is_comparable(*held_out[1:]):
            embeddings, labels, sources = held_out
        else:
            both = (held_out, _observations(self.gallery, pattern, "gallery"))
            embeddings, labels, sources = (
                np.concatenate(parts) for parts in zip(*both, strict=True)
            )
        return suggest_threshold(embeddings, labels, sources=sources)


def evaluate_encoder(
    embedder: Embedder,
    gallery: PreparedMedia,
    queries: PreparedMedia,
    *,
    max_pairs_per_class: int = MAX_PAIRS_PER_CLASS,
    seed: int = 0,
) -> Evaluation:
    """Retrieval of held-out pairs in a gallery of pairs, with every modality left out in turn.

    A class's pairs are all combinations of its photos and recordings, or `max_pairs_per_class` of
    them drawn at random.

    Args:
        embedder: of the encoder; see `Embedder.from_encoder` and `Embedder.load`.
        gallery: what is searched: usually the training files.
        queries: what asks; none of its files may be in the gallery.
        max_pairs_per_class: int >= 1, on each side. Default 12.
        seed: int, for which pairs are drawn.

    Returns:
        `Evaluation`.

    Raises:
        ValueError: a file is on both sides: its content would find itself.
    """
    refuse_leaks(gallery, queries)
    known = embed_pairs(embedder, gallery, draw_pairs(gallery, max_pairs_per_class, seed))
    asking = embed_pairs(embedder, queries, draw_pairs(queries, max_pairs_per_class, seed + 1))

    def retrieve(query: np.ndarray, reference: np.ndarray) -> dict[str, float]:
        return retrieval_metrics(query, asking.pairs.labels, reference, known.pairs.labels)

    fused = known.by_pattern["fused"]
    rows = {
        "fused": retrieve(asking.by_pattern["fused"], fused),
        "without_sound": retrieve(asking.by_pattern["image"], fused),
        "without_photo": retrieve(asking.by_pattern["audio"], fused),
        "image_only": retrieve(asking.by_pattern["image"], known.by_pattern["image"]),
        "audio_only": retrieve(asking.by_pattern["audio"], known.by_pattern["audio"]),
        "raw_pixels": retrieve(
            _described(_pixels, queries.images)[asking.pairs.images],
            _described(_pixels, gallery.images)[known.pairs.images],
        ),
        "raw_audio_sequence": retrieve(
            _described(_mean_frame, queries.recordings)[asking.pairs.recordings],
            _described(_mean_frame, gallery.recordings)[known.pairs.recordings],
        ),
    }
    hits = retrieval_metrics_per_query(
        asking.by_pattern["fused"], asking.pairs.labels, fused, known.pairs.labels
    )["precision_at_1"]
    return Evaluation(known, asking, rows, bootstrap_interval(hits, asking.pairs.sources))


def draw_pairs(media: PreparedMedia, max_pairs_per_class: int, seed: int) -> Pairs:
    """The pairs of every class: all combinations, or so many of them drawn without replacement."""
    rng = np.random.default_rng(seed)
    pairs = []
    for class_index in range(len(media.class_names)):
        images = _of_class(media.images, class_index)
        recordings = _of_class(media.recordings, class_index)
        every = [(image, recording) for image in images for recording in recordings]
        kept = sorted(rng.permutation(len(every))[:max_pairs_per_class])
        pairs += [(*every[index], class_index) for index in kept]
    image, recording, label = np.array(pairs, int).reshape(-1, 3).T
    return Pairs(
        image,
        recording,
        np.array(media.class_names)[label],
        np.array([media.recordings[index].content for index in recording]),
    )


def embed_pairs(
    embedder: Embedder,
    media: PreparedMedia,
    pairs: Pairs,
    patterns: tuple[Pattern, ...] = PATTERNS,
) -> EmbeddedPairs:
    """Embeds pairs in each modality pattern; a photo or recording alone is embedded once."""
    by_pattern: dict[Pattern, np.ndarray] = {}
    if "fused" in patterns:
        by_pattern["fused"] = embedder.embed_features(
            _Features(media.images, pairs.images), _Features(media.recordings, pairs.recordings)
        )
    if "image" in patterns:
        which, of_pair = np.unique(pairs.images, return_inverse=True)
        alone = embedder.embed_features(_Features(media.images, which), [None] * len(which))
        by_pattern["image"] = alone[of_pair]
    if "audio" in patterns:
        which, of_pair = np.unique(pairs.recordings, return_inverse=True)
        alone = embedder.embed_features([None] * len(which), _Features(media.recordings, which))
        by_pattern["audio"] = alone[of_pair]
    return EmbeddedPairs(pairs, by_pattern)


class _Features(Sequence[np.ndarray]):
    """Stored features of chosen files, read when they are asked for: thousands cannot be open at once."""

    def __init__(self, files: Sequence[PreparedFile], which: np.ndarray) -> None:
        self._files = files
        self._which = which

    def __len__(self) -> int:
        return len(self._which)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[np.ndarray]: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        if isinstance(index, slice):
            return [np.array(self._files[i].feature()) for i in self._which[index]]
        return np.array(self._files[self._which[index]].feature())


def _observations(
    side: EmbeddedPairs, pattern: Pattern, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings [num, size], labels [num], and what each was made of [num].

    Fused pairs that share a photo or a recording resemble each other for that alone: of these only the
    first is kept.
    """
    pairs = side.pairs
    rows = np.arange(len(pairs.labels))
    number = {"fused": rows, "image": pairs.images, "audio": pairs.recordings}[pattern]
    if pattern == "fused":
        rows = _without_common_files(pairs)
    sources = np.array([f"{name} {index}" for index in number[rows]])
    return np.asarray(side.by_pattern[pattern])[rows], pairs.labels[rows], sources


def _without_common_files(pairs: Pairs) -> np.ndarray:
    """Rows of pairs of which no two share a photo or a recording."""
    images: set[int] = set()
    recordings: set[int] = set()
    rows = []
    for row, (image, recording) in enumerate(zip(pairs.images, pairs.recordings, strict=True)):
        if image not in images and recording not in recordings:
            rows.append(row)
            images.add(image)
            recordings.add(recording)
    return np.array(rows, int)


def _is_comparable(labels: np.ndarray, sources: np.ndarray) -> bool:
    """Whether there are two classes, and two sources of one of them."""
    sources_of = Counter(label for label, _ in set(zip(labels, sources.tolist(), strict=True)))
    return len(sources_of) > 1 and max(sources_of.values()) > 1


def _of_class(files: tuple[PreparedFile, ...], class_index: int) -> list[int]:
    return [index for index, file in enumerate(files) if file.class_index == class_index]


def refuse_leaks(gallery: PreparedMedia, queries: PreparedMedia) -> None:
    """Checks that no file's content is on both sides.

    Raises:
        ValueError: some are; the first five are named.
    """
    known = {file.content: file.path for file in (*gallery.images, *gallery.recordings)}
    leaks = [
        f"'{file.path}' is '{known[file.content]}' in the gallery"
        for file in (*queries.images, *queries.recordings)
        if file.content in known
    ]
    if leaks:
        raise ValueError(
            f"{len(leaks)} files are on both sides and would find themselves: "
            f"{'; '.join(leaks[:5])}. Split with split_by_source."
        )


def _described(
    describe: Callable[[np.ndarray], np.ndarray], files: tuple[PreparedFile, ...]
) -> np.ndarray:
    """Unit vectors, float32 [num_files, size]."""
    vectors = np.stack([describe(file.feature()) for file in files])
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _pixels(photo: np.ndarray) -> np.ndarray:
    small = cv2.resize(np.asarray(photo), (32, 32), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32).ravel() - small.mean()


def _mean_frame(sequence: np.ndarray) -> np.ndarray:
    return sequence.mean(axis=0)
