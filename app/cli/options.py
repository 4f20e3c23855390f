"""Options that several commands share, and the files that they name."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triplets import LabelledFiles


def add_command(
    commands: argparse._SubParsersAction, name: str, text: str
) -> argparse.ArgumentParser:
    """The parser of a command; its help shows the defaults."""
    return commands.add_parser(name, help=text, description=text, formatter_class=_WithDefaults)


class _WithDefaults(argparse.HelpFormatter):
    """Adds the default to the help of an option, unless the help names it or there is none."""

    def _get_help_string(self, action: argparse.Action) -> str:
        told = action.help or ""
        is_value = isinstance(action.default, str | int | float) and action.option_strings
        has_none = action.default in (False, argparse.SUPPRESS) or "default" in told
        return f"{told} (default: %(default)s)" if is_value and not has_none else told


def add_encoder(parser: argparse.ArgumentParser) -> None:
    """`--encoder`."""
    value(parser, "--encoder", str, "DIR", "folder that `export --out` wrote", required=True)


def add_run(parser: argparse.ArgumentParser) -> None:
    """A training run."""
    value(parser, "run", str, "RUN", "folder that `train --out` wrote")


def check_folders(options: argparse.Namespace) -> None:
    """Refuses an encoder or a run that is not there, before TensorFlow is imported, which takes seconds.

    Raises:
        FileNotFoundError: the folder is none that `export` or `train` wrote.
    """
    kinds = (
        ("encoder", "assets/encoder.json", "exported encoder", "export"),
        ("run", "run.json", "training run", "train"),
    )
    for option, file, what, command in kinds:
        folder = getattr(options, option, None)
        if folder and not Path(folder, file).is_file():
            raise FileNotFoundError(
                f"No {what} in '{folder}'. Expected a folder that `fused-encoder {command} --out` wrote, "
                f"with a file {file}."
            )


def add_labelled_files(parser: argparse.ArgumentParser) -> None:
    """Photos, recordings, or both: folders with one sub-folder per class, or a table."""
    group = parser.add_argument_group("photos, recordings, or both")
    value(group, "--images", str, "DIR", "photos, one sub-folder per class")
    value(group, "--audio", str, "DIR", "recordings, likewise")
    table = (
        "in place of folders: .csv, .parquet or .xlsx with the columns class, image, recording, and "
        "optional source, split, box; or the metadata.csv of wildlife-datasets"
    )
    value(group, "--table", str, "FILE", table)
    source = (
        "what files come from (an encounter, a tape, a day): '^(.*)_' is what stands before the last "
        "'_' of their names; or 'folder' for folders <class>/<source>/<file>; or a column of the table. "
        "Files of one source stay together in every split. Without it each file is a source"
    )
    value(group, "--source", str, "REGEX", source)


def add_class_folders(parser: argparse.ArgumentParser) -> None:
    """Labelled files, their folders without an option's name too, and how recordings are heard."""
    add_labelled_files(parser)
    value(parser, "image_folder", str, "IMAGES", "as --images", nargs="?")
    value(parser, "audio_folder", str, "AUDIO", "as --audio", nargs="?")
    value(parser, "--audio-seconds", 5.0, "S", "audio window length")
    value(parser, "--seed", 0, None, "the same seed, the same result")
    parser.add_argument(
        "--front-end",
        "--yamnet",
        metavar="NAME|PATH",
        help="what turns sound into frames: yamnet (default: FUSED_ENCODER_WEIGHTS, the cache, then a "
        "download), birdnet (its weights forbid commercial use), perch, log_mel (no pretrained weights; for "
        "trying things out); or a path: yamnet.h5, BirdNET's .tflite, a SavedModel folder, or a .json that "
        "describes another one",
    )


def add_mining(group: argparse._ActionsContainer) -> None:
    """How triplets are mined."""
    value(group, "--triplets-per-class", 100, "N", "to mine")
    choice(group, "--mining", ("cosine", "semi-hard", "hard"), "of negatives")


def add_action(
    actions: argparse._SubParsersAction, name: str, text: str, *, positional: tuple[str, str, str]
) -> argparse.ArgumentParser:
    """The parser of an action of a command, whose first argument is (name, metavar, help)."""
    description = f"{text[0].upper()}{text[1:]}."
    part = actions.add_parser(
        name, help=text, description=description, formatter_class=_WithDefaults
    )
    value(part, positional[0], str, *positional[1:])
    return part


def value(
    parser: argparse._ActionsContainer,
    name: str,
    default: type | str | float,
    metavar: str | None,
    text: str,
    **more: Any,  # as `add_argument` takes them
) -> argparse.Action:
    """An argument with a value: `default` is its default, or its type where it has none."""
    kind, start = (default, None) if isinstance(default, type) else (type(default), default)
    return parser.add_argument(name, type=kind, default=start, metavar=metavar, help=text, **more)


def choice(
    parser: argparse._ActionsContainer,
    name: str,
    choices: Sequence[str],
    text: str,
    *,
    default: str | None = "",
) -> None:
    """An option with one of these values, by default the first."""
    default = choices[0] if default == "" else default
    parser.add_argument(name, choices=choices, default=default, help=text)


def switch(parser: argparse._ActionsContainer, name: str, text: str) -> argparse.Action:
    """An option that is on where it is named."""
    return parser.add_argument(name, action="store_true", help=text)


def labelled_files(
    options: argparse.Namespace, *, min_sources_per_class: int = 1
) -> tuple[LabelledFiles, LabelledFiles | None]:
    """The files that `add_labelled_files` names, and those that a table holds out. Needs no TensorFlow.

    Args:
        options: as parsed.
        min_sources_per_class: see `scan_folders`.

    Raises:
        FileNotFoundError: a folder or the table does not exist.
        ValueError: folders and a table at once, or neither; or they cannot be used.
    """
    from triplets.folders import scan_folders
    from triplets.sources import source_by_pattern
    from triplets.table import read_table

    images = options.images or getattr(options, "image_folder", None)
    audio = options.audio or getattr(options, "audio_folder", None)
    if options.table is not None:
        if images or audio:
            raise ValueError("Expected folders or --table, received both. Leave one out.")
        return read_table(options.table, source=options.source)
    if not images and not audio:
        raise ValueError(
            "Expected --images DIR, --audio DIR, or --table FILE; received none of them."
        )
    source_of = options.source
    if source_of not in (None, "folder"):
        source_of = source_by_pattern(source_of)
    files = scan_folders(
        images, audio, source_of=source_of, min_sources_per_class=min_sources_per_class
    )
    return files, None
