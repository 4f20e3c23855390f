"""Loading an exported encoder: a SavedModel is a program, and one that touches files is refused."""

from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError

from fused_encoder.front_ends.known_ops import unknown_ops


def load_graph(path: str | Path) -> tf.Module:
    """An exported encoder's SavedModel, if all it can do is compute.

    A SavedModel is a program: what it holds is run, and TensorFlow has operations that read and write
    any file. So the operations of all its functions are looked through first.

    Raises:
        ValueError: it is damaged, of TensorFlow 1, or holds other operations than `ALLOWED_OPS`.
    """
    try:
        unknown = unknown_ops(path)
        if not unknown:
            return tf.saved_model.load(str(path))
    except (tf.errors.OpError, DecodeError, IndexError, OSError) as error:
        raise ValueError(
            f"The exported encoder '{path}' is damaged ({error}). Export it again: "
            "`fused-encoder export RUN --out DIR`, or export_saved_model."
        ) from error
    raise ValueError(
        f"The SavedModel '{path}' is not loaded: it holds operations that no encoder of this toolkit needs "
        f"({', '.join(unknown)}). A SavedModel is a program, and such operations may read or write files. "
        "If you made it yourself, tf.saved_model.load takes it."
    )
