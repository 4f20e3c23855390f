"""`fused-encoder train`: folders to a training run on disk."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.destination import check_destination
from app.cli.options import add_class_folders, add_command, add_mining, labelled_files
from app.cli.outcome import import_tensorflow_quietly, outcome

if TYPE_CHECKING:
    import keras

    from fused_encoder import AudioFrontEnd
    from training import TrainingOptions
    from triplets import LabelledFiles

UNFINISHED = "unfinished"


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "train", "train an encoder on photos, recordings, or both")
    add_class_folders(parser)
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="where the run is written; an interrupted run continues when it is started again",
    )
    _add_network(parser.add_argument_group("the network"))
    _add_recipe(parser.add_argument_group("the recipe"))
    group = parser.add_argument_group("with --batches triplets (as published)")
    add_mining(group)
    group.add_argument("--batch-size", type=int, default=8, metavar="N", help="triplets per step")
    group.add_argument(
        "--remine-every", type=int, metavar="EPOCHS", help="mine anew with the encoder"
    )
    parser.add_argument(
        "--held-out", type=float, default=0.25, metavar="SHARE", help="of each class's files"
    )
    parser.add_argument(
        "--audio-window-seconds",
        type=float,
        metavar="S",
        help="audio window length when embedding (default: as --audio-seconds)",
    )
    parser.add_argument(
        "--max-audio-seconds", type=float, default=30.0, metavar="S", help="read of a recording"
    )


def _add_network(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--image-backbone", default="mobilenet_v2", metavar="NAME", help="see docs")
    group.add_argument(
        "--image-weights", default="imagenet", metavar="WHAT", help="'imagenet', 'none', or a file"
    )
    group.add_argument(
        "--image-trainable",
        choices=("none", "last_block", "all"),
        help="what of the backbone is trained (default: none if pretrained, else all)",
    )
    group.add_argument(
        "--photo-views",
        choices=("one", "zooms"),
        help="looks at each photo: one, or eight (default: zooms if the backbone is frozen)",
    )
    group.add_argument(
        "--fusion", choices=("additive", "concatenate"), default="additive", help="see docs"
    )
    group.add_argument(
        "--modality-dropout",
        type=float,
        default=0.67,
        metavar="SHARE",
        help="of training items, whose photo or call is hidden",
    )
    group.add_argument(
        "--precision",
        choices=("float32", "mixed_float16", "mixed_bfloat16"),
        default="float32",
        help="numeric precision",
    )


def _add_recipe(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--batches", choices=("pairs", "triplets"), default="pairs", help="what a step is made of"
    )
    group.add_argument("--epochs", type=int, default=15, help="validation follows each")
    group.add_argument("--steps-per-epoch", type=int, default=20, metavar="N", help="with pairs")
    group.add_argument("--classes-per-batch", type=int, default=12, metavar="P", help="with pairs")
    group.add_argument("--pairs-per-class", type=int, default=3, metavar="K", help="with pairs")
    group.add_argument(
        "--sampling",
        choices=("class_balanced", "square_root", "by_file"),
        default="class_balanced",
        help="how often a class is drawn, with pairs",
    )
    group.add_argument("--learning-rate", type=float, default=3e-3, metavar="R", help="at its peak")
    group.add_argument("--margin", type=float, default=0.2, help="of the triplet loss")
    group.add_argument(
        "--loss-mining",
        choices=("all", "hard", "semi-hard", "easy-positive", "none"),
        default="hard",
        help="of triplets in a batch",
    )
    group.add_argument(
        "--class-scale",
        type=float,
        default=8.0,
        metavar="S",
        help="of the class loss beside the triplet loss; 0: triplet loss alone",
    )
    group.add_argument("--no-augment", action="store_true", help="photos as they are")
    group.add_argument(
        "--no-cache-frozen",
        action="store_true",
        help="look at every photo at every step, though the backbone is frozen",
    )


def run(options: argparse.Namespace) -> int:
    """Trains and writes the run."""
    check_destination(options.out, "run.json", UNFINISHED)
    files, held_out = labelled_files(options, min_sources_per_class=2)
    import_tensorflow_quietly()
    import keras

    from fused_encoder.front_ends.by_name import load_front_end
    from training import train_encoder
    from training.run import save_run

    how = _training_options(options)
    keras.utils.set_random_seed(options.seed)  # for the encoder's weights
    yamnet = load_front_end(options.front_end) if files.recordings else None
    trained = train_encoder(
        yamnet=yamnet,
        files=files,
        held_out=held_out,
        encoder=_encoder(options, files, yamnet),
        options=how,
        backup_dir=Path(options.out) / UNFINISHED,
    )
    save_run(options.out, trained, how, yamnet_source=options.front_end, yamnet=yamnet)
    last = {name: values[-1] for name, values in trained.history.items()}
    print(
        f"Trained on {len(trained.training.images)} photos and {len(trained.training.recordings)} "
        f"recordings of {len(trained.training.class_names)} classes: loss {last['loss']:.4f}, "
        f"precision at 1 on held-out files {last['val_precision_at_1']:.3f}. "
        f"The run is in '{options.out}'; next: fused-encoder evaluate {options.out}"
    )
    return outcome(trained.skipped)


def _encoder(
    options: argparse.Namespace, files: LabelledFiles, yamnet: AudioFrontEnd | None
) -> keras.Model:
    from fused_encoder.front_ends.yamnet import as_front_end
    from training import recommended_encoder
    from training.precision import with_dtype_policy

    with with_dtype_policy(options.precision):
        return recommended_encoder(
            image_backbone=options.image_backbone if files.images else None,
            audio_size=as_front_end(yamnet).embedding_size,
            image_weights=None if options.image_weights == "none" else options.image_weights,
            image_trainable=options.image_trainable,
            photo_views=options.photo_views,
            fusion=options.fusion,
            modality_dropout=options.modality_dropout,
            seed=options.seed,
        )


def _training_options(options: argparse.Namespace) -> TrainingOptions:
    from training.options import MinedTriplets, PairBatches, TrainingOptions

    batches: PairBatches | MinedTriplets
    if options.batches == "triplets":
        batches = MinedTriplets(
            num_triplets_per_class=options.triplets_per_class,
            batch_size=options.batch_size,
            mining=options.mining,
            remine_every=options.remine_every,
        )
    else:
        batches = PairBatches(
            classes_per_batch=options.classes_per_batch,
            pairs_per_class=options.pairs_per_class,
            steps_per_epoch=options.steps_per_epoch,
            sampling=options.sampling,
        )
    return TrainingOptions(
        batches=batches,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        margin=options.margin,
        loss_mining=None if options.loss_mining == "none" else options.loss_mining,
        class_scale=options.class_scale or None,
        augment=False if options.no_augment else None,
        cache_frozen=not options.no_cache_frozen,
        audio_seconds=options.audio_seconds,
        audio_window_seconds=options.audio_window_seconds,
        max_audio_seconds=options.max_audio_seconds,
        held_out_fraction=options.held_out,
        seed=options.seed,
    )
