"""A SavedModel with its settings on disk: it appears whole or not at all, and overwrites only its like."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from fused_encoder.front_ends.known_ops import unknown_ops

logger = logging.getLogger(__name__)


def write_saved_model(
    module: tf.Module,
    path: str | Path,
    *,
    signatures: Mapping[str, Any],
    settings_file: str,
    settings: str,
    what: str,
    complete: Callable[[Path], None] | None = None,
) -> Path:
    """Writes a module as a SavedModel with a settings file among its assets; returns its path.

    Args:
        module: its attribute `settings` is set.
        path: a folder that does not exist yet, or an older export, which is replaced as a whole.
        signatures: concrete functions by name.
        settings_file: name of the settings file; it also tells an older export from other folders.
        settings: its text.
        what: is exported, such as "encoder", for messages.
        complete: is called with the folder before it takes its place.

    Raises:
        FileExistsError: the path holds something else.
        OSError: it cannot be written, such as on a full disk.
    """
    target = Path(path)
    refuse_to_overwrite(target, settings_file, what)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
        asset, built = Path(temporary, settings_file), Path(temporary, "model")
        asset.write_text(settings, "utf-8")
        module.settings = tf.saved_model.Asset(str(asset))
        try:
            tf.saved_model.save(module, str(built), signatures=dict(signatures))
        except tf.errors.OpError as error:
            raise OSError(f"Cannot write the SavedModel: {error.message}") from error
        if unknown := unknown_ops(built):
            logger.warning(
                "The %s holds operations that are not known to be harmless: %s. tf.saved_model.load takes "
                "it; Embedder.load would not.",
                what,
                ", ".join(unknown),
            )
        if complete is not None:
            complete(built)
        if target.exists():
            shutil.rmtree(target)
        built.replace(target)
    return target


def refuse_to_overwrite(path: str | Path, settings_file: str, what: str) -> None:
    """FileExistsError unless a path is free, an empty folder, or an older export."""
    target = Path(path)
    is_export = Path(target, "assets", settings_file).is_file()
    is_empty = target.is_dir() and not any(target.iterdir())
    if target.exists() and not (is_export or is_empty):
        raise FileExistsError(
            f"'{target}' exists and is not an exported {what}; it is left as it is. "
            "Choose another path, or move it away."
        )
