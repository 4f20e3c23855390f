"""A network in an ONNX file of the user's own, opened by ONNX Runtime (extra `onnx`)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any


def open_network(
    path: str | Path,
) -> tuple[Any, str]:  # Any: onnxruntime.InferenceSession, an extra
    """A network ready to run on the processor, and 12 hexadecimal digits that name its content.

    Raises:
        FileNotFoundError: nothing is at this path.
        ImportError: ONNX Runtime is not installed.
        ValueError: the file is no network that can be run.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"There is no file '{path}'. Expected a .onnx file of a network that finds and describes points, "
            "or matches them, such as DISK and LightGlue of https://github.com/fabio-sim/LightGlue-ONNX."
        )
    content = Path(path).read_bytes()
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            "A network in an ONNX file needs ONNX Runtime: pip install fused-encoder[onnx]"
        ) from error
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own errors have no common class that it shows
        raise ValueError(f"'{path}' is no ONNX network that can be run: {error}") from error
    return session, hashlib.sha256(content).hexdigest()[:12]
