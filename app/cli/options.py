"""Options that several commands share, and the files that they name."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from individuals import PhotoBoxes
    from triplets import LabelledFiles, PreparedMedia, Skipped


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
        is_switch = isinstance(action.default, bool)
        has_none = is_switch or action.default == argparse.SUPPRESS or "default" in told
        return f"{told} (default: %(default)s)" if is_value and not has_none else told


def add_encoder(parser: argparse.ArgumentParser) -> None:
    """`--encoder`."""
    value(parser, "--encoder", str, "DIR", "folder that `export --out` wrote", required=True)


def add_run(parser: argparse.ArgumentParser) -> None:
    """A training run."""
    value(parser, "run", str, "RUN", "folder that `train --out` wrote")


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
    add_detections(group)


def add_detections(group: argparse._ActionsContainer) -> None:
    """`--detections` of photos."""
    boxes = (
        "what MegaDetector found in the photos, or COCO annotations: each animal is cropped, a photo may "
        "hold several; photos without one are listed"
    )
    value(group, "--detections", str, "FILE.json", boxes)
    least = "of --detections (default: the file's own, or 0.2)"
    value(group, "--min-confidence", float, "C", least, least=0)


def add_class_folders(parser: argparse.ArgumentParser) -> None:
    """Labelled files, their folders without an option's name too, and how recordings are heard."""
    add_labelled_files(parser)
    value(parser, "image_folder", str, "IMAGES", "as --images", nargs="?")
    value(parser, "audio_folder", str, "AUDIO", "as --audio", nargs="?")
    value(parser, "--audio-seconds", 5.0, "S", "audio window length", above=0)
    value(parser, "--seed", 0, None, "the same seed, the same result", least=0)
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
    value(group, "--triplets-per-class", 100, "N", "to mine", least=1)
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
    *,
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    **more: Any,  # as `add_argument` takes them
) -> argparse.Action:
    """An argument with a value: `default` is its default, or its type where it has none.

    A number below `least`, not above `above`, or not below `below` is refused.
    """
    kind, start = (default, None) if isinstance(default, type) else (type(default), default)
    read: Callable[[str], Any] = kind
    if (least, above, below) != (None, None, None):
        read = _number_within(kind, least, above, below)
    return parser.add_argument(name, type=read, default=start, metavar=metavar, help=text, **more)


def _number_within(
    kind: type, least: float | None, above: float | None, below: float | None
) -> Callable[[str], float]:
    limits = [
        f"{words} {limit:g}"
        for words, limit in (("at least", least), ("above", above), ("below", below))
        if limit is not None
    ]

    def number(text: str) -> float:
        found = kind(text)
        is_inside = (
            math.isfinite(found)
            and (least is None or found >= least)
            and (above is None or found > above)
            and (below is None or found < below)
        )
        if not is_inside:
            raise argparse.ArgumentTypeError(f"expected {' and '.join(limits)}, received {text}")
        return found

    number.__name__ = kind.__name__  # argparse names it where the text is no number
    return number


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


def photo_boxes(options: argparse.Namespace) -> PhotoBoxes | None:
    """The boxes that `--detections` names, and what is left out of them, printed.

    Raises:
        FileNotFoundError, ValueError: there is no such file, or it cannot be used.
    """
    if options.detections is None:
        if options.min_confidence is not None:
            raise ValueError("--min-confidence is of --detections. Name a detection file too.")
        return None
    from individuals import load_photo_boxes

    found = load_photo_boxes(options.detections, min_confidence=options.min_confidence)
    for note in found.notes:
        print(f"note: {options.detections}: {note}")
    return found


def counted_files(files: LabelledFiles | PreparedMedia) -> str:
    """How many files of each kind there are, in words, without a kind of which there are none."""
    kinds = ((files.images, "photo"), (files.recordings, "recording"))
    parts = [f"{len(own)} {word}{'' if len(own) == 1 else 's'}" for own, word in kinds if own]
    return " and ".join(parts) or "no files"


def labelled_files(
    options: argparse.Namespace, *, min_sources_per_class: int = 1
) -> tuple[LabelledFiles, LabelledFiles | None, list[Skipped]]:
    """The files that `add_labelled_files` names, and those that a table holds out. Needs no TensorFlow.

    Args:
        options: as parsed.
        min_sources_per_class: see `scan_folders`.

    Returns:
        The files; those that a table holds out, or None; and photos in which no animal was detected.

    Raises:
        FileNotFoundError: a folder, the table or the detection file does not exist.
        ValueError: folders and a table at once, or neither; or they cannot be used.
    """
    boxes = photo_boxes(options)
    files, held_out = _named_files(options, min_sources_per_class)
    if boxes is None:
        return files, held_out, []
    from triplets import with_boxes

    cropped, skipped = with_boxes(files, boxes)
    if held_out is not None:
        held_out, more = with_boxes(held_out, boxes)
        skipped += more
    num_photos = len({file.path for file in cropped.images})
    several = len(cropped.images) - num_photos
    print(
        f"{len(cropped.images)} animals in {num_photos} photos; {len(skipped)} photos without one are left "
        "out." + (f" {several} share a photo with another of their class." if several else "")
    )
    _check_classes_left(files, cropped)
    return cropped, held_out, skipped


def _check_classes_left(files: LabelledFiles, cropped: LabelledFiles) -> None:
    left = {file.class_index for file in (*cropped.images, *cropped.recordings)}
    empty = [name for index, name in enumerate(files.class_names) if index not in left]
    if empty:
        from triplets.folders import named

        raise ValueError(
            f"No animal was detected in any photo of {named(empty)}. Lower --min-confidence, or move these "
            "classes out of the folder."
        )


def _named_files(
    options: argparse.Namespace, min_sources_per_class: int
) -> tuple[LabelledFiles, LabelledFiles | None]:
    """The files of the folders or of the table, whole."""
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
