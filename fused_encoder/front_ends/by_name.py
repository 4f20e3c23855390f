"""The audio front end that a name or a path stands for: what `--front-end` takes."""

from __future__ import annotations

import json
from pathlib import Path

from fused_encoder.front_ends.contract import AudioFrontEnd
from fused_encoder.front_ends.log_mel import LogMelFeatures
from fused_encoder.front_ends.yamnet import as_front_end, load_yamnet
from fused_encoder.weights import MissingWeightsError

NAMES = ("yamnet", "birdnet", "perch", "perch_v1", "vggish", "log_mel")


def load_front_end(source: str | Path | None = None) -> AudioFrontEnd:
    """The audio front end of a name or a path.

    Args:
        source: "yamnet" (as None: found on this machine, else downloaded), "birdnet", "perch" (v2),
            "perch_v1", "vggish", or "log_mel" (no learnt weights: for trying things out). Or a path: of
            BirdNET's `.tflite`; of a YAMNet as in `load_yamnet`; of a `.json` with the arguments of
            `front_end_from_saved_model`, its `source` relative to the file. Or "perch:SOURCE" or
            "vggish:FILE", see `load_perch` and `load_vggish`.

    Raises:
        MissingWeightsError: there is nothing, or it cannot be downloaded.
        ValueError: what is there is damaged, or no front end.

    Example:
        >>> load_front_end("log_mel").sample_rate_hz
        16000
    """
    name, _, rest = str(source or "yamnet").partition(":")
    if name == "log_mel":
        return as_front_end(LogMelFeatures())
    if name == "birdnet" or Path(name).suffix == ".tflite":
        from fused_encoder.front_ends.birdnet import load_birdnet

        return load_birdnet(None if name == "birdnet" else source)
    if name == "vggish":
        from fused_encoder.front_ends.vggish import load_vggish

        return load_vggish(rest or None)
    if name in ("perch", "perch_v1"):
        from fused_encoder.front_ends.perch import load_perch

        return load_perch(rest or ("v1" if name == "perch_v1" else "v2"))
    if Path(name).suffix == ".json":
        return _described(Path(name))
    if name not in ("yamnet", "http", "https") and not Path(name).expanduser().exists():
        raise MissingWeightsError(
            f"'{source}' is neither a path that exists nor one of {', '.join(NAMES)}."
        )
    return as_front_end(load_yamnet(None if name == "yamnet" else source))


def _described(file: Path) -> AudioFrontEnd:
    from fused_encoder.front_ends.windows import front_end_from_saved_model

    try:
        arguments = json.loads(file.read_text("utf-8"))
        arguments["source"] = file.parent / arguments["source"]
        return front_end_from_saved_model(**arguments)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"'{file}' does not describe an audio front end: {error}. Expected the arguments of "
            "front_end_from_saved_model: source, name, sample_rate_hz, window_seconds, and what else differs "
            "from its defaults."
        ) from error
