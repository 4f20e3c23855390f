"""The words of an evaluation's report: how each number came about, and what it does not say."""

from __future__ import annotations

from inference.embeddings import fingerprint_of
from inference.export import library_versions
from training.evaluate import Evaluation
from training.query_sheet import SHOWN_SECONDS

FEW_SOURCES = 20
ROW_NAMES = {
    "fused": "photo and call together",
    "without_sound": "photo, sound absent",
    "without_photo": "call, photo absent",
    "image_only": "photos among photos",
    "audio_only": "calls among calls",
    "raw_pixels": "floor: pixels",
    "raw_image_features": "floor: frozen backbone",
    "raw_audio_sequence": "floor: mean YAMNet frame",
}
COMPARED_NAMES = {
    "wrong_sound": "control: photo with a call of another class",
    "wrong_photo": "control: call with a photo of another class",
    "image_class_mean": "floor: nearest class mean, photo",
    "audio_class_mean": "floor: nearest class mean, call",
    "image_logistic": "floor: logistic regression, photo",
    "audio_logistic": "floor: logistic regression, call",
    "both_logistic": "floor: logistic regression, both added",
}
COMPARISONS = (
    "Every photo (below: every recording) counts once, and each way is asked with the same ones. The "
    "difference is the precision of photo and call together less that of the row: an interval that holds 0 "
    "says that the two cannot be told apart. If the control is as good as photo and call together, the other "
    "modality adds nothing. The floors use features that were not trained; C of the regression is chosen by "
    "cross-validation within the gallery."
)
METRICS = (
    "Each query is compared with everything in its gallery by cosine similarity. P@1 is the share of "
    "queries whose nearest neighbour is of their class. With R right ones in the gallery, R-precision "
    "is the share of right ones among the R nearest, and mAP@R gives more weight to those in front. "
    "Ties count against the encoder. Guessing is what a neighbour drawn at random would give."
)
ROWS = (
    "Photo and call together ask pairs among pairs; pairs are drawn so that the files of a class are "
    "used about equally. With the sound or the photo absent, each photo or recording asks once among "
    "the same pairs. Photos among photos and calls among calls have one modality on both sides, each "
    "file once."
)
INTERVALS = (
    "The intervals are bootstrap intervals over sources: photos and recordings are drawn again with "
    "replacement, and all that was asked with them comes along (for pairs, both at once: Owen's "
    "pigeonhole bootstrap, which errs on the wide side). They say how figures might differ with other "
    "files of the same kind, not with other places, other years or another training."
)
SOURCES = (
    "Files of different bytes are taken for independent; where several are of one outing or one animal, "
    "figures are too good. A gallery that was trained on lies closer together than new material would."
)
NO_FAILURE = (
    "An interval from 1 to 1 only says that no query failed: none of n sources fails quite often even "
    "where 3 in n would in the long run."
)
QUERY_SHEET = (
    f"Left, a photo that was held out and its call (the first {SHOWN_SECONDS:g} s, low pitch below); "
    "then the nearest pairs of the gallery with their cosine similarity, ✓ where the class is right. Of "
    "pairs with one photo only the nearest is shown; the last is the nearest of the right class, if "
    "none before it is. The gap is how much nearer the right class is than the best wrong one: below 0 "
    "the answer is wrong."
)


def explanation(evaluation: Evaluation) -> list[str]:
    """How the numbers of an evaluation came about, in paragraphs."""
    pairs = evaluation.queries.pairs
    num_photos, num_recordings = len(set(pairs.image_sources)), len(set(pairs.recording_sources))
    made_of = f"The queries are made of {num_photos} photos and {num_recordings} recordings. "
    if min(num_photos, num_recordings) < FEW_SOURCES:
        made_of += "So few make even the intervals uncertain. "
    texts = [METRICS, ROWS, INTERVALS, made_of + SOURCES]
    versions = library_versions()
    made_by = ", ".join(f"{name} {versions[name]}" for name in ("fused-encoder", "tensorflow"))
    encoder = fingerprint_of(evaluation.queries.by_pattern["fused"]) or "unknown"
    texts.append(f"Made of the encoder with the fingerprint {encoder}, by {made_by}.")
    if any(row["precision_at_1_low"] == 1 for row in evaluation.rows.values()):
        texts.append(NO_FAILURE)
    return texts
