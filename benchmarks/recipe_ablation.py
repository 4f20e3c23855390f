"""What each part of the recipe is worth: the nine_species protocol with one thing changed at a time.

python benchmarks/recipe_ablation.py [--splits 10] [--only NAME ...] [--store DIR] [--json FILE]

Protocol, splits and data as in `retrieval_quality.py`. Differences between variants are small against the
spread between splits: compare row by row, and trust no difference below 0.02.
"""

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from common import Figures, nine_species, read_options, report
from retrieval_quality import NINE_SPECIES, rows_of

from training import MinedTriplets, recommended_encoder
from training.sides import split_media
from triplets import FeatureStore

VARIANTS: dict[str, tuple[dict, dict]] = {
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
    """Measures the mean P@1 over splits of each variant."""
    options = read_options(__doc__, splits=10, only=tuple(VARIANTS), store=Path)
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(options.store or folder)
        media, yamnet = nine_species(store, max_audio_seconds=None)
        for name in options.only:
            print(name, flush=True)
            of_options, of_encoder = VARIANTS[name]
            create = partial(recommended_encoder, **of_encoder)
            splits = []
            for seed in range(options.splits):
                changed = replace(NINE_SPECIES, seed=seed, **of_options)
                sides = split_media(media, held_out_fraction=changed.held_out_fraction, seed=seed)
                splits.append(rows_of(create, sides[0], sides, yamnet, changed, store))
            for column in COLUMNS:
                mean = np.mean([split[column]["precision_at_1"] for split in splits])
                figures[f"{name}: {column}"] = float(mean)
    report(options.json, figures)


if __name__ == "__main__":
    main()
