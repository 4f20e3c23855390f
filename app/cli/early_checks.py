"""What a command was given, looked at before TensorFlow is imported, which takes seconds."""

from __future__ import annotations

import argparse
from pathlib import Path

FOLDERS = (
    ("encoder", "assets/encoder.json", "exported encoder", "export"),
    ("run", "run.json", "training run", "train"),
)
"""Of an option the file that must be there, what it is, and the command that writes it."""

FILES = {
    "table": "table",
    "detections": "detection file",
    "pairs": "table of pairs",
    "answers": "file of answers",
    "calibration": "calibration",
    "media": "table of media",
    "deployments": "table of deployments",
    "project": "project file",
    "image": "photo",
    "recording": "recording",
}
STORES = {"index": "index build", "catalogue": "catalogue init"}
MAKE_A_STORE = ("build", "import", "init")


def check_given(options: argparse.Namespace) -> None:
    """Refuses folders, files, indexes and inputs that are not there, and networks that are not known.

    Raises:
        FileNotFoundError, ValueError: what is missing, what was expected, and how to get it.
    """
    if options.command == "query" and not (options.image or options.recording):
        raise ValueError("Expected --image, --recording or both, received neither.")
    for option, file, what, command in FOLDERS:
        folder = getattr(options, option, None)
        if folder and not Path(folder, file).is_file():
            raise FileNotFoundError(
                f"No {what} in '{folder}'. Expected a folder that `fused-encoder {command} --out` wrote, "
                f"with a file {file}."
            )
    for option, what in FILES.items():
        given = getattr(options, option, None)
        if given and not Path(given).exists():
            raise FileNotFoundError(f"No {what} at '{given}' (--{option}). Correct the path.")
    _check_stores(options)
    _check_inputs(options)
    if options.command == "train":
        _check_network(options)


def _check_stores(options: argparse.Namespace) -> None:
    if getattr(options, "action", None) in MAKE_A_STORE:
        return
    for option, command in STORES.items():
        store = getattr(options, option, None)
        if store and ":/" not in store and not Path(store).exists():
            raise FileNotFoundError(
                f"There is no {option} at '{store}'. Make one with `fused-encoder {command}`, or correct the "
                "path."
            )


def _check_inputs(options: argparse.Namespace) -> None:
    """One missing input is listed later, with the others done; none at all is an error now."""
    for option in ("inputs", "videos"):
        given = getattr(options, option, None) or []
        if given and not any(Path(path).exists() for path in given):
            named = ", ".join(f"'{path}'" for path in given[:3])
            raise FileNotFoundError(
                f"None of the {len(given)} inputs is there: {named}. Expected files or folders that exist."
                if len(given) > 1
                else f"There is no file or folder at {named}. Correct the path."
            )


def _check_network(options: argparse.Namespace) -> None:
    from fused_encoder.weights import IMAGE_BACKBONE_FILES

    known = (*IMAGE_BACKBONE_FILES, "small_cnn")
    if options.image_backbone not in known:
        raise ValueError(
            f"--image-backbone is '{options.image_backbone}', expected one of {', '.join(known)}."
        )
    weights = options.image_weights
    if weights not in ("imagenet", "none") and not Path(weights).exists():
        raise FileNotFoundError(
            f"--image-weights is '{weights}', expected 'imagenet', 'none', or a file that exists."
        )
