"""Whether training the backbone's last block too finds more nyalas than the frozen backbone.

python benchmarks/fine_tuning.py [--splits 5] [--epochs 15] [--ways WAY ...] [--fused] [--store DIR]

Photos, splits and individuals are those of benchmarks/photo_individuals.py: 60 nyalas, split by encounter;
the 40 that chose nothing ask, in a gallery of all 60, photos of their own flank. Each encoder is trained on
the gallery photos of the 40. P@1 by photo, mean over splits, with 95 % bootstrap intervals over encounters.

- `raw`: frozen MobileNetV2 features, untrained; `frozen`: `train` as it is; `tuned`: `train --fine-tune`.
- `_no_flip`: photos are never flipped (`--no-flip`).
- `_fused`, with `--fused`: the 50 nearest ranked anew by shared points too, calibrated on the 20 others,
  which were not trained on.

`--choose` asks the other 20 individuals instead, with several learning rates and margins.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from common import read_options, report
from photo_individuals import (
    Photos,
    all_local_scores,
    interval,
    known_pairs,
    labelled,
    scan_nyalas,
    shortlist,
    unit_length,
)

from inference.matching import KeypointStore, RootSift, fit_match_calibration
from training import TrainingOptions, fit_encoder, recommended_encoder
from training.frozen_features import freeze_photos, trained_part
from triplets import FeatureStore, PreparedMedia, prepare_media, split_by_source
from triplets.photos import scale_photos

FROZEN, TUNED = ("none", TrainingOptions()), ("last_block", TrainingOptions.fine_tuning())
"""What of the backbone is trained, and how."""


def changed(way: tuple, **changes: object) -> tuple:
    """The way with other training options."""
    return way[0], replace(way[1], **changes)


WAYS = {
    "frozen": FROZEN,
    "frozen_no_flip": changed(FROZEN, flip=False),
    "tuned": TUNED,
    "tuned_no_flip": changed(TUNED, flip=False),
}
CHOICES = {"frozen_no_flip": WAYS["frozen_no_flip"]} | {
    f"tuned_rate_{rate:g}_margin_{margin:g}": changed(
        TUNED, learning_rate=rate, class_margin=margin, flip=False
    )
    for rate in (1e-4, 3e-4, 1e-3)
    for margin in (0.0, 0.2)
}


@dataclass(frozen=True, eq=False)
class Study:
    """The photos, as the benchmark of local matching reads them and as training does."""

    photos: Photos
    media: PreparedMedia
    store: FeatureStore


def main() -> None:
    """Trains and asks, over the splits."""
    options = read_options(
        __doc__, splits=5, epochs=15, ways=tuple(WAYS), fused=False, store=Path, choose=False
    )
    store = FeatureStore(options.store)
    files = scan_nyalas()
    media = prepare_media(files, store=store)
    frozen = freeze_photos(recommended_encoder().get_layer("image_trunk"), media, store=store)
    raw = unit_length(np.stack([frozen.load(row, None) for row in range(len(frozen))]))
    keypoints = KeypointStore(RootSift(), store.directory / "keypoints")
    points = [keypoints.get(file.path) for file in files.images] if options.fused else []
    photos = labelled(files, raw, points)
    study = Study(photos, media, store)
    ways = CHOICES if options.choose else {name: WAYS[name] for name in options.ways}
    ways = {name: changed(way, epochs=options.epochs) for name, way in ways.items()}
    asked = [ask(study, seed, ways, options.choose) for seed in range(options.splits)]
    encounter = photos.encounter[np.concatenate([each.pop("row") for each in asked])]
    hits = {way: np.concatenate([each[way] for each in asked]) for way in asked[0]}
    found = {"queries": float(len(encounter))}
    for way, each in hits.items():
        found |= _with_ends(f"{way}_p1", interval(each, encounter))
        if "frozen" in hits and way.startswith("tuned"):
            gain = interval(each - hits["frozen"], encounter)
            found |= _with_ends(f"{way}_minus_frozen", gain)
    report(options.json, found)


def ask(study: Study, seed: int, ways: dict, choose: bool) -> dict[str, np.ndarray]:
    """Of one split: the rows that asked, and for each way whether the answer was right."""
    photos = study.photos
    row_of = {path: row for row, path in enumerate(photos.paths)}
    known, asking = (
        np.array([row_of[file.path] for file in side.images])
        for side in split_by_source(photos.files, seed=seed)
    )
    asking = asking[photos.is_chosen_on[asking] == choose]
    rows = known[photos.is_chosen_on[known] == choose]
    hits = {"row": asking, "raw": right(photos, asking, known, photos.raw)}
    for name, way in ways.items():
        features = embed(study, rows, *changed(way, seed=seed))
        hits[name] = right(photos, asking, known, features)
        if photos.points:
            hits[f"{name}_fused"] = right_in_detail(photos, asking, known, features)
        told = {way: round(float(hit.mean()), 3) for way, hit in hits.items() if way != "row"}
        print(seed, told, flush=True)
    return hits


def embed(study: Study, rows: np.ndarray, trainable: str, how: TrainingOptions) -> np.ndarray:
    """The embeddings of all photos by an encoder that was trained on these rows, float32 [num, 128]."""
    keras.utils.set_random_seed(how.seed)
    size = study.media.front_end.embedding_size  # of no sound
    encoder = recommended_encoder(
        image_trainable=trainable, flip=how.flip, audio_size=size, seed=how.seed
    )
    classes = sorted({study.media.images[row].class_index for row in rows})
    images = tuple(
        replace(
            study.media.images[row], class_index=classes.index(study.media.images[row].class_index)
        )
        for row in rows
    )
    names = tuple(study.media.class_names[index] for index in classes)
    trained_on = replace(study.media, class_names=names, images=images)
    fit_encoder(encoder, trained_on, None, how, store=study.store, progress=False)
    part = trained_part(encoder, study.media, None, replace(how, augment=False), study.store, False)
    items = np.stack([part.photos.load(row, None) for row in range(len(study.media.images))])
    inputs = {"image_input": scale_photos(items), "audio_input": np.zeros((len(items), 2, size))}
    return part.encoder.predict(inputs, verbose=0)


def right(
    photos: Photos, asking: np.ndarray, known: np.ndarray, features: np.ndarray
) -> np.ndarray:
    """Whether the nearest photo of the query's flank shows its individual, float [num_asking]."""
    nearest = [shortlist(photos, query, known, features, True)[0] for query in asking]
    return (photos.who[nearest] == photos.who[asking]).astype(float)


def right_in_detail(
    photos: Photos, asking: np.ndarray, known: np.ndarray, features: np.ndarray
) -> np.ndarray:
    """The same by embedding and shared points, float [num_asking]."""
    first, second, local = known_pairs(photos)[True]
    similarity = np.sum(features[first] * features[second], axis=1)
    is_same = photos.who[first] == photos.who[second]
    calibration = fit_match_calibration(similarity, local, is_same, features=RootSift().name)
    near_of = [shortlist(photos, query, known, features, True) for query in asking]
    local_of = all_local_scores(photos, asking, near_of)
    best = [
        near[np.argmax(calibration.probability(features[near] @ features[query], local))]
        for query, near, local in zip(asking, near_of, local_of, strict=True)
    ]
    return (photos.who[best] == photos.who[asking]).astype(float)


def _with_ends(name: str, values: tuple[float, float, float]) -> dict[str, float]:
    return {f"{name}{end}": value for end, value in zip(("", "_low", "_high"), values, strict=True)}


if __name__ == "__main__":
    main()
