"""`tune_sound_classifier`: learning rate and augmentation by trials, in a study on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fused_encoder.front_ends.contract import AudioFrontEnd
from soundscapes.augmentation.augmentation import Augmentation
from soundscapes.augmentation.levels import FloorChange
from soundscapes.augmentation.masks import FrequencyMask, TimeMask
from soundscapes.augmentation.spectrogram_mixtures import SpectrogramMixup
from soundscapes.folds import split_recordings
from soundscapes.measures import measure_scores
from soundscapes.mel_networks import MEL
from soundscapes.options import SoundTraining
from soundscapes.recordings import LabelledRecordings
from soundscapes.train import recording_logits, train_sound_classifier
from triplets import FeatureStore, prepare_media

if TYPE_CHECKING:
    import optuna
    from matplotlib.figure import Figure

STUDY_FILE = "study.db"
STUDY_NAME = "sound_classifier"


def tune_sound_classifier(
    recordings: LabelledRecordings,
    front_end: AudioFrontEnd,
    network: str | None = None,
    *,
    directory: str | Path,
    num_trials: int = 20,
    options: SoundTraining | None = None,
    store: FeatureStore | None = None,
    progress: bool = True,
    **network_options: Any,  # of `create_sound_classifier`
) -> optuna.Study:
    """Looks for the learning rate and the strength of augmentation that do best on recordings held back.

    The published four are varied: the learning rate, the lengths of the masks, the change of the decibel
    floor, and the share of clips that are mixed (of a frozen front end the first and the masks of time). A
    fifth of the recordings, other sources, is held back and its mean average precision is the aim. Give
    training recordings alone: what the result is reported on must not be among them.

    Args:
        recordings: see `train_sound_classifier`, as all that is not named here.
        front_end: likewise.
        network: likewise.
        directory: where the study is kept, as SQLite; trials that are there already count.
        num_trials: int >= 1, in all.
        options: what is not varied.
        store: likewise.
        progress: likewise.
        network_options: likewise.

    Returns:
        The study: `with_parameters(options, study.best_params)` trains with the best.

    Raises:
        ImportError: Optuna is not installed: pip install "fused-encoder[tune]".
        ValueError: `num_trials` is below 1, or as `train_sound_classifier`.
    Reference:
        Akiba et al., "Optuna", 2019, https://optuna.org
    """
    if num_trials < 1:
        raise ValueError(f"Expected num_trials of at least 1, received {num_trials}.")
    library = _optuna()
    options = options or SoundTraining()
    training, watched = split_recordings(recordings, seed=options.seed)
    files = prepare_media(
        watched.files(),
        front_end,
        max_audio_seconds=options.max_seconds,
        store=store,
        progress=progress,
    ).recordings
    place = {one.path: number for number, one in enumerate(watched)}
    labels = watched.only([place[file.path] for file in files]).labels()

    def precision(trial: optuna.Trial) -> float:
        trained = train_sound_classifier(
            training,
            front_end,
            network,
            options=with_parameters(options, _drawn(trial, front_end.name == MEL)),
            store=store,
            progress=False,
            **network_options,
        )
        scores = recording_logits(trained.classifier, files)
        return measure_scores(scores, labels).average_precision

    return _study(library, Path(directory), precision, num_trials, options.seed)


def with_parameters(options: SoundTraining, parameters: Mapping[str, float]) -> SoundTraining:
    """Options with what a study varies: `with_parameters(options, study.best_params)`."""
    is_mel = "frequency_mask" in parameters
    steps = options.augmentation_on(is_mel=is_mel) or Augmentation.only()
    steps = replace(steps, time_mask=TimeMask(most=parameters["time_mask"]))
    if is_mel:
        change, middle = parameters["floor_change_db"], FloorChange().top_db
        steps = replace(
            steps,
            frequency_mask=FrequencyMask(most=parameters["frequency_mask"]),
            floor_change=FloorChange(least_db=middle - change, most_db=middle + change),
            spectrogram_mixup=SpectrogramMixup(probability=parameters["mixed_share"]),
        )
    return replace(options, learning_rate=parameters["learning_rate"], augmentation=steps)


def plot_study(study: optuna.Study) -> Figure:
    """Each trial's average precision over what was varied, the best marked."""
    from matplotlib.figure import Figure

    done = [trial for trial in study.trials if trial.value is not None]
    names = sorted(study.best_params)
    figure = Figure(figsize=(2.6 * len(names), 3), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), sharey=True), names, strict=True):
        axes.scatter([t.params[name] for t in done], [t.value for t in done], color="#222222", s=14)
        axes.scatter(study.best_params[name], study.best_value, color="#2a7f4f", s=60, zorder=3)
        scale = "log" if name == "learning_rate" else "linear"
        axes.set(xlabel=name.replace("_", " "), xscale=scale)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("average precision")
    return figure


def _drawn(trial: optuna.Trial, is_mel: bool) -> dict[str, float]:
    drawn = {
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
        "time_mask": trial.suggest_float("time_mask", 0.0, 0.5),
    }
    if is_mel:
        drawn["frequency_mask"] = trial.suggest_float("frequency_mask", 0.0, 0.3)
        drawn["floor_change_db"] = trial.suggest_float("floor_change_db", 0.0, 30.0)
        drawn["mixed_share"] = trial.suggest_float("mixed_share", 0.0, 1.0)
    return drawn


def _study(
    library: Any,
    directory: Path,
    aim: Callable[[optuna.Trial], float],
    num_trials: int,
    seed: int,
) -> optuna.Study:
    directory.mkdir(parents=True, exist_ok=True)
    library.logging.set_verbosity(library.logging.WARNING)
    study = library.create_study(
        storage=f"sqlite:///{(directory / STUDY_FILE).absolute()}",
        study_name=STUDY_NAME,
        direction="maximize",
        load_if_exists=True,
    )
    num_done = sum(trial.value is not None for trial in study.trials)
    # of the same seed as before it would draw the same again
    study.sampler = library.samplers.TPESampler(seed=seed + len(study.trials))
    study.optimize(aim, n_trials=max(num_trials - num_done, 0))
    return study


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ImportError(
            'Tuning needs Optuna, which is not installed: pip install "fused-encoder[tune]".'
        ) from error
    return optuna
