"""The command line: what can be asked, and where each answer is made. No TensorFlow is loaded here."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from app.cli.archive_arguments import add_check
from app.cli.catalogue_arguments import add_catalogue, add_review
from app.cli.embed_arguments import add_embed, add_merge
from app.cli.training_arguments import add_command, add_prepare, add_train

DONE, DONE_WITH_SKIPPED, REFUSED = 0, 1, 2
INTERRUPTED = 130
# unless they are given an encoder
WITHOUT_TENSORFLOW = {"check", "index", "catalogue", "review", "merge"}

EPILOG = """exit codes: 0 done; 1 done, but some inputs were skipped (they are listed); 2 refused.
Each sub-command explains its options: fused-encoder train --help"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one sub-command.

    Args:
        arguments: as typed after `fused-encoder`. Default: those of the process.

    Returns:
        The exit code: 0 done, 1 done with skipped inputs, 2 refused.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = build_parser().parse_args(given)
    options.arguments = given  # for workers, which are given the same
    _quiet_logs()
    try:
        if options.module not in WITHOUT_TENSORFLOW or getattr(options, "encoder", None):
            import_tensorflow_quietly()
        command = importlib.import_module(f"app.cli.{options.module}")
        return command.run(options)
    except KeyboardInterrupt:
        print("\nInterrupted. What was finished is kept; run again to go on.", file=sys.stderr)
        if arguments is None:  # nothing is left to do, and TensorFlow may take seconds to leave
            sys.stdout.flush()
            os._exit(INTERRUPTED)
        return INTERRUPTED
    except (ValueError, OSError, ImportError, KeyError, RuntimeError) as error:
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"fused-encoder {options.command}: {message}", file=sys.stderr)
        return REFUSED


def build_parser() -> argparse.ArgumentParser:
    """The parser of all sub-commands."""
    parser = argparse.ArgumentParser(
        prog="fused-encoder",
        description="Tell animals apart by what they look like and how they sound.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        add_check,
        add_prepare,
        add_train,
        _add_evaluate,
        _add_export,
        _add_calibrate,
        add_embed,
        add_merge,
        _add_index,
        _add_query,
        _add_count,
        add_review,
        add_catalogue,
        _add_demo,
        _add_doctor,
    ):
        add(commands)
    return parser


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    parser = add_command(commands, "evaluate", "ask held-out files for their class, and report")
    parser.add_argument("run", metavar="RUN", help="folder that `train --out` wrote")
    parser.add_argument("--out", metavar="DIR", help="where the report goes (default: in RUN)")


def _add_export(commands: argparse._SubParsersAction) -> None:
    parser = add_command(commands, "export", "write a trained encoder as one SavedModel")
    parser.add_argument("run", metavar="RUN", help="folder that `train --out` wrote")
    parser.add_argument("--out", required=True, metavar="DIR", help="where the SavedModel goes")


def _add_calibrate(commands: argparse._SubParsersAction) -> None:
    parser = add_command(
        commands, "calibrate", "learn what similarities mean, from animals never trained on"
    )
    parser.add_argument("encoder", metavar="ENCODER", help="folder that `export --out` wrote")
    parser.add_argument("--images", metavar="DIR", help="photos, one sub-folder per individual")
    parser.add_argument("--audio", metavar="DIR", help="recordings, likewise")
    parser.add_argument(
        "--source",
        metavar="REGEX",
        help="what in a file's name tells its burst, day or tape, such as '^(.*)_': files of one source "
        "are not compared; without it each file is one",
    )
    parser.add_argument(
        "--held-out",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="of the strangers, to try thresholds on",
    )
    parser.add_argument("--picture", metavar="FILE.png", help="where a picture of it goes")


def _add_encoder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--encoder", required=True, metavar="DIR", help="folder that `export --out` wrote"
    )


def _add_index(commands: argparse._SubParsersAction) -> None:
    parser = add_command(commands, "index", "keep embeddings to be queried")
    parts = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(action: str, told: str, name: str = "INDEX") -> argparse.ArgumentParser:
        part = parts.add_parser(action, help=told, description=f"{told[0].upper()}{told[1:]}.")
        part.add_argument("index", metavar=name, help="such as birds.index")
        return part

    build = add("build", "add embeddings to an index, made if it is not there")
    build.add_argument(
        "embeddings", nargs="+", metavar="EMBEDDINGS", help="folder or FILE.npz that `embed` wrote"
    )
    add("info", "what an index holds")
    add("log", "what was done to an index, and when")
    export = add("export", "write all rows as Parquet or CSV")
    export.add_argument("file", metavar="FILE", help="ends in .parquet or .csv")
    imports = add(
        "import", "add rows that `index export` wrote, to an index made if it is not there"
    )
    imports.add_argument("file", metavar="FILE", help="ends in .parquet or .csv")
    add("compact", "give the space of deleted rows back to the disk")
    approximate = add(
        "approximate", "make ready for approximate search, and measure what it misses"
    )
    approximate.add_argument(
        "--target-recall", type=float, default=0.99, metavar="R", help="of the ten nearest"
    )
    add("check", "read everything and compare every checksum")
    recover = add("recover", "save what can be read of a damaged index", "DAMAGED")
    recover.add_argument("recovered", metavar="RECOVERED", help="the new index")


def _add_query(commands: argparse._SubParsersAction) -> None:
    parser = add_command(commands, "query", "find what resembles a photo, a call, or both")
    parser.add_argument("index", metavar="INDEX", help="that `index build` wrote")
    _add_encoder(parser)
    parser.add_argument("--image", metavar="FILE", help="a photo")
    parser.add_argument("--recording", metavar="FILE", help="a call")
    parser.add_argument("-k", type=int, default=5, help="how many neighbours")
    parser.add_argument(
        "--approximate", action="store_true", help="faster, may miss some; see `index approximate`"
    )


def _add_count(commands: argparse._SubParsersAction) -> None:
    parser = add_command(commands, "count", "count the individuals in videos")
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help="video files")
    _add_encoder(parser)
    parser.add_argument(
        "--threshold", type=float, help="cosine similarity (default: the encoder's own)"
    )
    found = parser.add_mutually_exclusive_group()
    found.add_argument(
        "--detector",
        choices=("motion", "whole"),
        default="motion",
        help="how animals are found: what moves before a still camera, or the whole frame",
    )
    found.add_argument(
        "--detections", metavar="FILE.json", help="what MegaDetector found, or COCO annotations"
    )
    parser.add_argument(
        "--min-confidence", type=float, help="of --detections (default: the file's own, or 0.2)"
    )
    parser.add_argument(
        "--frames-per-second", type=float, default=5.0, metavar="N", help="frames looked at"
    )
    parser.add_argument(
        "--sound",
        choices=("none", "alone"),
        default="none",
        help="embed an animal that is alone in view with the sound around it (needs `calibrate`)",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="folder for tables, pictures and what a review goes on with; or one FILE.json",
    )
    parser.add_argument(
        "--media", metavar="CSV", help="when and where each video was taken (docs/outputs.md)"
    )
    parser.add_argument("--deployments", metavar="CSV", help="of cameras, for a Camtrap DP")
    parser.add_argument("--project", metavar="JSON", help="of the study, for a Camtrap DP")
    parser.add_argument(
        "--media-root", metavar="DIR", help="paths in the Camtrap DP are relative to it"
    )


def _add_demo(commands: argparse._SubParsersAction) -> None:
    parser = add_command(
        commands, "demo", "do the whole job on generated birds, or on your folders"
    )
    parser.add_argument("--out", default="demo", metavar="DIR", help="where everything goes")
    parser.add_argument("--images", metavar="DIR", help="your photos, instead of generated ones")
    parser.add_argument("--audio", metavar="DIR", help="your recordings")
    parser.add_argument("--epochs", type=int, default=None, help="passes over the triplets")
    parser.add_argument(
        "--size", choices=("tiny", "small", "standard"), default="standard", help="of the aviary"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same aviary")


def _add_doctor(commands: argparse._SubParsersAction) -> None:
    add_command(commands, "doctor", "versions, weights, devices, and what is missing")


def import_tensorflow_quietly() -> None:
    """TensorFlow's libraries write to standard error while they load, whatever the log level is."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), 2)
        try:
            importlib.import_module("tensorflow")
        except ImportError:
            pass  # the command, or `doctor`, says so with its remedy
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _quiet_logs() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    handler = logging.StreamHandler()  # skipped inputs are listed at the end
    told: set[str] = set()  # a command may look at the same folders twice

    def is_news(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if message.startswith("Skipped ") or message in told:
            return False
        told.add(message)
        return True

    handler.addFilter(is_news)
    logging.basicConfig(
        format="%(levelname)s: %(message)s", level=logging.WARNING, handlers=[handler]
    )


if __name__ == "__main__":
    sys.exit(main())
