"""Comparison: photo and call together beside simpler ways, paired by photo and by recording."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inference.embed import Embedder
from inference.metrics import retrieval_metrics_per_query
from training.background import background_sides
from training.floors import (
    Describe,
    class_mean_hits,
    log_probabilities,
    raw_audio_sequence,
    raw_pixels,
)
from training.paired_hits import PairedHits
from training.pairs import (
    PATTERNS,
    WAYS,
    EmbeddedPairs,
    Pairs,
    Pattern,
    StoredFeatures,
    embed_pairs,
)
from triplets.prepared import PreparedMedia

FUSED = "fused"


def ask_all_ways(
    embedder: Embedder,
    gallery: EmbeddedPairs,
    queries: EmbeddedPairs,
    gallery_media: PreparedMedia,
    query_media: PreparedMedia,
    *,
    describe: Describe | None = None,
    seed: int = 0,
) -> list[PairedHits]:
    """Photo and call together beside one of them, a wrong one, and the strongest simple floors.

    Over the photos and recordings of pairs. A study of photos only, or of recordings only, is compared
    with the floors: "image_only" (or "audio_only") takes the place of "fused".

    Names, for photos (and likewise for recordings, with "audio" in place of "image"):

    - "fused": photo and call among pairs. "without_sound" ("without_photo"): the other is absent.
      "image_only" ("audio_only"): photos among photos.
    - "wrong_sound" ("wrong_photo"): the control, with a call (a photo) of another class. If it is as good
      as "fused", the other modality adds nothing.
    - "background_only", where photos have boxes: the photo without its animal, among such photos. If it is
      nearly as good as "image_only", places may be recognised rather than animals.
    - "image_class_mean", "image_logistic": nearest class mean and logistic regression on features that
      were not trained; "both_logistic": log-probabilities of photo and call added. C of the regression
      is chosen by cross-validation within the gallery.

    Args:
        embedder: of the encoder.
        gallery: the pairs that are searched.
        queries: the pairs that ask.
        gallery_media: what the gallery's pairs point into.
        query_media: what the query pairs point into.
        describe: from `frozen_image_features`; without it the photo's floor is its pixels.
        seed: int, for the wrong calls and photos.

    Returns:
        For "photo" and then for "recording", "fused" first. Empty where one side has a single class.
    """
    can = [
        name
        for name in PATTERNS
        if name in queries.pairs.patterns and name in gallery.pairs.patterns
    ]
    if FUSED in can:
        gallery, queries = (side.only(side.pairs.has_both) for side in (gallery, queries))
    if not can or min(len(np.unique(side.pairs.labels)) for side in (gallery, queries)) < 2:
        return []
    if FUSED not in can:
        return [
            asked
            for name in can
            for asked in _one_kind(
                name, embedder, gallery, queries, gallery_media, query_media, describe
            )
        ]
    hits = {  # of every query pair
        name: _hits(gallery, queries.by_pattern[asked], queries.pairs.labels, among)
        for name, (asked, among) in WAYS.items()
    }
    rng = np.random.default_rng(seed)
    for name, wrong in (("wrong_sound", "recordings"), ("wrong_photo", "images")):
        misled = with_wrong_files(queries.pairs, wrong, rng)
        embedded = embed_pairs(embedder, query_media, misled, ("fused",)).by_pattern["fused"]
        hits[name] = _hits(gallery, embedded, misled.labels, "fused")
    hits |= _background_hits(embedder, gallery, queries, gallery_media, query_media)
    added = np.zeros(())
    for kind in ("image", "audio"):
        floors, classes, log_probability = _floor_hits(
            kind, gallery.pairs, queries.pairs, gallery_media, query_media, describe
        )
        hits |= floors
        added = added + log_probability
    hits["both_logistic"] = _right(classes, added, queries.pairs.labels)
    photo = (
        *("without_sound", "image_only", "wrong_sound", "background_only"),
        *("image_class_mean", "image_logistic"),
    )
    call = ("without_photo", "audio_only", "wrong_photo", "audio_class_mean", "audio_logistic")
    pairs = queries.pairs
    kinds: tuple[tuple[str, tuple[str, ...], np.ndarray, np.ndarray], ...] = (
        ("photo", photo, pairs.images, pairs.image_sources),
        ("recording", call, pairs.recordings, pairs.recording_sources),
    )
    return [
        PairedHits(
            per, {name: hits[name] for name in (FUSED, *names, "both_logistic")}, units, sources
        )
        for per, names, units, sources in kinds
    ]


def with_wrong_files(pairs: Pairs, kind: str, rng: np.random.Generator) -> Pairs:
    """The pairs with each file of a kind ("recordings" or "images") replaced by one of another class.

    They are drawn among the pairs, which are of at least two classes.
    """
    files = getattr(pairs, kind)
    drawn = [rng.choice(np.unique(files[pairs.labels != label])) for label in pairs.labels]
    return replace(pairs, **{kind: np.array(drawn, int)})


def _hits(
    gallery: EmbeddedPairs, asking: np.ndarray, labels: np.ndarray, among: Pattern
) -> np.ndarray:
    rows = gallery.pairs.rows_of_distinct(among)
    known, known_labels = gallery.by_pattern[among][rows], gallery.pairs.labels[rows]
    return retrieval_metrics_per_query(asking, labels, known, known_labels)["precision_at_1"]


def _background_hits(
    embedder: Embedder,
    gallery: EmbeddedPairs,
    queries: EmbeddedPairs,
    gallery_media: PreparedMedia,
    query_media: PreparedMedia,
) -> dict[str, np.ndarray]:
    """Hits of photos without their animals, float [num_pairs]; nothing where photos have no boxes."""
    sides = background_sides(embedder, gallery.pairs, queries.pairs, gallery_media, query_media)
    if sides is None:
        return {}
    known, known_labels, asking = sides
    metrics = retrieval_metrics_per_query(asking, queries.pairs.labels, known, known_labels)
    return {"background_only": metrics["precision_at_1"]}


def _one_kind(
    kind: Pattern,
    embedder: Embedder,
    gallery: EmbeddedPairs,
    queries: EmbeddedPairs,
    gallery_media: PreparedMedia,
    query_media: PreparedMedia,
    describe: Describe | None,
) -> list[PairedHits]:
    """Photos among photos, or recordings among recordings, beside their floors."""
    known, asking = (side.only(side.pairs.rows_of_distinct(kind)) for side in (gallery, queries))
    if min(len(np.unique(side.pairs.labels)) for side in (known, asking)) < 2:
        return []
    only = f"{kind}_only"
    floors, _, _ = _floor_hits(
        kind, known.pairs, asking.pairs, gallery_media, query_media, describe
    )
    hits = {only: _hits(known, asking.by_pattern[kind], asking.pairs.labels, kind)}
    if kind == "image":
        hits |= _background_hits(embedder, known, asking, gallery_media, query_media)
    hits |= floors
    pairs = asking.pairs
    units, sources = (
        (pairs.images, pairs.image_sources)
        if kind == "image"
        else (pairs.recordings, pairs.recording_sources)
    )
    per = "photo" if kind == "image" else "recording"
    return [PairedHits(per, hits, units, sources)]


def _floor_hits(
    kind: Pattern,
    known: Pairs,
    asking: Pairs,
    known_media: PreparedMedia,
    asking_media: PreparedMedia,
    describe: Describe | None,
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """What simple classifiers make of the photos, or recordings, of pairs.

    Returns:
        Hits of each floor, float [num_pairs]; the classes; log-probabilities [num_pairs, num_classes].
    """
    which = "images" if kind == "image" else "recordings"
    describe_files = (describe or raw_pixels) if kind == "image" else raw_audio_sequence
    rows = known.rows_of_distinct(kind)
    files, place = np.unique(getattr(asking, which), return_inverse=True)
    gallery = describe_files(
        StoredFeatures(getattr(known_media, which), getattr(known, which)[rows])
    )
    queries = describe_files(StoredFeatures(getattr(asking_media, which), files))[place]
    sources = (known.image_sources if kind == "image" else known.recording_sources)[rows]
    labels = known.labels[rows]
    classes, log_probability = log_probabilities(gallery, labels, queries, sources)
    hits = {
        f"{kind}_class_mean": class_mean_hits(gallery, labels, queries, asking.labels),
        f"{kind}_logistic": _right(classes, log_probability, asking.labels),
    }
    return hits, classes, log_probability


def _right(classes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return (classes[scores.argmax(axis=1)] == labels).astype(float)
