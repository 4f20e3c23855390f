"""`fused-encoder embed`: folders of any size to embeddings on disk."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.destination import check_destination
from app.cli.options import add_command, add_encoder
from app.cli.outcome import DONE, DONE_WITH_SKIPPED, import_tensorflow_quietly

if TYPE_CHECKING:
    from archives import ArchiveSettings, ArchiveSummary
    from archives.embed.embed_sources import Engine
    from inference import Embedder

logger = logging.getLogger(__name__)

MOST_LISTED = 20
OPTIONS_OF_FOLDERS = {
    "window_seconds": 5.0,
    "hop_seconds": None,
    "frames_per_second": 1.0,
    "max_clipped_share": 0.1,
    "resume": True,
    "shard": (1, 1),
    "workers": None,
    "time_limit": 60.0,
    "strict": False,
}
"""With what they are where nobody asked for them."""


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "embed", "turn photos, recordings and videos into embeddings")
    parser.add_argument("inputs", nargs="*", metavar="INPUT", help="files, or folders to walk")
    add_encoder(parser)
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


def run(options: argparse.Namespace) -> int:
    """Embeds what it can, and says of the rest why not."""
    import_tensorflow_quietly()
    from archives import Decoding, embed_archive
    from archives.embed.archive import FILES_TABLE
    from archives.embed.shards import SHARDS_FOLDER
    from inference import Embedder

    engine = _engine(options)
    if Path(options.out).suffix == ".npz":
        _refuse_options_of_folders(options)
        from app.cli import embed_file

        return embed_file.run(options)
    check_destination(options.out, SHARDS_FOLDER)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's end is an interrupt
    embedder = Embedder.load(options.encoder)
    summary = embed_archive(
        embedder,
        options.inputs,
        options.out,
        pairs=options.pairs,
        settings=_settings(options, embedder),
        decoding=Decoding(options.workers, options.time_limit),
        resume=options.resume,
        shard=options.shard,
        strict=options.strict,
        progress=True,
        engine=engine,
    )
    print(told(summary))
    _list_not_whole(summary)
    if not summary.num_embeddings and summary.rows:
        raise ValueError(
            f"None of the {len(summary.rows)} inputs can be embedded; "
            f"'{summary.folder / FILES_TABLE}' says why of each."
        )
    return DONE_WITH_SKIPPED if summary.not_whole else DONE


def _engine(options: argparse.Namespace) -> Engine:
    """What embeds: this process, or Ray; checked before the encoder is loaded."""
    from archives.embed.embed_sources import embed_sources

    if options.engine == "ray":
        from archives.embed.ray_engine import RayEngine

        if Path(options.out).suffix == ".npz":
            raise ValueError(
                f"--engine ray writes a folder of shards, and '{options.out}' is to be one file. Give "
                "--out a folder, or leave --engine out."
            )
        return RayEngine(options.ray_address, options.ray_actors)
    given = [name for name in ("address", "actors") if getattr(options, f"ray_{name}") is not None]
    if given:
        raise ValueError(
            f"--ray-{given[0]} is of use with --engine ray only. Add that, or leave it out."
        )
    return embed_sources


def _refuse_options_of_folders(options: argparse.Namespace) -> None:
    """What a .npz cannot do is refused, not passed over."""
    asked = [
        "--no-resume" if name == "resume" else f"--{name.replace('_', '-')}"
        for name, default in OPTIONS_OF_FOLDERS.items()
        if getattr(options, name) != default
    ]
    if asked:
        raise ValueError(
            f"'{options.out}' gets one embedding per file, and {', '.join(asked)} cannot be had there. Leave "
            "that out, or choose a folder as --out."
        )


def _settings(options: argparse.Namespace, embedder: Embedder) -> ArchiveSettings:
    """What was asked for; a hop that was not is half a window."""
    from archives import ArchiveSettings

    trained, window = embedder.settings.audio_seconds, options.window_seconds
    shortest_hop = embedder.front_end.hop_seconds
    if options.hop_seconds is not None and options.hop_seconds < shortest_hop:
        logger.warning(
            "Windows begin at least %g s apart, as the frames of %s do; --hop-seconds %g is shorter.",
            shortest_hop,
            embedder.front_end.name,
            options.hop_seconds,
        )
    if window != trained:
        logger.warning(
            "The encoder was trained to hear %g s at a time, and is to hear %g s. See --window-seconds.",
            trained,
            window,
        )
    return ArchiveSettings(
        window_seconds=window,
        hop_seconds=window / 2 if options.hop_seconds is None else options.hop_seconds,
        frames_per_second=options.frames_per_second,
        max_clipped_share=options.max_clipped_share,
    )


def told(summary: ArchiveSummary) -> str:
    """A run in two or three lines.

    Args:
        summary: of `embed_archive`.
    """
    from archives.embed.archive import FILES_TABLE
    from archives.embed.rows import STATUSES

    counts = summary.by_status
    by_status = ", ".join(f"{counts[status]:,} {status}" for status in STATUSES if counts[status])
    before = len(summary.rows) - summary.num_new
    lines = [
        f"{len(summary.rows):,} files: {by_status or 'nothing to do'}"
        + (f"; {before:,} of them were done before." if before else "."),
        f"{summary.num_embeddings:,} embeddings in '{summary.folder}'; its {FILES_TABLE} tells of each file.",
    ]
    if summary.replaced:
        lines.append(
            f"{len(summary.replaced):,} files have changed since they were embedded, such as "
            f"'{summary.replaced[0]}': what was there under their names no longer counts. If they are other "
            "files, say of another memory card at the same place, give each card a folder of its own name."
        )
    if summary.passed_over:
        kinds = ", ".join(
            f"{count:,} {kind}" for kind, count in sorted(summary.passed_over.items())
        )
        lines.append(f"Passed over, of kinds that are not read: {kinds}.")
    return "\n".join(lines)


def _list_not_whole(summary: ArchiveSummary) -> None:
    from archives.embed.archive import FILES_TABLE

    rows = summary.not_whole
    for row in rows[:MOST_LISTED]:
        print(f"  {row.file}: {row.status}: {row.reason}", file=sys.stderr)
    if len(rows) > MOST_LISTED:
        rest = f"  ... and {len(rows) - MOST_LISTED:,} more, listed in '{summary.folder / FILES_TABLE}'"
        print(rest, file=sys.stderr)


def shard_of(text: str) -> tuple[int, int]:
    """(i, n) of "i/n".

    Raises:
        argparse.ArgumentTypeError: it is no such text, or i is not from 1 to n.
    """
    number, _, count = text.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise argparse.ArgumentTypeError(f"expected I/N such as 2/3, received {text!r}")
