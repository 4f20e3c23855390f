"""`fused-encoder train`: folders to a training run on disk."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.options import (
    add_class_folders,
    add_command,
    add_mining,
    choice,
    counted_files,
    labelled_files,
    switch,
    value,
)
from app.cli.outcome import check_destination, import_tensorflow_quietly, outcome

if TYPE_CHECKING:
    import keras

    from fused_encoder import AudioFrontEnd
    from training.options import MinedTriplets, PairBatches, TrainingOptions
    from triplets import LabelledFiles

UNFINISHED = "unfinished"


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "train", "train an encoder on photos, recordings, or both")
    add_class_folders(parser)
    out = "where the run is written; an interrupted run continues when it is started again"
    value(parser, "--out", str, "DIR", out, required=True)
    _add_network(parser.add_argument_group("the network"))
    _add_recipe(parser.add_argument_group("the recipe"))
    group = parser.add_argument_group("with --batches triplets (as published)")
    add_mining(group)
    value(group, "--batch-size", 8, "N", "triplets per step", least=1)
    value(group, "--remine-every", int, "EPOCHS", "mine anew with the encoder", least=1)
    share = "of each class's files"
    value(parser, "--held-out", 0.25, "SHARE", share, dest="held_out_fraction", above=0, below=1)
    window = "audio window length when embedding (default: as --audio-seconds)"
    value(parser, "--audio-window-seconds", float, "S", window)
    value(parser, "--max-audio-seconds", 30.0, "S", "read of a recording", above=0)


def _add_network(group: argparse._ArgumentGroup) -> None:
    value(group, "--image-backbone", "mobilenet_v2", "NAME", "see docs")
    value(group, "--image-weights", "imagenet", "WHAT", "'imagenet', 'none', or a file")
    trained = "what of the backbone is trained (default: none if pretrained, else all)"
    choice(group, "--image-trainable", ("none", "last_block", "all"), trained, default=None)
    views = "looks at each photo: one, or eight (default: zooms if the backbone is frozen)"
    choice(group, "--photo-views", ("one", "zooms"), views, default=None)
    tuned = "train the backbone's last block too, by ArcFace, in small steps: for many photos"
    switch(group, "--fine-tune", tuned)
    flips = "never flip photos left to right: where left and right flank differ"
    group.add_argument("--no-flip", dest="flip", action="store_false", help=flips)
    choice(group, "--fusion", ("additive", "concatenate"), "see docs")
    hidden = "of training items, whose photo or call is hidden"
    value(group, "--modality-dropout", 0.67, "SHARE", hidden, least=0, below=1)
    precisions = ("float32", "mixed_float16", "mixed_bfloat16")
    choice(group, "--precision", precisions, "numeric precision")


def _add_recipe(group: argparse._ArgumentGroup) -> None:
    choice(group, "--batches", ("pairs", "triplets"), "what a step is made of")
    value(group, "--epochs", 15, None, "validation follows each", least=1)
    value(group, "--steps-per-epoch", 20, "N", "with pairs", least=1)
    value(group, "--classes-per-batch", 12, "P", "with pairs", least=2)
    value(group, "--pairs-per-class", 3, "K", "with pairs", least=2)
    ways = ("class_balanced", "square_root", "by_file")
    choice(group, "--sampling", ways, "how often a class is drawn, with pairs")
    rate = "at its peak (default: 0.003, with --fine-tune 0.0003)"
    value(group, "--learning-rate", float, "R", rate, above=0)
    value(group, "--margin", 0.2, None, "of the triplet loss", above=0)
    mined = ("hard", "semi-hard", "easy-positive", "all", "none")
    choice(group, "--loss-mining", mined, "of triplets in a batch")
    scale = (
        "of the class loss (ArcFace) beside the triplet loss; 0: triplet loss alone (default: 8, with "
        "--fine-tune 16)"
    )
    value(group, "--class-scale", float, "S", scale, least=0)
    margin = "of the class loss, in radians (default: 0, with --fine-tune 0.2)"
    value(group, "--class-margin", float, "M", margin, least=0, below=1.57)
    group.add_argument(
        "--no-augment",
        dest="augment",
        action="store_const",
        const=False,
        help="photos as they are",
    )
    group.add_argument(
        "--no-cache-frozen",
        dest="cache_frozen",
        action="store_false",
        help="look at every photo at every step, though the backbone is frozen",
    )


def run(options: argparse.Namespace) -> int:
    """Trains and writes the run."""
    check_destination(options.out, "run.json", UNFINISHED)
    files, held_out, no_animal = labelled_files(options, min_sources_per_class=2)
    if options.fine_tune and not files.images:
        raise ValueError("--fine-tune is for photos, received recordings only. Leave it out.")
    import_tensorflow_quietly()
    import keras

    from fused_encoder.front_ends.by_name import load_front_end
    from training import train_encoder
    from training.run import save_run

    how = _training_options(options)
    keras.utils.set_random_seed(options.seed)  # for the encoder's weights
    front_end = load_front_end(options.front_end) if files.recordings else None
    trained = train_encoder(
        yamnet=front_end,
        files=files,
        held_out=held_out,
        encoder=_encoder(options, files, front_end),
        options=how,
        backup_dir=Path(options.out) / UNFINISHED,
    )
    save_run(options.out, trained, how, front_end_source=options.front_end, front_end=front_end)
    last = {name: values[-1] for name, values in trained.history.items()}
    num_classes = len(trained.training.class_names)
    print(
        f"Trained on {counted_files(trained.training)} of {num_classes} classes: loss {last['loss']:.4f}, "
        f"precision at 1 on held-out files {last['val_precision_at_1']:.3f}. "
        f"The run is in '{options.out}'; next: fused-encoder evaluate {options.out}"
    )
    return outcome((*no_animal, *trained.skipped))


def _encoder(
    options: argparse.Namespace, files: LabelledFiles, front_end: AudioFrontEnd | None
) -> keras.Model:
    from fused_encoder.front_ends.yamnet import as_front_end
    from training import recommended_encoder
    from training.precision import with_dtype_policy

    with with_dtype_policy(options.precision):
        return recommended_encoder(
            image_backbone=options.image_backbone if files.images else None,
            audio_size=as_front_end(front_end).embedding_size,
            image_weights=None if options.image_weights == "none" else options.image_weights,
            image_trainable=options.image_trainable
            or ("last_block" if options.fine_tune else None),
            photo_views=options.photo_views,
            flip=options.flip,
            fusion=options.fusion,
            modality_dropout=options.modality_dropout,
            seed=options.seed,
        )


def _training_options(options: argparse.Namespace) -> TrainingOptions:
    from training.options import MinedTriplets, PairBatches, TrainingOptions

    batches: PairBatches | MinedTriplets
    if options.batches == "triplets":
        mined = _chosen(options, MinedTriplets)
        batches = MinedTriplets(num_triplets_per_class=options.triplets_per_class, **mined)
    else:
        batches = PairBatches(**_chosen(options, PairBatches))
    chosen = _chosen(options, TrainingOptions) | {
        "batches": batches,
        "loss_mining": None if options.loss_mining == "none" else options.loss_mining,
    }
    for name in ("learning_rate", "class_scale", "class_margin"):  # whose defaults differ
        if chosen[name] is None:
            del chosen[name]
    if options.class_scale == 0:
        chosen["class_scale"] = None
    return (TrainingOptions.fine_tuning if options.fine_tune else TrainingOptions)(**chosen)


def _chosen(options: argparse.Namespace, record: type[Any]) -> dict[str, Any]:
    """The options that are fields of a record, whatever their types."""
    given = vars(options)
    return {field.name: given[field.name] for field in fields(record) if field.name in given}
