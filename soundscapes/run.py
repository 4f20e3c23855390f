"""A trained sound classifier on disk: the network, its front end's name, and which files it has seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras

from fused_encoder.front_ends.by_name import load_front_end
from fused_encoder.front_ends.contract import AudioFrontEnd
from inference.export import library_versions
from media.atomic import write_text_atomically
from soundscapes.classifier import SoundClassifier
from soundscapes.common_band import band_limited, lowest_sample_rate, mel_at_rate
from soundscapes.mel_networks import MEL
from soundscapes.mel_settings import MelSettings
from soundscapes.options import SoundTraining, training_from_dict
from soundscapes.recordings import LabelledRecording, LabelledRecordings
from soundscapes.spectrogram import mel_front_end
from soundscapes.train import TrainedSoundClassifier
from triplets import Skipped

SCHEMA = 1
RUN_FILE, NETWORK_FILE = "run.json", "classifier.keras"


@dataclass(frozen=True)
class HearingSource:
    """How a front end is found again.

    Args:
        name: what `load_front_end` takes; or "mel" for spectrograms.
        mel: how spectrograms are made; None for other front ends.
        band_rate_hz: int, to which all sound is brought down first, see `band_limited`; None: it is not.
    """

    name: str
    mel: MelSettings | None = None
    band_rate_hz: int | None = None

    def load(self) -> AudioFrontEnd:
        """The front end; raises as `load_front_end`."""
        if self.name == MEL:
            return mel_front_end(self.mel or MelSettings())
        front_end = load_front_end(self.name)
        return (
            front_end if self.band_rate_hz is None else band_limited(front_end, self.band_rate_hz)
        )

    def in_common_band(self, recordings: LabelledRecordings) -> HearingSource:
        """The same, deaf to what the lowest sample rate among the recordings cannot hold."""
        rate = lowest_sample_rate(recordings)
        if self.name != MEL:
            return replace(self, band_rate_hz=rate)
        mel = self.mel or MelSettings()
        return replace(self, mel=mel_at_rate(mel, min(rate, mel.sample_rate_hz)))


@dataclass(frozen=True)
class SoundRun:
    """What `save_sound_run` wrote.

    Attributes:
        directory: where it is.
        classifier: the network with its front end.
        options: how it was trained.
        training: recordings that it has seen.
        held_out: recordings that it has not.
        history: of each epoch, see `TrainedSoundClassifier`.
        skipped: recordings that could not be used in training.
    """

    directory: Path
    classifier: SoundClassifier
    options: SoundTraining
    training: LabelledRecordings
    held_out: LabelledRecordings
    history: dict[str, list[float]]
    skipped: tuple[Skipped, ...] = ()


def save_sound_run(
    directory: str | Path,
    trained: TrainedSoundClassifier,
    options: SoundTraining,
    training: LabelledRecordings,
    held_out: LabelledRecordings,
    hearing: HearingSource,
) -> Path:
    """Writes `classifier.keras` and `run.json`, for `load_sound_run`; an earlier run is replaced.

    Args:
        directory: made if it does not exist.
        trained: from `train_sound_classifier`.
        options: those it was given.
        training: recordings it was given.
        held_out: recordings that it was not given.
        hearing: how its front end is found again. The front end's own weights are not copied.

    Returns:
        The directory.
    """
    root, classifier = Path(directory), trained.classifier
    root.mkdir(parents=True, exist_ok=True)
    record = {
        "schema": SCHEMA,
        "front_end": asdict(hearing),
        "front_end_fingerprint": classifier.front_end.fingerprint,
        "class_names": classifier.class_names,
        "clip_frames": classifier.clip_frames,
        "options": options.to_dict(),
        "history": trained.history,
        "training": recordings_to_json(training),
        "held_out": recordings_to_json(held_out),
        "skipped": [[str(file.path), file.reason] for file in trained.skipped],
        "versions": library_versions(),
    }
    classifier.network.save(root / f"unfinished-{NETWORK_FILE}")
    (root / RUN_FILE).unlink(missing_ok=True)  # never a network beside another's record
    (root / f"unfinished-{NETWORK_FILE}").replace(root / NETWORK_FILE)
    write_text_atomically(root / RUN_FILE, json.dumps(record, indent=1))
    return root


def load_sound_run(directory: str | Path) -> SoundRun:
    """The run that `save_sound_run` or `fused-encoder classify train --out` wrote.

    Raises:
        FileNotFoundError: it holds no such run.
        ValueError: it is damaged, was written by another version, or the front end found now is another
            than that of the training.
        MissingWeightsError: its front end is not to be had here.
    """
    root = Path(directory)
    if not (root / RUN_FILE).is_file():
        raise FileNotFoundError(
            f"No sound classifier in '{root}'. Expected a folder that `fused-encoder classify train --out` "
            f"wrote, with the files {RUN_FILE} and {NETWORK_FILE}."
        )
    try:
        record = json.loads((root / RUN_FILE).read_text("utf-8"))
        names, clip_frames = tuple(record["class_names"]), int(record["clip_frames"])
        training, held_out = (
            recordings_from_json(record[side], names) for side in ("training", "held_out")
        )
        options = training_from_dict(record["options"])
        heard = record["front_end"]
        mel = heard["mel"] and MelSettings(**heard["mel"])
        hearing = HearingSource(heard["name"], mel, heard.get("band_rate_hz"))
        network = keras.saving.load_model(root / NETWORK_FILE, compile=False)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ValueError(
            f"The sound classifier in '{root}' is damaged, or another version wrote it: {error}. Train again."
        ) from error
    front_end = hearing.load()
    if front_end.fingerprint != record["front_end_fingerprint"]:
        raise ValueError(
            f"'{root}' was trained with another front end '{front_end.name}' (fingerprint "
            f"{record['front_end_fingerprint']}) than the one found now ({front_end.fingerprint}). Put that "
            "of the training in its place, or train again."
        )
    return SoundRun(
        root,
        SoundClassifier(network, front_end, names, clip_frames),
        options,
        training,
        held_out,
        record["history"],
        tuple(Skipped(Path(path), reason) for path, reason in record["skipped"]),
    )


def load_classifier(directory: str | Path) -> SoundClassifier:
    """The classifier of a run alone; raises as `load_sound_run`."""
    return load_sound_run(directory).classifier


def recordings_to_json(recordings: LabelledRecordings) -> list[dict[str, Any]]:
    """As JSON holds them, with whole paths."""
    return [{**asdict(one), "path": str(one.path.absolute())} for one in recordings]


def recordings_from_json(
    records: Sequence[dict[str, Any]], class_names: tuple[str, ...]
) -> LabelledRecordings:
    """The recordings that `recordings_to_json` gave."""
    recordings = (LabelledRecording(**record) for record in records)
    return LabelledRecordings(
        class_names,
        tuple(
            replace(
                one,
                path=Path(one.path),
                secondary=tuple(one.secondary),
                place=one.place and (one.place[0], one.place[1]),
            )
            for one in recordings
        ),
    )
