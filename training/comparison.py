"""Comparison: photo and call together beside simpler ways, paired by photo and by recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inference.embed import Embedder
from inference.metrics import bootstrap_interval, retrieval_metrics_per_query
from training.floors import (
    Describe,
    class_mean_hits,
    log_probabilities,
    raw_audio_sequence,
    raw_pixels,
)
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


@dataclass(frozen=True)
class Comparison:
    """One way of asking beside photo and call together, over the same photos or recordings.

    Every photo (or recording) counts once, however many pairs it is in.
    """

    per: str  # "photo" or "recording", what counts once
    name: str  # the way of asking; see `ask_all_ways`
    precision_at_1: float  # in [0, 1], mean over photos or recordings
    difference: float  # in [-1, 1], the precision of photo and call together less this one's
    difference_low: float  # of its 95 % bootstrap interval over sources; NaN for fewer than two
    difference_high: float
    num: int  # photos or recordings


@dataclass(frozen=True)
class PairedHits:
    """Which query pairs each way of asking answered rightly: what comparisons are made of."""

    per: str  # "photo" or "recording", what counts once
    hits: dict[
        str, np.ndarray
    ]  # of each way, float [num_pairs]; NaN: unanswerable. The first is compared
    units: np.ndarray  # int [num_pairs], each pair's photo or recording
    sources: np.ndarray  # str [num_pairs], what that comes from

    def compared(self) -> list[Comparison]:
        """Each way beside the first."""
        return paired_rows(self.hits, tuple(self.hits), self.per, self.units, self.sources)


def pooled(splits: Sequence[PairedHits]) -> PairedHits:
    """The hits of several splits of the same files as one, each photo (recording) counted in each split.

    An interval still resamples sources, so that to ask the same photo in ten splits makes none narrower.
    """
    named = [[(number, unit) for unit in split.units] for number, split in enumerate(splits)]
    units = np.unique(np.concatenate(named), axis=0, return_inverse=True)[1].reshape(-1)
    hits = {name: np.concatenate([split.hits[name] for split in splits]) for name in splits[0].hits}
    sources = np.concatenate([split.sources for split in splits])
    return PairedHits(splits[0].per, hits, units, sources)


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
            for asked in _one_kind(name, gallery, queries, gallery_media, query_media, describe)
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
    added = np.zeros(())
    for kind in ("image", "audio"):
        floors, classes, log_probability = _floor_hits(
            kind, gallery.pairs, queries.pairs, gallery_media, query_media, describe
        )
        hits |= floors
        added = added + log_probability
    hits["both_logistic"] = _right(classes, added, queries.pairs.labels)
    photo = ("without_sound", "image_only", "wrong_sound", "image_class_mean", "image_logistic")
    call = ("without_photo", "audio_only", "wrong_photo", "audio_class_mean", "audio_logistic")
    pairs = queries.pairs
    kinds = (
        ("photo", photo, pairs.images, pairs.image_sources),
        ("recording", call, pairs.recordings, pairs.recording_sources),
    )
    return [
        PairedHits(
            per, {name: hits[name] for name in (FUSED, *names, "both_logistic")}, units, sources
        )
        for per, names, units, sources in kinds
    ]


def paired_rows(
    hits: Mapping[str, np.ndarray],
    names: tuple[str, ...],
    per: str,
    units: np.ndarray,
    sources: np.ndarray,
) -> list[Comparison]:
    """Compares ways of asking with the first one, unit by unit.

    Args:
        hits: of each way whether each pair was answered rightly, float [num_pairs]; NaN: unanswerable.
        names: ways to compare; those without hits are left out.
        per: "photo" or "recording".
        units: int [num_pairs], each pair's photo or recording.
        sources: str [num_pairs], what that comes from.
    """
    is_known = ~np.isnan(hits[names[0]])
    first, unit = np.unique(units[is_known], return_index=True, return_inverse=True)[1:]
    counts, source = np.bincount(unit), sources[is_known][first]
    by_unit = {
        name: np.bincount(unit, weights=hits[name][is_known]) / counts
        for name in names
        if name in hits
    }
    rows = []
    for name, values in by_unit.items():
        differences = by_unit[names[0]] - values
        low = high = float("nan")
        if len(np.unique(source)) > 1:
            low, high = bootstrap_interval(differences, source)
        mean, difference = float(values.mean()), float(differences.mean())
        rows.append(Comparison(per, name, mean, difference, low, high, len(values)))
    return rows


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


def _one_kind(
    kind: Pattern,
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
    hits = {only: _hits(known, asking.by_pattern[kind], asking.pairs.labels, kind), **floors}
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
