"""What each part of the recipe is worth: the nine_species protocol with one thing changed at a time.

python benchmarks/recipe_ablation.py [--splits 10] [--only NAME ...] [--store DIR] [--json FILE]

Protocol and data as in `retrieval_quality.py`. The differences between variants are small against the
spread between splits: splits are the same for all variants, so compare row by row, and trust no
difference below 0.02.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import numpy as np
from retrieval_quality import NINE_SPECIES, SHARED, nine_species_media, rows_of, train

from training import MinedTriplets, TrainingOptions, recommended_encoder
from training.sides import split_media
from triplets import FeatureStore

Changes = dict[str, Any]  # Any: keyword arguments of several types
VARIANTS: dict[str, tuple[Changes, Changes]] = {
    # name: (changes of the options, changes of the encoder)
    "the recipe": ({}, {}),
    "published fusion (BiLSTM, concatenated)": ({}, {"fusion": "concatenate"}),
    "one look at each photo": ({}, {"photo_views": "one"}),
    "modality dropout 0.2": ({}, {"modality_dropout": 0.2}),
    "photos varied, four looks each": ({"augment": True}, {}),
    "without the class loss": ({"class_scale": None}, {}),
    "class scale 16": ({"class_scale": 16.0}, {}),
    "semi-hard triplets": ({"loss_mining": "semi-hard"}, {}),
    "sound heard 5 s at a time": ({"audio_window_seconds": None}, {}),
    "mined triplets, as published": (
        {
            "batches": MinedTriplets(num_triplets_per_class=30),
            "loss_mining": None,
            "class_scale": None,
            "learning_rate": 1e-3,
        },
        {"fusion": "concatenate", "photo_views": "one", "modality_dropout": 0.2},
    ),
}
COLUMNS = ("fused", "without_sound", "without_photo", "image_only", "audio_only")


def main() -> None:
    """Prints one row per variant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--only", choices=VARIANTS, nargs="+", default=tuple(VARIANTS))
    parser.add_argument("--store", type=Path, help="folder for features (default: a temporary one)")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("FUSED_ENCODER_WEIGHTS", str(SHARED / "weights"))
    print(
        f"{'P@1, mean of ' + str(options.splits) + ' splits':<42}"
        + "".join(f"{c:>15}" for c in COLUMNS)
    )
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(options.store or folder)
        for name in options.only:
            means = measure(name, options.splits, store)
            print(f"{name:<42}" + "".join(f"{mean:>15.3f}" for mean in means), flush=True)
            figures |= {f"{name}: {column}": m for column, m in zip(COLUMNS, means, strict=True)}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def measure(name: str, num_splits: int, store: FeatureStore) -> list[float]:
    """The mean P@1 of each column, over splits."""
    options_changes, encoder_changes = VARIANTS[name]
    media, yamnet = nine_species_media(store)
    create = partial(recommended_encoder, **encoder_changes)
    rows = []
    for seed in range(num_splits):
        options: TrainingOptions = replace(NINE_SPECIES, seed=seed, **options_changes)
        gallery, queries = split_media(
            media, held_out_fraction=options.held_out_fraction, seed=seed
        )
        encoder = train(create, gallery, options, store)
        found = rows_of((encoder, yamnet, options), gallery, queries)
        rows.append([found[column]["precision_at_1"] for column in COLUMNS])
    return [float(mean) for mean in np.mean(rows, axis=0)]


if __name__ == "__main__":
    main()
