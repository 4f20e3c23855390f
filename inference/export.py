"""Export: one SavedModel that takes what a camera and a recorder give, and needs none of our code."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keras

from fused_encoder.front_ends.contract import AudioFrontEnd, FrontEndSpec
from fused_encoder.front_ends.no_sound import NO_SOUND
from fused_encoder.front_ends.yamnet import Yamnet, as_front_end
from fused_encoder.image_branch import is_seeing
from inference.calibrate import Calibration, load_calibration, save_calibration
from inference.calibrate.calibration import CALIBRATION_FILE
from inference.pair_embedding import IMAGE_SPECS, WAVEFORM_SPEC, PairEmbedding
from inference.saved_model_file import refuse_to_overwrite, write_saved_model

SETTINGS_FILE = "encoder.json"
SCHEMA = 1

_LIBRARIES = (
    *("fused-encoder", "tensorflow", "keras", "numpy", "librosa", "soundfile", "soxr"),
    *("av", "opencv-python"),
)


@dataclass(frozen=True)
class EncoderSettings:
    """What travels inside an exported encoder beside its weights.

    `thresholds` holds for each modality pattern ("fused", "image", "audio") the cosine similarity from which
    two embeddings are taken for the same class.
    """

    fingerprint: str  # of the weights and the front end; an index belongs to one
    embedding_size: int
    audio_seconds: float  # length of a window of sound
    max_windows: int  # of a recording that are embedded
    front_end: FrontEndSpec  # how it cuts sound
    sees: bool = True  # whether it was made for photos
    hears: bool = True  # whether it was made for recordings
    class_names: tuple[str, ...] = ()  # what it was trained to tell apart
    thresholds: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)  # of the libraries that made it
    schema: int = SCHEMA  # of this record


def export_saved_model(
    encoder: keras.Model,
    yamnet: Yamnet | AudioFrontEnd | None,
    path: str | Path,
    *,
    audio_seconds: float = 5.0,
    max_windows: int = 6,
    class_names: Sequence[str] = (),
    thresholds: Mapping[str, float] | None = None,
    calibration: Calibration | None = None,
) -> Path:
    """Writes the encoder, its audio front end and all preprocessing as one SavedModel.

    It runs by `tf.saved_model.load(path)` or in TF Serving: `embed(images, waveforms)`, see
    `PairEmbedding.embed`; the signature `serving_default` is that for uint8 photos, `float_images` for
    float32. `assets/encoder.json` holds `EncoderSettings`.

    Args:
        encoder: from `create_fused_encoder`.
        yamnet: the YAMNet or other front end that the encoder was trained with; None of photos only.
        path: a folder that does not exist yet, or an older export, which is replaced as a whole.
        audio_seconds: float > 0, the length of a window of sound: what the encoder was trained with.
        max_windows: int >= 1, how many windows of a long recording are embedded (and averaged).
        class_names: what it was trained to tell apart.
        thresholds: see `EncoderSettings`.
        calibration: what its similarities mean, from `fit_calibration` on its embeddings; written to
            `assets/calibration.json`. It can be added later: `attach_calibration`.

    Returns:
        The path.

    Raises:
        FileExistsError: the path holds something that is not an exported encoder.
        OSError: it cannot be written, such as on a full disk.
        ValueError: an option is out of range, the calibration is of another encoder, or the front end
            cannot be part of a TensorFlow graph.
    """
    if audio_seconds <= 0 or max_windows < 1:
        raise ValueError(
            "Expected audio_seconds > 0 and max_windows >= 1, received "
            f"audio_seconds={audio_seconds} and max_windows={max_windows}."
        )
    refuse_to_overwrite(path, SETTINGS_FILE, "encoder")
    front_end = as_front_end(yamnet)
    settings = replace(
        settings_of(encoder, front_end, audio_seconds=audio_seconds, max_windows=max_windows),
        class_names=tuple(class_names),
        thresholds=dict(thresholds or {}),
    )
    module = PairEmbedding(encoder, front_end, audio_seconds=audio_seconds, max_windows=max_windows)
    return write_export(module, settings, path, calibration)


def write_export(
    module: PairEmbedding,
    settings: EncoderSettings,
    path: str | Path,
    calibration: Calibration | None = None,
) -> Path:
    """Writes a module with its settings, see `export_saved_model`, to a folder; returns its path.

    Raises:
        FileExistsError, OSError: as `export_saved_model`.
        ValueError: the calibration is of another encoder.
    """
    if calibration is not None:
        check_belongs(calibration, settings.fingerprint)

    def add_calibration(built: Path) -> None:
        if calibration is not None:
            save_calibration(built / "assets" / CALIBRATION_FILE, calibration)

    uint8, float32 = (
        module.embed.get_concrete_function(spec, WAVEFORM_SPEC) for spec in IMAGE_SPECS
    )
    return write_saved_model(
        module,
        path,
        signatures={"serving_default": uint8, "float_images": float32},
        settings_file=SETTINGS_FILE,
        settings=json.dumps(asdict(settings), ensure_ascii=False, indent=1),
        what="encoder",
        complete=add_calibration,
    )


def attach_calibration(path: str | Path, calibration: Calibration) -> None:
    """Puts a calibration into an exported encoder, in place of the one it had.

    Args:
        path: folder that `export_saved_model` wrote.
        calibration: from `fit_calibration` on embeddings of this encoder.
    Raises:
        FileNotFoundError: it is not an exported encoder.
        ValueError: the calibration is of another encoder, or does not say of which.
    """
    check_belongs(calibration, load_settings(path).fingerprint)
    save_calibration(Path(path, "assets", CALIBRATION_FILE), calibration)


def attached_calibration(path: str | Path) -> Calibration | None:
    """The calibration inside an exported encoder, or None. Raises as `load_settings`, and for another's."""
    fingerprint = load_settings(path).fingerprint
    file = Path(path, "assets", CALIBRATION_FILE)
    if not file.is_file():
        return None
    calibration = load_calibration(file)
    try:
        check_belongs(calibration, fingerprint)
    except ValueError as error:
        raise ValueError(
            f"'{file}' does not belong to the encoder beside it: {error} Remove the file, or calibrate this "
            "encoder: `fused-encoder calibrate`."
        ) from error
    return calibration


def load_settings(path: str | Path) -> EncoderSettings:
    """The settings of an exported encoder, without loading it.

    Raises:
        FileNotFoundError: it is not an exported encoder.
        ValueError: it is damaged, or was written by a newer version.
    """
    file = Path(path, "assets", SETTINGS_FILE)
    if not file.is_file():
        raise FileNotFoundError(
            f"No exported encoder at '{path}'. Expected a folder that export_saved_model or "
            f"`fused-encoder export` wrote, with a file assets/{SETTINGS_FILE}."
        )
    try:
        record = json.loads(file.read_text("utf-8"))
        if record["schema"] <= SCHEMA:
            record["class_names"] = tuple(record["class_names"])
            record["front_end"] = FrontEndSpec(**record["front_end"])
            return EncoderSettings(**record)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"'{file}' is damaged ({error}). Export the encoder again.") from error
    raise ValueError(
        f"'{path}' has schema {record['schema']}, this version reads up to {SCHEMA}. "
        "Update fused-encoder, or export the encoder again."
    )


def settings_of(
    encoder: keras.Model, front_end: AudioFrontEnd, *, audio_seconds: float, max_windows: int
) -> EncoderSettings:
    """The settings of an encoder that is not exported; arguments as in `export_saved_model`."""
    return EncoderSettings(
        fingerprint=encoder_fingerprint(
            encoder, front_end, audio_seconds=audio_seconds, max_windows=max_windows
        ),
        embedding_size=encoder.output_shape[-1],
        audio_seconds=audio_seconds,
        max_windows=max_windows,
        front_end=front_end.spec,
        sees=is_seeing(encoder),
        hears=front_end.name != NO_SOUND.name,
        versions=library_versions(),
    )


def encoder_fingerprint(
    encoder: keras.Model, front_end: AudioFrontEnd, *, audio_seconds: float, max_windows: int
) -> str:
    """16 hex digits that name all an embedding depends on: weights, wiring, front end, how sound is cut."""
    wiring = json.dumps(encoder.get_config(), sort_keys=True, default=str)
    wiring = re.sub(r'_\d+"', '"', wiring)  # Keras numbers the layers without a name of their own
    digest = hashlib.sha256(front_end.fingerprint.encode())
    digest.update(f"{wiring} {audio_seconds:g} {max_windows}".encode())
    for weights in encoder.get_weights():
        digest.update(str(weights.shape).encode())
        digest.update(weights.tobytes())
    return digest.hexdigest()[:16]


def check_belongs(calibration: Calibration, fingerprint: str) -> None:
    """Refuses a calibration that is not known to be of the encoder with this fingerprint (ValueError)."""
    if calibration.fingerprint is None:
        raise ValueError(
            "The calibration does not say of which encoder it is, so that a wrong one would not be noticed. "
            "Fit it on embeddings as `Embedder.embed` gives them (np.asarray and np.concatenate lose the "
            "fingerprint; concatenate_embeddings keeps it)."
        )
    calibration.check_fingerprint(fingerprint)


def library_versions() -> dict[str, str]:
    """The installed versions of the libraries that a result depends on."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # such as opencv-python where the headless one is installed
            versions[name] = "not installed"
    return versions
