"""Export: one SavedModel that takes a waveform, names species, says when, and needs none of our code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fused_encoder.front_ends.contract import FrontEndSpec
from inference.export import library_versions
from inference.saved_model_file import refuse_to_overwrite, write_saved_model
from soundscapes.classifier import SoundClassifier
from soundscapes.exported_graph import WaveformClassifier
from soundscapes.listening import hop_seconds_of
from soundscapes.prediction_settings import PredictionSettings
from soundscapes.thresholds import SpeciesThresholds
from soundscapes.thresholds_file import thresholds_from_json, thresholds_to_json

SETTINGS_FILE = "classifier.json"
SCHEMA = 1


@dataclass(frozen=True)
class ClassifierSettings:
    """What travels inside an exported classifier beside its weights.

    Attributes:
        fingerprint: 16 hex digits, of the weights of all its networks and the front end.
        class_names: the species, in the order of the scores.
        front_end: how it cuts sound. Resample waveforms to its `sample_rate_hz` first.
        clip_seconds: float, of sound that the network takes at once.
        hop_seconds: float, from clip to clip.
        seconds_per_moment: float, of a row of "moment_scores".
        num_classifiers: int, whose scores are averaged.
        thresholds: from which score on each species is there; None where none are certified.
        versions: of the libraries that made it.
        schema: of this record.
    """

    fingerprint: str
    class_names: tuple[str, ...]
    front_end: FrontEndSpec
    clip_seconds: float
    hop_seconds: float
    seconds_per_moment: float
    num_classifiers: int = 1
    thresholds: SpeciesThresholds | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    schema: int = SCHEMA


def export_classifier(
    classifiers: SoundClassifier | Sequence[SoundClassifier],
    path: str | Path,
    *,
    thresholds: SpeciesThresholds | None = None,
    hop_seconds: float | None = None,
) -> Path:
    """Writes a classifier, or folds of one, with the front end and all cutting as one SavedModel.

    `tf.saved_model.load(path)` gives `classify(waveform)` for float32 [num_samples] and
    `classify_batch(waveforms)` for float32 [batch, num_samples], right-padded with zeros; the signatures
    `waveform` and `serving_default` are these. The waveform is mono, at the front end's sample rate (see
    `assets/classifier.json`), in [-1, 1], of any length; trailing zeros are padding. The answer is

    - "scores" [batch, num_classes], in [0, 1], of the recording: the mean over its clips, as
      `predict_recordings` gives it; and "logits", their log-odds;
    - "moment_scores" [batch, num_moments, num_classes], and "moment_starts" [num_moments] in seconds.

    NaN stands where nothing is to be heard (silence, padding). Hours at once need memory; they are what
    `predict_recordings` is for.

    Args:
        classifiers: one; or several of the same classes, front end and clip length, whose scores are
            averaged inside.
        path: a folder that does not exist yet, or an older export, which is replaced as a whole.
        thresholds: of the species.
        hop_seconds: float > 0, from clip to clip; overlapping clips are averaged. Default: half a clip.

    Returns:
        The path.

    Raises:
        FileExistsError: the path holds something that is not an exported classifier.
        OSError: it cannot be written.
        ValueError: the front end cannot be part of a graph; the classifiers differ in classes, front end or
            clips; the thresholds are of other classes.
    """
    ensemble = [classifiers] if isinstance(classifiers, SoundClassifier) else list(classifiers)
    refuse_to_overwrite(path, SETTINGS_FILE, "classifier")
    hop = hop_seconds_of(ensemble[0], PredictionSettings(hop_seconds=hop_seconds))
    module = WaveformClassifier(ensemble, hop_seconds=hop)
    first = ensemble[0]
    if thresholds is not None:
        thresholds.of(first.class_names)  # raises for others
    settings = ClassifierSettings(
        fingerprint=classifier_fingerprint(ensemble),
        class_names=first.class_names,
        front_end=first.front_end.spec,
        clip_seconds=first.clip_frames * first.front_end.hop_seconds,
        hop_seconds=hop,
        seconds_per_moment=module.seconds_per_moment,
        num_classifiers=len(ensemble),
        versions=library_versions(),
    )
    record = asdict(settings)
    if thresholds is not None:
        record["thresholds"] = json.loads(thresholds_to_json(thresholds))
    return write_saved_model(
        module,
        path,
        signatures={
            "serving_default": module.classify_batch.get_concrete_function(),
            "waveform": module.classify.get_concrete_function(),
        },
        settings_file=SETTINGS_FILE,
        settings=json.dumps(record, ensure_ascii=False, indent=1),
        what="classifier",
    )


def load_classifier_settings(path: str | Path) -> ClassifierSettings:
    """The settings of an exported classifier, without loading it.

    Raises:
        FileNotFoundError: it is not an exported classifier.
        ValueError: it is damaged, or was written by a newer version.
    """
    file = Path(path, "assets", SETTINGS_FILE)
    if not file.is_file():
        raise FileNotFoundError(
            f"No exported classifier at '{path}'. Expected a folder that export_classifier or "
            f"`fused-encoder classify export` wrote, with a file assets/{SETTINGS_FILE}."
        )
    try:
        record = json.loads(file.read_text("utf-8"))
        if record["schema"] <= SCHEMA:
            thresholds = record["thresholds"]
            record["class_names"] = tuple(record["class_names"])
            record["front_end"] = FrontEndSpec(**record["front_end"])
            record["thresholds"] = thresholds and thresholds_from_json(json.dumps(thresholds))
            return ClassifierSettings(**record)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"'{file}' is damaged ({error}). Export the classifier again.") from error
    raise ValueError(
        f"'{path}' has schema {record['schema']}, this version reads up to {SCHEMA}. "
        "Update fused-encoder, or export the classifier again."
    )


def classifier_fingerprint(classifiers: Sequence[SoundClassifier]) -> str:
    """16 hex digits that name all that scores depend on: front ends, weights, classes and clips."""
    digest = hashlib.sha256()
    for one in classifiers:
        told = [one.front_end.fingerprint, *one.class_names, str(one.clip_frames)]
        digest.update("\n".join(told).encode())
        for weights in one.network.get_weights():
            digest.update(str(weights.shape).encode())
            digest.update(weights.tobytes())
    return digest.hexdigest()[:16]
