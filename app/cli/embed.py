"""`fused-encoder embed`: folders of any size to embeddings on disk."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import (
    add_command,
    add_detections,
    add_encoder,
    choice,
    photo_boxes,
    switch,
    value,
)
from app.cli.outcome import DONE, DONE_WITH_SKIPPED, check_destination, import_tensorflow_quietly

if TYPE_CHECKING:
    from archives import ArchiveSettings, ArchiveSummary
    from archives.embed.embed_sources import Engine
    from inference import Embedder

logger = logging.getLogger(__name__)

MOST_LISTED = 20


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "embed", "turn photos, recordings and videos into embeddings")
    value(parser, "inputs", str, "INPUT", "files, or folders to walk", nargs="*")
    add_encoder(parser)
    value(parser, "--pairs", str, "CSV", "columns image, recording: embed them as one")
    out = "where embeddings go; a name that ends in .npz gets one embedding per file, and no videos"
    value(parser, "--out", str, "DIR", out, required=True)
    add_detections(parser)
    resume = "skip files that were embedded before with these settings (default)"
    clipped = "a window of which more is clipped is listed, not embedded"
    shard = "only the I-th of N parts of the files: one for each of N machines"
    workers = "processes that decode (with --engine ray: for each actor)"
    given_up = "a file of which nothing was decoded for so long is given up"
    of_folders = [
        value(parser, "--window-seconds", 5.0, "S", "sound in one embedding", above=0),
        value(
            parser, "--hop-seconds", float, "S", "from window to window (default: half a window)"
        ),
        value(parser, "--frames-per-second", 1.0, "N", "moments of a video", above=0),
        value(parser, "--max-clipped-share", 0.1, "S", clipped),
        parser.add_argument(
            "--resume", action=argparse.BooleanOptionalAction, default=True, help=resume
        ),
        parser.add_argument("--shard", type=shard_of, default=(1, 1), metavar="I/N", help=shard),
        value(parser, "--workers", int, "N", workers),
        value(parser, "--time-limit", 60.0, "S", given_up),
        switch(parser, "--strict", "stop at the first damaged file (exit code 2)"),
    ]
    parser.set_defaults(options_of_folders=of_folders)
    engines = "where the work is done: in this process, or on a Ray cluster"
    choice(parser, "--engine", ("local", "ray"), engines)
    cluster = "of a cluster that this machine belongs to: auto or HOST:6379"
    value(parser, "--ray-address", str, "ADDRESS", f"{cluster} (default: one is started here)")
    actors = "processes of the cluster that embed (default: as many as use all cores)"
    value(parser, "--ray-actors", int, "N", actors)


def shard_of(text: str) -> tuple[int, int]:
    """(i, n) of "i/n".

    Raises:
        argparse.ArgumentTypeError: it is no such text, or i is not from 1 to n.
    """
    number, _, count = text.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise argparse.ArgumentTypeError(f"expected I/N such as 2/3, received {text!r}")


def run(options: argparse.Namespace) -> int:
    """Embeds what it can, and says of the rest why not."""
    is_file = Path(options.out).suffix == ".npz"
    _check_options(options, is_file)
    if is_file:
        import_tensorflow_quietly()
        from app.cli import embed_file

        return embed_file.run(options)
    from archives.embed.shards import SHARDS_FOLDER

    check_destination(options.out, SHARDS_FOLDER)
    import_tensorflow_quietly()
    boxes = photo_boxes(options)
    engine = _engine(options)
    from archives import Decoding, embed_archive
    from inference import Embedder

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's end is an interrupt
    embedder = Embedder.load(options.encoder)
    summary = embed_archive(
        embedder,
        options.inputs,
        options.out,
        pairs=options.pairs,
        boxes_of=boxes,
        settings=_settings(options, embedder),
        decoding=Decoding(options.workers, options.time_limit),
        resume=options.resume,
        shard=options.shard,
        strict=options.strict,
        progress=True,
        engine=engine,
    )
    print(_in_words(summary))
    for row in summary.not_whole[:MOST_LISTED]:
        print(f"  {row.file}: {row.status}: {row.reason}", file=sys.stderr)
    if (rest := len(summary.not_whole) - MOST_LISTED) > 0:
        print(f"  ... and {rest:,} more, listed in '{summary.table}'", file=sys.stderr)
    if not summary.num_embeddings and summary.rows:
        raise ValueError(
            f"None of the {len(summary.rows)} inputs can be embedded; "
            f"'{summary.table}' gives the reason for each."
        )
    return DONE_WITH_SKIPPED if summary.not_whole else DONE


def _check_options(options: argparse.Namespace, is_file: bool) -> None:
    """An option that would have no effect is an error."""
    useless = []
    if is_file:
        asked = [o for o in options.options_of_folders if getattr(options, o.dest) != o.default]
        useless = ["--no-resume" if o.dest == "resume" else o.option_strings[0] for o in asked]
        useless += ["--engine ray"] if options.engine == "ray" else []
    if useless:
        raise ValueError(
            f"'{options.out}' gets one embedding per file, which {', '.join(useless)} cannot change. Leave "
            "that out, or choose a folder as --out."
        )
    given = [name for name in ("address", "actors") if getattr(options, f"ray_{name}") is not None]
    if given and options.engine != "ray":
        raise ValueError(f"--ray-{given[0]} needs --engine ray. Add that, or leave it out.")


def _engine(options: argparse.Namespace) -> Engine:
    if options.engine == "ray":
        from archives.embed.ray_engine import RayEngine

        return RayEngine(options.ray_address, options.ray_actors)
    from archives.embed.embed_sources import embed_sources

    return embed_sources


def _settings(options: argparse.Namespace, embedder: Embedder) -> ArchiveSettings:
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
            "The encoder was trained on windows of %g s; --window-seconds is %g.", trained, window
        )
    return ArchiveSettings(
        window_seconds=window,
        hop_seconds=window / 2 if options.hop_seconds is None else options.hop_seconds,
        frames_per_second=options.frames_per_second,
        max_clipped_share=options.max_clipped_share,
    )


def _in_words(summary: ArchiveSummary) -> str:
    """A run in two or three lines."""
    from archives.embed.rows import STATUSES

    counts = summary.by_status
    by_status = ", ".join(f"{counts[status]:,} {status}" for status in STATUSES if counts[status])
    before = len(summary.rows) - summary.num_new
    lines = [
        f"{len(summary.rows):,} files: {by_status or 'nothing to do'}"
        + (f"; {before:,} of them were done before." if before else "."),
        f"{summary.num_embeddings:,} embeddings in '{summary.folder}'; {summary.table.name} lists each file.",
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
