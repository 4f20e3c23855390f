"""How often held-out photos and calls find their class, with the recipe of `train_encoder`.

python benchmarks/retrieval_quality.py [--only nine_species|unseen_species|aviary|unseen_individuals]
                                       [--splits 10] [--json FILE]

nine_species: mean over splits, seeds 0 to 9 of `split_by_source`, 40 % of each species' sources held out;
all pairs of held-out files ask all pairs of the gallery, and all of a recording is used. unseen_species:
each third of the nine species in turn is left out of training and asked among itself. aviary: generated
birds, individuals as classes, held-out recordings and photos. unseen_individuals: two of the four
individuals of each species are left out of training. Real data are found in FUSED_ENCODER_DATA (default
../shared/data), weights in FUSED_ENCODER_WEIGHTS (default ../shared/weights). Features that no split
changes are computed once.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import keras
import numpy as np

from app.demo import AVIARY_OPTIONS
from aviary import write_aviary
from fused_encoder import LogMelFeatures, create_fused_encoder, load_yamnet
from fused_encoder.front_ends.yamnet import Yamnet
from inference import Embedder
from inference.metrics import retrieval_metrics
from training import TrainingOptions, evaluate_encoder, fit_encoder, recommended_encoder
from training.floors import frozen_image_features
from training.sides import split_gallery_queries, split_media
from triplets import FeatureStore, PreparedMedia, prepare_media, scan_folders

SHARED = Path(__file__).resolve().parents[2] / "shared"
NINE_SPECIES = TrainingOptions(
    held_out_fraction=0.4, audio_window_seconds=45.0, max_audio_seconds=None
)
ROWS = {
    "fused": "fused",
    "without_sound": "sound absent",
    "without_photo": "photo absent",
    "image_only": "photos among photos",
    "audio_only": "calls among calls",
    "raw_image": "raw: backbone's features",
    "raw_image_features": "raw: of eight looks",
    "raw_pixels": "raw: pixels",
    "raw_audio_sequence": "raw: mean YAMNet frame",
}
Row = dict[str, float]
Trained = tuple[keras.Model, Yamnet, TrainingOptions]


def main() -> None:
    """Prints a table for each part."""
    parts = {
        "nine_species": nine_species,
        "unseen_species": unseen_species,
        "aviary": aviary,
        "unseen_individuals": unseen_individuals,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=parts, nargs="+", default=tuple(parts))
    parser.add_argument("--splits", type=int, default=10, help="of nine_species")
    parser.add_argument("--store", type=Path, help="folder for features (default: a temporary one)")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("FUSED_ENCODER_WEIGHTS", str(SHARED / "weights"))
    figures: Row = {}
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(options.store or folder)
        for name in options.only:
            figures |= parts[name](store, options.splits, Path(folder))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def nine_species(store: FeatureStore, num_splits: int, folder: Path) -> Row:
    """Known species, files that were not trained on: the protocol of the data's README."""
    media, yamnet = nine_species_media(store)
    splits = []
    for seed in range(num_splits):
        options = replace(NINE_SPECIES, seed=seed)
        gallery, queries = split_media(
            media, held_out_fraction=options.held_out_fraction, seed=seed
        )
        encoder = train(recommended_encoder, gallery, options, store)
        splits.append(rows_of((encoder, yamnet, options), gallery, queries))
        _print_split(seed, splits[-1])
    means = _means(splits, f"nine_species, mean of {num_splits} splits")
    fused, image, raw = (
        np.array([split[name]["precision_at_1"] for split in splits])
        for name in ("fused", "image_only", "raw_image")
    )
    figures = _keyed(means, "")
    return figures | {
        "splits": num_splits,
        "fused_p1_sd": float(np.std(fused)),
        "splits_fused_above_image": int(np.sum(fused > image)),
        "splits_fused_not_below_image": int(np.sum(fused >= image)),
        "splits_fused_above_raw_image": int(np.sum(fused > raw)),
    }


def unseen_species(store: FeatureStore, num_splits: int, folder: Path) -> Row:
    """Species that were never trained on, three of nine at a time, asked among themselves."""
    media, yamnet = nine_species_media(store)
    folds = []
    for fold in range(3):
        known, unseen = (_only(media, wanted) for wanted in _thirds(media, fold))
        encoder = train(recommended_encoder, known, NINE_SPECIES, store)
        gallery, queries = split_gallery_queries(unseen, query_fraction=0.4, seed=fold)
        folds.append(rows_of((encoder, yamnet, NINE_SPECIES), gallery, queries))
    return _keyed(_means(folds, "species never trained on, mean of 3 folds"), "unseen_species_")


def aviary(store: FeatureStore, num_splits: int, folder: Path) -> Row:
    """Generated birds: individuals that are known, photos and recordings that are not."""
    gallery, queries = _aviary(store, folder)
    encoder = train(_from_scratch, gallery, AVIARY_OPTIONS, store)
    rows = rows_of((encoder, LogMelFeatures(), AVIARY_OPTIONS), gallery, queries)
    figures = _keyed(_means([rows], "aviary, standard size, seed 0"), "aviary_")
    best = max(figures["aviary_image_only_p1"], figures["aviary_audio_only_p1"])
    return figures | {"aviary_best_single_p1": best}


def unseen_individuals(store: FeatureStore, num_splits: int, folder: Path) -> Row:
    """Generated birds: individuals that were never trained on, asked among themselves."""
    training, held_out = _aviary(store, folder)
    unseen = {index for index in range(len(training.class_names)) if index % 4 >= 2}
    known = set(range(len(training.class_names))) - unseen
    encoder = train(_from_scratch, _only(training, known), AVIARY_OPTIONS, store)
    sides = (_only(training, unseen), _only(held_out, unseen))
    rows = rows_of((encoder, LogMelFeatures(), AVIARY_OPTIONS), *sides)
    title = f"aviary, {len(unseen)} individuals never trained on"
    return _keyed(_means([rows], title), "unseen_individuals_")


def train(
    create: Callable[..., keras.Model],
    media: PreparedMedia,
    options: TrainingOptions,
    store: FeatureStore,
) -> keras.Model:
    """An encoder that `create` gives, trained on files that are prepared, without validation."""
    keras.utils.set_random_seed(options.seed)
    encoder = create(seed=options.seed)
    fit_encoder(encoder, media, None, options, store=store, progress=False)
    return encoder


def _from_scratch(*, seed: int) -> keras.Model:
    return recommended_encoder(image_backbone="small_cnn", image_weights=None, seed=seed)


def rows_of(trained: Trained, gallery: PreparedMedia, queries: PreparedMedia) -> dict[str, Row]:
    """The rows of `evaluate_encoder` over all pairs, and photos by one look of the backbone."""
    encoder, yamnet, options = trained
    embedder = Embedder.from_encoder(
        encoder, yamnet, audio_seconds=options.window_seconds, max_windows=options.max_windows
    )
    evaluation = evaluate_encoder(
        embedder, gallery, queries, encoder=encoder, max_pairs_per_class=None
    )
    rows = dict(evaluation.rows)
    if "raw_image_features" in rows:
        rows["raw_image"] = _one_look(gallery, queries)
    return rows


def _one_look(gallery: PreparedMedia, queries: PreparedMedia) -> Row:
    """Photos by what the pretrained backbone makes of them in one look."""
    describe = frozen_image_features(
        create_fused_encoder(image_backbone="mobilenet_v2", image_trainable="none")
    )
    if describe is None:
        raise ValueError("Expected a frozen backbone, received one that is trained.")
    asked, known = (describe([file.feature() for file in s.images]) for s in (queries, gallery))
    asked_classes, known_classes = (
        np.array([file.class_index for file in side.images]) for side in (queries, gallery)
    )
    return retrieval_metrics(asked, asked_classes, known, known_classes)


def nine_species_media(store: FeatureStore) -> tuple[PreparedMedia, Yamnet]:
    """All files of nine_species, prepared, and the YAMNet that heard them."""
    data = Path(os.environ.get("FUSED_ENCODER_DATA", SHARED / "data")) / "nine_species"
    yamnet = load_yamnet()
    folders = scan_folders(data / "images", data / "audio")
    return (
        prepare_media(folders, yamnet, max_audio_seconds=None, store=store, progress=False),
        yamnet,
    )


def _aviary(store: FeatureStore, folder: Path) -> tuple[PreparedMedia, PreparedMedia]:
    birds = write_aviary(folder / "aviary", size="standard", seed=0, shows_progress=False)
    sides = (
        scan_folders(birds.images, birds.audio),
        scan_folders(birds.held_out_images, birds.held_out_audio, min_sources_per_class=1),
    )
    gallery, queries = (
        prepare_media(side, LogMelFeatures(), store=store, progress=False) for side in sides
    )
    return gallery, queries


def _thirds(media: PreparedMedia, fold: int) -> tuple[set[int], set[int]]:
    unseen = set(range(fold, len(media.class_names), 3))
    return set(range(len(media.class_names))) - unseen, unseen


def _only(media: PreparedMedia, classes: set[int]) -> PreparedMedia:
    """The files of some classes, numbered anew."""
    number = {old: new for new, old in enumerate(sorted(classes))}
    images, recordings = (
        tuple(
            replace(f, class_index=number[f.class_index]) for f in files if f.class_index in number
        )
        for files in (media.images, media.recordings)
    )
    names = tuple(media.class_names[index] for index in sorted(classes))
    return replace(media, class_names=names, images=images, recordings=recordings)


def _means(splits: list[dict[str, Row]], title: str) -> dict[str, Row]:
    """Prints and returns, for each way of asking, the means over splits."""
    print(f"\n{title}\n{'asked with':<28}{'queries':>8}{'P@1':>8}{'mAP@R':>8}{'lowest P@1':>12}")
    means = {}
    for name, label in ROWS.items():
        rows = [split[name] for split in splits if name in split]
        if not rows:
            continue
        means[name] = {
            key: float(np.mean([row[key] for row in rows]))
            for key in ("num_queries", "precision_at_1", "mean_average_precision_at_r")
        }
        num, p1, mean_ap = means[name].values()
        lowest = min(row["precision_at_1"] for row in rows)
        print(f"{label:<28}{num:>8.0f}{p1:>8.3f}{mean_ap:>8.3f}{lowest:>12.3f}", flush=True)
    return means


def _keyed(means: dict[str, Row], prefix: str) -> Row:
    figures = {}
    for name, row in means.items():
        figures[f"{prefix}{name}_p1"] = row["precision_at_1"]
        figures[f"{prefix}{name}_map_at_r"] = row["mean_average_precision_at_r"]
    return figures


def _print_split(seed: int, rows: dict[str, Row]) -> None:
    shown: Iterable[str] = (name for name in ROWS if name in rows)
    listed = ", ".join(f"{name} {rows[name]['precision_at_1']:.2f}" for name in shown)
    print(f"split {seed}: {listed}", flush=True)


if __name__ == "__main__":
    main()
