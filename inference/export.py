"""Export: one SavedModel that eats what a camera and a recorder give, and needs none of our code."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keras
import tensorflow as tf

from fused_encoder.front_ends.yamnet import Yamnet, yamnet_fingerprint
from inference.attached_calibration import check_belongs, write_attached
from inference.calibrate import Calibration
from inference.pair_embedding import IMAGE_SPECS, WAVEFORM_SPEC, PairEmbedding

SETTINGS_FILE = "encoder.json"
SCHEMA = 1


@dataclass(frozen=True)
class EncoderSettings:
    """What travels inside an exported encoder beside its weights.

    Args:
        fingerprint: names the encoder's weights and its YAMNet; an index belongs to one fingerprint.
        embedding_size: int.
        audio_seconds: float, the length of a window of sound.
        max_windows: int, how many windows of a recording are embedded.
        class_names: what the encoder was trained to tell apart.
        thresholds: for each modality pattern ("fused", "image", "audio") the cosine similarity from
            which two embeddings are taken for the same class.
        versions: of the libraries that made it.
        schema: int, of this record.
    """

    fingerprint: str
    embedding_size: int
    audio_seconds: float
    max_windows: int
    class_names: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    schema: int = SCHEMA


def export_saved_model(
    encoder: keras.Model,
    yamnet: Yamnet,
    path: str | Path,
    *,
    audio_seconds: float = 5.0,
    max_windows: int = 6,
    class_names: Sequence[str] = (),
    thresholds: Mapping[str, float] | None = None,
    calibration: Calibration | None = None,
) -> Path:
    """Writes the encoder, YAMNet and all preprocessing as one SavedModel.

    It runs by `tf.saved_model.load(path)` or in TF Serving. `embed(images, waveforms)` takes photos
    (uint8, or float32 in [0, 1]; RGB, any size) and waveforms (float32, mono, 16 kHz, right-padded
    with zeros) and gives embeddings; `serving_default` is that for uint8, `float_images` for float32.
    All zeros stand for "no photo" and "no recording". `assets/encoder.json` holds `EncoderSettings`.

    Args:
        encoder: from `create_fused_encoder`.
        yamnet: the one that the encoder was trained with.
        path: a folder that does not exist yet, or an older export, which is replaced as a whole.
        audio_seconds: float > 0, the length of a window of sound: what the encoder was trained with.
        max_windows: int >= 1, how many windows of a long recording are embedded (and averaged).
        class_names: what it was trained to tell apart.
        thresholds: see `EncoderSettings`.
        calibration: what its similarities mean, from `fit_calibration` on its embeddings; it is written to
            `assets/calibration.json`. It can be added later: `attach_calibration`.

    Returns:
        The path.

    Raises:
        FileExistsError: the path holds something that is not an exported encoder.
        OSError: it cannot be written, such as on a full disk.
        ValueError: an option is out of range, or the calibration is of another encoder.
    """
    target = Path(path)
    if audio_seconds <= 0 or max_windows < 1:
        raise ValueError(
            "Expected audio_seconds > 0 and max_windows >= 1, received "
            f"audio_seconds={audio_seconds} and max_windows={max_windows}."
        )
    _refuse_to_overwrite(target)
    settings = EncoderSettings(
        fingerprint=encoder_fingerprint(
            encoder, yamnet, audio_seconds=audio_seconds, max_windows=max_windows
        ),
        embedding_size=encoder.output_shape[-1],
        audio_seconds=audio_seconds,
        max_windows=max_windows,
        class_names=tuple(class_names),
        thresholds=dict(thresholds or {}),
        versions=library_versions(),
    )
    if calibration is not None:
        check_belongs(calibration, settings.fingerprint)
    module = PairEmbedding(encoder, yamnet, audio_seconds=audio_seconds, max_windows=max_windows)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
        asset = Path(temporary, SETTINGS_FILE)
        asset.write_text(json.dumps(asdict(settings), ensure_ascii=False, indent=1), "utf-8")
        module.settings = tf.saved_model.Asset(str(asset))
        built = Path(temporary, "model")
        try:
            tf.saved_model.save(module, str(built), signatures=_signatures(module))
        except tf.errors.OpError as error:
            raise OSError(f"Cannot write the SavedModel to '{target}': {error.message}") from error
        if calibration is not None:
            write_attached(built, calibration, settings.fingerprint)
        if target.exists():
            shutil.rmtree(target)
        built.replace(target)
    return target


def attach_calibration(path: str | Path, calibration: Calibration) -> None:
    """Puts a calibration into an exported encoder, in place of the one it had.

    Args:
        path: folder that `export_saved_model` wrote.
        calibration: from `fit_calibration` on embeddings of this encoder.

    Raises:
        FileNotFoundError: it is not an exported encoder.
        ValueError: the calibration is of another encoder, or does not say of which.
    """
    write_attached(Path(path), calibration, load_settings(path).fingerprint)


def load_settings(path: str | Path) -> EncoderSettings:
    """The settings of an exported encoder, without loading it.

    Args:
        path: folder that `export_saved_model` wrote.

    Raises:
        FileNotFoundError: it is not an exported encoder.
        ValueError: it was written by a newer version.
    """
    file = Path(path, "assets", SETTINGS_FILE)
    if not file.is_file():
        raise FileNotFoundError(
            f"No exported encoder at '{path}'. Expected a folder that export_saved_model or "
            f"`fused-encoder export` wrote, with a file assets/{SETTINGS_FILE}."
        )
    try:
        record = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"'{file}' is damaged ({error}). Export the encoder again.") from error
    if record["schema"] > SCHEMA:
        raise ValueError(
            f"'{path}' has schema {record['schema']}, this version reads up to {SCHEMA}. "
            "Update fused-encoder, or export the encoder again."
        )
    record["class_names"] = tuple(record["class_names"])
    return EncoderSettings(**record)


def encoder_fingerprint(
    encoder: keras.Model, yamnet: Yamnet, *, audio_seconds: float, max_windows: int
) -> str:
    """Names all that an embedding depends on: weights, wiring, YAMNet, and how sound is cut.

    Args:
        encoder: any Keras model.
        yamnet: see `load_yamnet`.
        audio_seconds: float, the length of a window.
        max_windows: int, windows per recording.

    Returns:
        16 hex digits; the same for the same encoder in any process.
    """
    wiring = json.dumps(encoder.get_config(), sort_keys=True, default=str)
    wiring = re.sub(
        r'_\d+"', '"', wiring
    )  # Keras numbers the layers that have no name of their own
    digest = hashlib.sha256(yamnet_fingerprint(yamnet).encode())
    digest.update(f"{wiring} {audio_seconds:g} {max_windows}".encode())
    for weights in encoder.get_weights():
        digest.update(str(weights.shape).encode())
        digest.update(weights.tobytes())
    return digest.hexdigest()[:16]


def library_versions() -> dict[str, str]:
    """The installed versions of the libraries that a result depends on."""
    names = ("fused-encoder", "tensorflow", "keras", "numpy", "librosa", "soundfile", "soxr")
    versions = {}
    for name in (*names, "av", "opencv-python"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # such as opencv-python where the headless one is installed
            versions[name] = "not installed"
    return versions


def _signatures(module: PairEmbedding) -> dict[str, tf.types.experimental.ConcreteFunction]:
    by_type = [module.embed.get_concrete_function(spec, WAVEFORM_SPEC) for spec in IMAGE_SPECS]
    return {"serving_default": by_type[0], "float_images": by_type[1]}


def _refuse_to_overwrite(target: Path) -> None:
    is_export = Path(target, "assets", SETTINGS_FILE).is_file()
    is_empty = target.is_dir() and not any(target.iterdir())
    if target.exists() and not (is_export or is_empty):
        raise FileExistsError(
            f"'{target}' exists and is not an exported encoder; it is left as it is. "
            "Choose another path, or move it away."
        )
