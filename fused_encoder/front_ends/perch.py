"""Perch, Google's network for bird and other animal sounds, as an audio front end."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from fused_encoder.front_ends.contract import AudioFrontEnd
from fused_encoder.front_ends.saved_model import load_saved_model
from fused_encoder.front_ends.windows import front_end_from_saved_model

PERCH_HANDLES = {
    "v1": "google/bird-vocalization-classifier/tensorFlow2/bird-vocalization-classifier/8",
    "v2": "google/bird-vocalization-classifier/tensorFlow2/perch_v2_cpu/1",
}
_PEAK = 0.25


def load_perch(source: str | Path = "v2", *, hop_seconds: float = 5.0) -> AudioFrontEnd:
    """Perch as an audio front end: 32 kHz, windows of 5 s; v1 gives 1280 numbers, v2 1536.

    Each window is brought to a mean of 0 and a peak of 0.25, as Perch's own code does. A SavedModel is a
    program that runs with your rights: load it only from where you trust.

    Args:
        source: a SavedModel folder; "v1" or "v2" (for processors), a Kaggle handle, or a TF-Hub address,
            which are downloaded: Kaggle's by kagglehub (`pip install "fused-encoder[perch]"`).
        hop_seconds: float > 0, from window to window.

    Raises:
        MissingWeightsError: it cannot be downloaded.
        ValueError: it is not Perch, or damaged.

    Reference:
        Ghani et al., Global birdsong embeddings enable superior transfer learning for bioacoustic
        classification, 2023, https://doi.org/10.1038/s41598-023-49989-z (v1);
        van Merriënboer et al., Perch 2.0, 2025, https://arxiv.org/abs/2508.04665 (v2).
    """
    model = load_saved_model(PERCH_HANDLES.get(str(source), source))
    has_infer = callable(getattr(model, "infer_tf", None))  # v1; v2 has a signature
    return front_end_from_saved_model(
        model,
        name="perch",
        sample_rate_hz=32_000,
        window_seconds=5.0,
        hop_seconds=hop_seconds,
        function="infer_tf" if has_infer else "serving_default",
        prepare=_to_peak,
    )


def _to_peak(windows: tf.Tensor) -> tf.Tensor:
    centred = windows - tf.reduce_mean(windows, axis=-1, keepdims=True)
    peak = tf.reduce_max(tf.abs(centred), axis=-1, keepdims=True)
    return _PEAK * tf.math.divide_no_nan(centred, peak)
