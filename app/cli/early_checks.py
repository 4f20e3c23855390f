"""What a command was given, looked at before TensorFlow is imported, which takes seconds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

FOLDERS = (
    ("encoder", "assets/encoder.json", "exported encoder", "export"),
    ("run", "run.json", "training run", "train"),
)
"""Of an option the file that must be there, what it is, and the command that writes it."""

FILES = {
    "detections": "detection file",
    "pairs": "table of pairs",
    "image": "photo",
    "recording": "recording",
}
"""What is otherwise read behind TensorFlow; all else says itself that it is not there."""


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
    if getattr(options, "encoder", None):
        _check_inputs(options)
    if options.command in ("query", "count"):
        _check_modalities(options)
    if options.command == "query":
        _check_index(options.index)
    if options.command == "train":
        _check_network(options)


def _check_modalities(options: argparse.Namespace) -> None:
    """Refuses what the encoder was not trained on."""
    try:
        settings = json.loads(Path(options.encoder, "assets/encoder.json").read_text("utf-8"))
    except ValueError:
        return  # damaged: told when it is loaded
    is_video = options.command == "count"
    if not settings.get("sees", True) and (is_video or options.image):
        what = "see animals in videos" if is_video else "embed photos"
        raise ValueError(
            f"The encoder '{options.encoder}' was trained on recordings only: it cannot {what}. Train one "
            "with photos."
        )
    if not settings.get("hears", True) and not is_video and options.recording:
        raise ValueError(
            f"The encoder '{options.encoder}' was trained on photos only: it cannot embed recordings. Leave "
            "them out, or train one with recordings."
        )


def _check_index(index: str) -> None:
    if ":/" not in index and not Path(index).exists():
        raise FileNotFoundError(
            f"There is no index {index}. Make one with `fused-encoder index build`, or correct the path."
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
    if options.fine_tune and "none" in (options.image_weights, options.image_trainable):
        raise ValueError(
            "--fine-tune trains the last block of a pretrained backbone; it does not go with --image-weights "
            "none or --image-trainable none. Leave one out."
        )
    weights = options.image_weights
    if weights not in ("imagenet", "none") and not Path(weights).exists():
        raise FileNotFoundError(
            f"--image-weights is '{weights}', expected 'imagenet', 'none', or a file that exists."
        )
