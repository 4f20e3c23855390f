"""What a small student learns from a large teacher: ten marine mammals, grouped folds, several seeds.

python benchmarks/distillation.py [--only accuracy size] [--folds 5] [--seeds 3] [--blocks] [--json FILE]

Data: marine_mammals, clips of the Watkins database at native rates from 5 to 167 kHz. Both halves of a
recording are on one side, and so are recordings with the same sound; those with the same sound (decoded)
under two species names are dropped first. Recordings of neighbouring numbers may be of one tape; with
--blocks a tenth of a species' numbers in a row stays together. Five folds, grouped; within the training
part a fifth chooses the best epoch. Nothing else is chosen, and nothing on what is reported.

- `teacher_accuracy`: BirdNET with the 18 features, a linear head; its floor `birdnet_probe_accuracy` is
  logistic regression on BirdNET's mean frame alone, trained on the same recordings.
- `student_accuracy`: distilled with the published recipe, what the teacher says being cross-fitted;
  `student_alone_accuracy`: the same student and recipe from labels alone, the same seeds.
  `student_minus_alone` with its 95 % interval, resampling recordings (sources), of the mean over seeds;
  `..._seed_sd` is the spread over seeds.
- `student_int8_accuracy`: the very students as LiteRT files of 8 bits, whose ranges are from training
  clips; `student_int8_minus_student` with its interval. `int8_kilobytes` is the largest of the files.
- `student_common_band_accuracy`: all files in the lowest common band; `rate_duration_accuracy`: a decision
  tree on sample rate and duration, `confounds_accuracy` on all circumstances.
- `unknown_...`: see distilled_unknown.py. Sizes, speeds and `listen_...`: see distilled_speed.py.
"""

import hashlib
import logging
from pathlib import Path

import common
import distilled_speed
import numpy as np

STORE = Path("/tmp/distillation")  # features, made once
PARTS = ("size", "listen", "accuracy", "common_band", "unknown")  # the short ones first


def main() -> None:
    """Measures what was asked for."""
    options = common.read_options(
        __doc__, only=PARTS, folds=5, seeds=3, epochs=60, patience=15, pairs=5, blocks=False
    )
    common.weights_folder()
    logging.disable(logging.WARNING)  # notes on low sample rates, hundreds of them
    recordings = marine_mammals(blocks=options.blocks)
    figures: common.Figures = {"num_recordings": len(recordings)}
    parts = {"accuracy": accuracy, "common_band": common_band, "unknown": unknown}
    parts |= {"size": distilled_speed.size, "listen": distilled_speed.listen}
    for part in options.only:
        figures |= parts[part](recordings, options)
    common.report(options.json, figures)


def marine_mammals(*, blocks: bool = False):
    """The recordings without those whose sound is in two species; source: the recording, or its copies."""
    from dataclasses import replace

    from soundscapes import LabelledRecordings, scan_recordings

    found = scan_recordings(
        common.data_folder("marine_mammals"), source_of=lambda path: path.stem.rpartition("_")[0]
    )
    contents = [_sound_of(one.path) for one in found]
    species: dict[str, set[int]] = {}
    for one, content in zip(found, contents, strict=True):
        species.setdefault(content, set()).add(one.primary)
    kept = [
        (one, content)
        for one, content in zip(found, contents, strict=True)
        if len(species[content]) == 1
    ]
    if blocks:
        names = _blocks([one for one, _ in kept])
        kept = [(replace(one, source=names[one.path]), content) for one, content in kept]
    same = _same_sound([(one.source, content) for one, content in kept])
    every = tuple(replace(one, source=same[one.source]) for one, _ in kept)
    return LabelledRecordings(found.class_names, every)


def _sound_of(path: Path) -> str:
    """Names what a file holds once it is decoded: two encodings of one sound are one."""
    from media import load_waveform, probe_audio

    rate = probe_audio(path).sample_rate_hz
    return hashlib.sha256(load_waveform(path, sample_rate_hz=rate).tobytes()).hexdigest()


def _blocks(recordings) -> dict[Path, str]:
    """Of each file the tenth of its species' recordings, in the order of their numbers, that it lies in."""
    by_species: dict[int, list] = {}
    for one in recordings:
        by_species.setdefault(one.primary, []).append(one)
    names = {}
    for species, ones in by_species.items():
        numbers = sorted({one.source for one in ones})
        for one in ones:
            names[one.path] = f"{species} {10 * numbers.index(one.source) // len(numbers)}"
    return names


def _same_sound(pairs) -> dict[str, str]:
    """Sources that share a content become one."""
    import networkx as nx

    graph = nx.Graph()
    for source, content in pairs:
        graph.add_edge(("source", source), ("content", content))
    return {
        name: min(n for k, n in group if k == "source")
        for group in nx.connected_components(graph)
        for kind, name in group
        if kind == "source"
    }


def accuracy(recordings, options) -> common.Figures:
    """Teacher, distilled student and student alone, on held-out recordings."""
    from inference.metrics import bootstrap_interval
    from soundscapes import confound_probe

    ways: dict[str, np.ndarray] = {}
    for seed in range(options.seeds):
        for name, hits in _hits_of_a_seed(recordings, seed, options, _every_way).items():
            ways.setdefault(name, np.zeros((options.seeds, len(recordings))))[seed] = hits
    sources = np.array([one.source for one in recordings])
    asked = ~np.isnan(ways["student"]).any(axis=0)
    kilobytes = ways.pop("kilobytes")
    figures = {f"{name}_accuracy": float(hits[:, asked].mean()) for name, hits in ways.items()}
    figures["int8_kilobytes"] = float(np.nanmax(kilobytes))
    for name, other, key in (
        ("student", "student_alone", "student_minus_alone"),
        ("teacher", "birdnet_probe", "teacher_minus_birdnet_probe"),
        ("student_int8", "student", "student_int8_minus_student"),
    ):
        gain = (ways[name] - ways[other])[:, asked]
        figures[key] = float(gain.mean())
        interval = bootstrap_interval(gain.mean(axis=0), sources[asked])
        figures[f"{key}_low"], figures[f"{key}_high"] = interval
        figures[f"{key}_seed_sd"] = float(gain.mean(axis=1).std(ddof=1)) if len(gain) > 1 else 0.0
    probe = confound_probe(recordings)
    headers = confound_probe(recordings, headers_only=True)
    return figures | {
        "rate_duration_accuracy": headers.accuracy,
        "confounds_accuracy": probe.accuracy,
    }


def common_band(recordings, options) -> common.Figures:
    """The same student, taught, in the lowest common band."""
    from student import common_band

    hearing = common_band(recordings)

    def way(clips, validation, held_out, how):
        _, taught = teacher_of(clips, how.seed)
        student = trained_student(clips, validation, taught, how)
        named = _named(held_out, logits_of(student, held_out))
        return {"student": named == held_out.recordings.primary}

    hits = [
        _hits_of_a_seed(recordings, seed, options, way, hearing)["student"]
        for seed in range(options.seeds)
    ]
    return {
        "student_common_band_accuracy": float(np.nanmean(hits)),
        "common_band_hz": hearing.highest_hz,
    }


def unknown(recordings, options) -> common.Figures:
    """How well students know what they were never taught."""
    from distilled_unknown import unknown_figures

    return unknown_figures(recordings, options)


def _hits_of_a_seed(recordings, seed: int, options, way, hearing=None) -> dict[str, np.ndarray]:
    """Of each way, whether each recording was named rightly by networks that never heard its source."""
    from soundscapes import fold_recordings, split_recordings

    place = {one.path: number for number, one in enumerate(recordings)}
    found: dict[str, np.ndarray] = {}
    folds = list(fold_recordings(recordings, num_folds=5, seed=seed))
    for training, held_out in folds[: options.folds]:
        training, validation = split_recordings(training, seed=seed)
        sides = [heard(side, hearing) for side in (training, validation, held_out)]
        asked = [place[one.path] for one in sides[2].recordings]
        for name, hits in way(*sides, recipe(options, seed)).items():
            found.setdefault(name, np.full(len(recordings), np.nan))[asked] = hits
    return found


def _every_way(clips, validation, held_out, how) -> dict[str, np.ndarray]:
    teacher, taught = teacher_of(clips, how.seed)
    truth = held_out.recordings.primary
    student = trained_student(clips, validation, taught, how)
    alone = trained_student(clips, validation, None, how)
    small, kilobytes = _int8_logits(student, clips, held_out)
    logits = {
        "teacher": teacher.outputs(held_out).logits,
        "student": logits_of(student, held_out),
        "student_alone": logits_of(alone, held_out),
        "student_int8": small,
    }
    hits = {name: _named(held_out, each) == truth for name, each in logits.items()}
    sizes = np.full(len(truth), kilobytes)
    return {"birdnet_probe": _probe(clips, held_out), **hits, "kilobytes": sizes}


def _named(clips, logits: np.ndarray) -> np.ndarray:
    """Of each recording the species that its clips' mean logits name."""
    from student.clips import recording_means

    return recording_means(logits, clips.recording_of).argmax(axis=1)


def _int8_logits(student, clips, held_out) -> tuple[np.ndarray, float]:
    """What the file of 8 bits says of held-out clips, and its kilobytes; training clips set its ranges."""
    from student import export_litert
    from student.litert import litert_function

    path = STORE / "student.tflite"
    kilobytes = export_litert(student, path, precision="int8", clips=clips).kilobytes
    run = litert_function(path.read_bytes())
    mel, features = held_out.inputs
    rows = [run(mel=mel[[n]], features=features[[n]]) for n in range(len(held_out))]
    return np.concatenate(rows), kilobytes


def trained_student(clips, validation, taught, how):
    """A student by the published recipe."""
    from student import distil_student

    return distil_student(clips, validation, taught, options=how, progress=False).student


def logits_of(student, clips) -> np.ndarray:
    """What a student says of clips."""
    from student.distil import predicted

    return predicted(student.network, clips)


def teacher_of(clips, seed: int):
    """BirdNET with the 18 features; and what heads that were trained without them say of its clips."""
    from student import train_head_teacher
    from triplets import FeatureStore

    store = FeatureStore(STORE)
    teacher = train_head_teacher(clips, _birdnet(), store=store, seed=seed, progress=False)
    return teacher, teacher.cross_fitted


def _probe(clips, held_out) -> np.ndarray:
    """Logistic regression on BirdNET's mean frame of a recording."""
    from student.clips import recording_means
    from student.teacher import clip_means
    from training.floors import log_probabilities
    from triplets import FeatureStore

    means = [
        recording_means(clip_means(_birdnet(), side, store=FeatureStore(STORE)), side.recording_of)
        for side in (clips, held_out)
    ]
    known, asked = (common.unit_length(each + 1e-9) for each in means)
    sources = np.array([one.source for one in clips.recordings])
    found, logs = log_probabilities(known, clips.recordings.primary, asked, sources)
    return found[logs.argmax(axis=1)] == held_out.recordings.primary


def heard(recordings, hearing=None):
    """Clips of recordings, made once."""
    from student import StudentHearing, prepare_clips
    from triplets import FeatureStore

    hearing = hearing or StudentHearing()
    return prepare_clips(recordings, hearing, store=FeatureStore(STORE), progress=False)


def recipe(options, seed: int):
    """The published one."""
    from student import StudentTraining

    return StudentTraining(epochs=options.epochs, patience=options.patience, seed=seed)


def _birdnet():
    if "birdnet" not in _FRONT_ENDS:
        from fused_encoder import load_birdnet

        _FRONT_ENDS["birdnet"] = load_birdnet()
    return _FRONT_ENDS["birdnet"]


_FRONT_ENDS: dict = {}


if __name__ == "__main__":
    main()
