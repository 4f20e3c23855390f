"""How often held-out photos and calls find their class, with the recipe of `train_encoder`.

python benchmarks/retrieval_quality.py [--only PART ...] [--front-end yamnet|birdnet] [--splits 10]
                                       [--recipe] [--store DIR] [--json FILE]

The parts:

- `nine_species`: mean over splits, seeds 0 to 9, 40 % of each species' sources held out; all pairs of
  held-out files ask all pairs of the gallery, and all of a recording is used. Beside it the ways of asking
  that are simpler, and a call of another class, per photo and per recording; the intervals are over the
  photos (recordings) of all splits.
- `warbler_songs`, `bird_images_100`: likewise, recordings only and photos only.
- `unseen_species`: each third of the nine species in turn is left out of training and asked among itself.
- `aviary`: generated birds, individuals as classes, held-out recordings and photos.
- `unseen_individuals`: two of the four individuals of each species are left out of training.

With `--recipe`, instead: `nine_species` with one thing changed at a time. Trust no difference below 0.02.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
from common import (
    Figures,
    data_folder,
    nine_species,
    print_table,
    read_options,
    report,
    weights_folder,
)

from app.demo import AVIARY_OPTIONS
from aviary import write_aviary
from fused_encoder import LogMelFeatures, load_front_end
from fused_encoder.front_ends.contract import AudioFrontEnd
from fused_encoder.front_ends.yamnet import Yamnet
from inference import Embedder
from training import (
    MinedTriplets,
    TrainingOptions,
    evaluate_encoder,
    fit_encoder,
    recommended_encoder,
)
from training.evaluate import Evaluation
from training.paired_hits import Comparison, pooled
from training.sides import split_gallery_queries, split_media
from triplets import FeatureStore, PreparedMedia, prepare_media, scan_folders

NINE_SPECIES = TrainingOptions(
    held_out_fraction=0.4, audio_window_seconds=45.0, max_audio_seconds=None
)
PUBLISHED = {
    "batches": MinedTriplets(num_triplets_per_class=30),
    "loss_mining": None,
    "class_scale": None,
    "learning_rate": 1e-3,
}
VARIANTS: dict[str, tuple[dict, dict]] = {  # changes of the options, and of the encoder
    "the recipe": ({}, {}),
    "without the head start": ({"head_start": None}, {}),
    "published fusion (BiLSTM, concatenated)": ({}, {"fusion": "concatenate"}),
    "one look at each photo": ({}, {"photo_views": "one"}),
    "modality dropout 0.2": ({}, {"modality_dropout": 0.2}),
    "photos varied, four looks each": ({"augment": True}, {}),
    "without the class loss": ({"class_scale": None}, {}),
    "class scale 16": ({"class_scale": 16.0}, {}),
    "semi-hard triplets": ({"loss_mining": "semi-hard"}, {}),
    "audio window of 5 s": ({"audio_window_seconds": None}, {}),
    "mined triplets, as published": (
        PUBLISHED,
        {"fusion": "concatenate", "photo_views": "one", "modality_dropout": 0.2},
    ),
}
COMPARED = ("P@1", "main less it", "low", "high")  # in the order of `Comparison`
Sides = tuple[PreparedMedia, PreparedMedia]  # gallery, queries
small_encoder = partial(recommended_encoder, image_backbone="small_cnn", image_weights=None)


def main() -> None:
    """Measures the parts, or the recipe."""
    parts = {
        "nine_species": lambda: known_species(store, options.splits, options.front_end),
        "warbler_songs": lambda: one_kind(store, options.splits, "songs", options.front_end),
        "bird_images_100": lambda: one_kind(store, options.splits, "photos"),
        "unseen_species": lambda: unseen_species(store),
        "aviary": lambda: aviary(store, Path(folder)),
        "unseen_individuals": lambda: unseen_individuals(store, Path(folder)),
    }
    options = read_options(
        __doc__, only=tuple(parts), front_end="yamnet", splits=10, recipe=False, store=Path
    )
    weights_folder()
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(options.store or folder)
        if options.recipe:
            figures |= recipe(store, options.splits)
        for name in () if options.recipe else options.only:
            figures |= parts[name]()
    report(options.json, figures)


def recipe(store: FeatureStore, num_splits: int) -> Figures:
    """Each variant as in `nine_species`, paired per photo and per recording."""
    figures: Figures = {}
    media, yamnet = nine_species(store, max_audio_seconds=None)
    for name, (of_options, of_encoder) in VARIANTS.items():
        options = replace(NINE_SPECIES, **of_options)
        create = partial(recommended_encoder, **of_encoder)
        splits = list(evaluations(store, media, yamnet, num_splits, options, create))
        figures |= means_over(splits, name, f"{name}: ")
        for rows in compared(splits):
            figures |= {
                f"{name}: {row.name}_p1_per_{row.per}": row.precision_at_1 for row in rows.values()
            }
    return figures


def known_species(store: FeatureStore, num_splits: int, front_end_name: str = "yamnet") -> Figures:
    """Known species, files that were not trained on."""
    media, front_end = nine_species(store, load_front_end(front_end_name), max_audio_seconds=None)
    splits = list(evaluations(store, media, front_end, num_splits))
    prefix = "" if front_end_name == "yamnet" else f"{front_end_name}_"
    figures = means_over(splits, f"nine_species, mean of {num_splits} splits", prefix)
    by_photo, by_recording = compared(splits)
    photos_alone = (by_photo["image_only"], by_photo["without_sound"])
    return figures | {
        "splits": num_splits,
        f"{prefix}fused_p1_sd": float(np.std([s.rows["fused"]["precision_at_1"] for s in splits])),
        f"{prefix}fused_p1": by_photo["fused"].precision_at_1,
        f"{prefix}without_sound_p1": by_photo["without_sound"].precision_at_1,
        f"{prefix}image_logistic_p1": by_photo["image_logistic"].precision_at_1,
        f"{prefix}wrong_sound_p1": by_photo["wrong_sound"].precision_at_1,
        "late_fusion_p1": by_photo["both_logistic"].precision_at_1,
        f"{prefix}fused_minus_photo_low": min(row.difference_low for row in photos_alone),
        f"{prefix}audio_only_p1": by_recording["audio_only"].precision_at_1,
        f"{prefix}audio_logistic_p1": by_recording["audio_logistic"].precision_at_1,
    }


def one_kind(
    store: FeatureStore, num_splits: int, kind: str, front_end_name: str = "yamnet"
) -> Figures:
    """Photos among photos (`bird_images_100`), or recordings among recordings (`warbler_songs`)."""
    is_photos = kind == "photos"
    folder = data_folder("bird_images_100" if is_photos else "warbler_songs")
    front_end = None if is_photos else load_front_end(front_end_name)
    media = prepare_media(
        scan_folders(folder) if is_photos else scan_folders(None, folder),
        front_end,
        store=store,
        max_audio_seconds=None,
        progress=False,
    )
    (rows,) = compared(list(evaluations(store, media, front_end, num_splits)))
    name = "image" if is_photos else "audio"
    return {
        f"{kind}_p1": rows[f"{name}_only"].precision_at_1,
        f"{kind}_floor_p1": rows[f"{name}_logistic"].precision_at_1,
        f"{kind}_minus_floor_low": rows[f"{name}_logistic"].difference_low,
        f"{kind}_minus_floor_high": rows[f"{name}_logistic"].difference_high,
    }


def evaluations(
    store: FeatureStore,
    media: PreparedMedia,
    front_end: Yamnet | AudioFrontEnd | None,
    num_splits: int,
    options: TrainingOptions = NINE_SPECIES,
    create: Callable[..., keras.Model] = recommended_encoder,
) -> Iterator[Evaluation]:
    """The evaluation of each seeded split."""
    for seed in range(num_splits):
        sides = split_media(media, held_out_fraction=options.held_out_fraction, seed=seed)
        yield evaluated(create, sides[0], sides, front_end, replace(options, seed=seed), store)


def compared(splits: list[Evaluation]) -> list[dict[str, Comparison]]:
    """Prints and gives, per photo and per recording, every way of asking beside the main one."""
    tables = []
    for each in zip(*(split.hits for split in splits), strict=True):
        rows = {row.name: row for row in pooled(each).compared()}
        print_table(
            f"per {each[0].per}",
            {
                name: dict(zip(COMPARED, astuple(row)[2:6], strict=True))
                for name, row in rows.items()
            },
        )
        tables.append(rows)
    return tables


def unseen_species(store: FeatureStore) -> Figures:
    """Species that were never trained on, three of nine at a time, asked among themselves."""
    media, yamnet = nine_species(store, max_audio_seconds=None)
    every = set(range(len(media.class_names)))
    folds = []
    for fold in range(3):
        unseen = set(range(fold, len(every), 3))
        sides = split_gallery_queries(only(media, unseen), query_fraction=0.4, seed=fold)
        known = only(media, every - unseen)
        folds.append(evaluated(recommended_encoder, known, sides, yamnet, NINE_SPECIES, store))
    return means_over(folds, "species never trained on, mean of 3 folds", "unseen_species_")


def aviary(store: FeatureStore, folder: Path) -> Figures:
    """Generated birds: individuals that are known, photos and recordings that are not."""
    sides = aviary_media(store, folder)
    rows = evaluated(small_encoder, sides[0], sides, LogMelFeatures(), AVIARY_OPTIONS, store)
    figures = means_over([rows], "aviary, standard size, seed 0", "aviary_")
    best = max(figures["aviary_image_only_p1"], figures["aviary_audio_only_p1"])
    return figures | {"aviary_best_single_p1": best}


def unseen_individuals(store: FeatureStore, folder: Path) -> Figures:
    """Generated birds: individuals that were never trained on, asked among themselves."""
    training, held_out = aviary_media(store, folder)
    unseen = {index for index in range(len(training.class_names)) if index % 4 >= 2}
    known = only(training, set(range(len(training.class_names))) - unseen)
    sides = only(training, unseen), only(held_out, unseen)
    rows = evaluated(small_encoder, known, sides, LogMelFeatures(), AVIARY_OPTIONS, store)
    title = f"aviary, {len(unseen)} individuals never trained on"
    return means_over([rows], title, "unseen_individuals_")


def evaluated(
    create: Callable[..., keras.Model],
    trained_on: PreparedMedia,
    sides: Sides,
    front_end: Yamnet | AudioFrontEnd | None,
    options: TrainingOptions,
    store: FeatureStore,
) -> Evaluation:
    """Trains an encoder, and asks all pairs of the queries."""
    keras.utils.set_random_seed(options.seed)
    has_photos = {} if trained_on.images else {"image_backbone": None}
    size = trained_on.front_end.embedding_size
    encoder = create(seed=options.seed, audio_size=size, **has_photos)
    fit_encoder(encoder, trained_on, None, options, store=store, progress=False)
    embedder = Embedder.from_encoder(
        encoder, front_end, audio_seconds=options.window_seconds, max_windows=options.max_windows
    )
    return evaluate_encoder(embedder, *sides, encoder=encoder, max_pairs_per_class=None)


def aviary_media(store: FeatureStore, folder: Path) -> Sides:
    """The generated birds, to train on and held out."""
    birds = write_aviary(folder / "aviary", size="standard", seed=0, shows_progress=False)
    gallery, queries = (
        prepare_media(side, LogMelFeatures(), store=store, progress=False)
        for side in (
            scan_folders(birds.images, birds.audio),
            scan_folders(birds.held_out_images, birds.held_out_audio, min_sources_per_class=1),
        )
    )
    return gallery, queries


def only(media: PreparedMedia, classes: set[int]) -> PreparedMedia:
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


def means_over(splits: list[Evaluation], title: str, prefix: str = "") -> Figures:
    """Prints, for each way of asking, the means over splits; gives P@1 and mAP@R by their keys."""
    table: dict[str, Figures] = {}
    figures: Figures = {}
    for name in splits[0].rows:
        rows = [split.rows[name] for split in splits]
        num_queries, precision, map_at_r = (
            float(np.mean([row[key] for row in rows]))
            for key in ("num_queries", "precision_at_1", "mean_average_precision_at_r")
        )
        lowest = min(row["precision_at_1"] for row in rows)
        table[name] = {
            "queries": num_queries,
            "P@1": precision,
            "mAP@R": map_at_r,
            "lowest P@1": lowest,
        }
        figures |= {f"{prefix}{name}_p1": precision, f"{prefix}{name}_map_at_r": map_at_r}
    print_table(title, table)
    return figures


if __name__ == "__main__":
    main()
