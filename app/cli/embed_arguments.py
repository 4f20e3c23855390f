"""What can be asked of `embed` and `merge`."""

from __future__ import annotations

import argparse

from app.cli.training_arguments import add_command


def add_embed(commands: argparse._SubParsersAction) -> None:
    """Adds `embed`.

    Args:
        commands: of the parser.
    """
    parser = add_command(commands, "embed", "turn photos, recordings and videos into embeddings")
    parser.add_argument("inputs", nargs="*", metavar="INPUT", help="files, or folders to walk")
    parser.add_argument(
        "--encoder", required=True, metavar="DIR", help="folder that `export --out` wrote"
    )
    parser.add_argument(
        "--pairs", metavar="CSV", help="columns image, recording: embed them as one"
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="where embeddings go; a name that ends in .npz gets one embedding per file, and no videos",
    )
    _add_cutting(parser)
    _add_running(parser)
    _add_engine(parser)


def _add_cutting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--window-seconds",
        type=float,
        default=5.0,
        metavar="S",
        help="sound in one embedding (default: 5)",
    )
    parser.add_argument(
        "--hop-seconds",
        type=float,
        metavar="S",
        help="from window to window (default: half a window)",
    )
    parser.add_argument(
        "--frames-per-second",
        type=float,
        default=1.0,
        metavar="N",
        help="moments of a video (default: 1)",
    )

    parser.add_argument(
        "--max-clipped-share",
        type=float,
        default=0.1,
        metavar="S",
        help="of a window; one of which more is clipped is listed, not embedded (default: 0.1)",
    )


def _add_running(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="skip what was embedded before with these settings, by content (default)",
    )
    parser.add_argument(
        "--shard",
        type=shard_of,
        default=(1, 1),
        metavar="I/N",
        help="only the I-th of N parts of the files: one for each of N machines",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that decode (with --engine ray: for each actor)",
    )
    parser.add_argument(
        "--time-limit",
        type=float,
        default=60.0,
        metavar="S",
        help="a file of which nothing was decoded for so long is given up (default: 60)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first file that is not whole (exit code 2)",
    )


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="where the work is done: in this process, or on a Ray cluster (default: local)",
    )
    parser.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="of a cluster that this machine belongs to: auto or HOST:6379 (default: one is started here)",
    )
    parser.add_argument(
        "--ray-actors",
        type=int,
        metavar="N",
        help="processes of the cluster that embed (default: as many as use all cores)",
    )


def add_merge(commands: argparse._SubParsersAction) -> None:
    """Adds `merge`.

    Args:
        commands: of the parser.
    """
    parser = add_command(commands, "merge", "join embeddings of several machines or runs")
    parser.add_argument("folders", nargs="+", metavar="DIR", help="that `embed --out` wrote")
    parser.add_argument("--out", required=True, metavar="DIR", help="where all of them go")


def shard_of(text: str) -> tuple[int, int]:
    """(i, n) of "i/n".

    Raises:
        argparse.ArgumentTypeError: it is no such text, or i is not from 1 to n.
    """
    number, _, count = text.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise argparse.ArgumentTypeError(f"expected I/N such as 2/3, received {text!r}")
