"""What `prepare` and `train` can be told. No TensorFlow is loaded here."""

from __future__ import annotations

import argparse


def add_command(
    commands: argparse._SubParsersAction, name: str, text: str
) -> argparse.ArgumentParser:
    """A sub-command; its module in `app.cli` has its name."""
    parser = commands.add_parser(
        name,
        help=text,
        description=text,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(module=name)
    return parser


def add_prepare(commands: argparse._SubParsersAction) -> None:
    """`prepare`."""
    parser = add_command(commands, "prepare", "mine hard-negative triplets from class folders")
    _add_folders(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="where triplets are written")
    parser.add_argument("--triplets-per-class", type=int, default=100, metavar="N", help="to mine")
    parser.add_argument(
        "--mining", choices=("cosine", "semi-hard", "hard"), default="cosine", help="of negatives"
    )
    _add_listening(parser)


def add_train(commands: argparse._SubParsersAction) -> None:
    """`train`."""
    parser = add_command(commands, "train", "train a fused encoder on class folders")
    _add_folders(parser)
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="where the run is written; a run that was killed goes on when it is started again",
    )
    _add_network(parser.add_argument_group("the network"))
    _add_recipe(parser.add_argument_group("the recipe"))
    _add_triplet_batches(parser.add_argument_group("with --batches triplets (as published)"))
    parser.add_argument(
        "--held-out", type=float, default=0.25, metavar="SHARE", help="of each class's files"
    )
    _add_hearing(parser)
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes on this machine that train together; for several machines set TF_CONFIG",
    )
    _add_listening(parser)


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
        help="what the network computes with",
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


def _add_triplet_batches(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--triplets-per-class", type=int, default=100, metavar="N", help="to mine")
    group.add_argument("--batch-size", type=int, default=8, metavar="N", help="triplets per step")
    group.add_argument(
        "--mining", choices=("cosine", "semi-hard", "hard"), default="cosine", help="of negatives"
    )
    group.add_argument(
        "--mine-again-every", type=int, metavar="EPOCHS", help="mine anew with the encoder"
    )


def _add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", metavar="IMAGES", help="folder with one sub-folder per class")
    parser.add_argument("audio", metavar="AUDIO", help="the same classes, with recordings")


def _add_hearing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--heard-seconds",
        type=float,
        metavar="S",
        help="sound heard at once when embedding (default: as --audio-seconds)",
    )
    parser.add_argument(
        "--max-audio-seconds", type=float, default=30.0, metavar="S", help="read of a recording"
    )


def _add_listening(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--audio-seconds", type=float, default=5.0, metavar="S", help="sound heard at once"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same result")
    _add_yamnet(parser)


def _add_yamnet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--yamnet",
        metavar="SOURCE",
        help="a SavedModel folder, a yamnet.h5, a TF-Hub handle, or 'log_mel' (no pretrained weights; "
        "for trying things out). Without it: FUSED_ENCODER_WEIGHTS, the cache, then TF-Hub",
    )
