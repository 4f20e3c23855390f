"""Write an aviary to a folder: photos, recordings, videos and the truth about them."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from tqdm.contrib.concurrent import thread_map

from aviary.choreography import FRAMES_PER_SECOND, choose_casts
from aviary.individuals import Individual, generator_for
from aviary.layout import AMOUNTS, Aviary, Size, inhabitants, plan_aviary
from aviary.photos import take_photo
from aviary.songs import make_recording
from aviary.videos import SAMPLE_RATE_HZ, Truth, make_film, truth_of_all
from media import save_image, save_waveform, write_video
from media.atomic import write_text_atomically

logger = logging.getLogger(__name__)

RECIPE = 1
"""Raised whenever the same settings would give other birds, photos or songs."""
MARKER = "aviary.json"
SAMPLE_RATES_HZ = (22050, 22050, 22050, 44100)
"""Drawn at random for each recording."""


def write_aviary(
    directory: str | Path,
    *,
    size: Size = "standard",
    seed: int = 0,
    num_workers: int = 2,
    shows_progress: bool = True,
) -> Aviary:
    """The generated sample data in a folder: birds drawn, songs synthesised, videos filmed.

    The same seed gives the same pictures and sounds. Written again, a complete aviary is left as it is,
    and an interrupted one is completed.

    Args:
        directory: is created if need be; must be empty or hold this very aviary.
        size: "tiny" (2 species x 2 individuals, for tests), "small" (3 x 3) or "standard" (5 x 4).
        seed: int >= 0; another seed gives other individuals of the same species.
        num_workers: threads, >= 1.
        shows_progress: bars on the screen (never for "tiny").
    Returns:
        Where everything is.
    Raises:
        ValueError: an unknown size, a negative seed, or a folder that holds something else.
    Example:
        >>> aviary = write_aviary("aviary", size="tiny")
        >>> aviary.class_names[:2]
        ('cobalt_wren_00', 'cobalt_wren_01')
    """
    aviary = plan_aviary(Path(directory), size, seed)
    settings: Truth = {"recipe": RECIPE, "size": size, "seed": seed}
    if _is_complete(aviary.directory, settings):
        logger.info("The aviary in '%s' is complete.", aviary.directory)
        return aviary
    _write_json(aviary.directory / MARKER, {"settings": settings, "is_complete": False})
    tasks = _film_tasks(aviary.videos, AMOUNTS[size].cast_sizes, size, seed, "videos")
    films = thread_map(
        lambda task: task(),
        [*tasks, *_portrait_tasks(aviary)],
        max_workers=num_workers,
        desc="aviary",
        unit="file",
        disable=not shows_progress or size == "tiny",
    )
    _write_json(aviary.truth, truth_of_all(films[: len(tasks)], aviary.class_names))
    _write_json(aviary.directory / MARKER, {"settings": settings, "is_complete": True})
    return aviary


def write_videos(
    directory: str | Path,
    *,
    cast_sizes: Sequence[int],
    size: Size = "standard",
    seed: int = 0,
    series: str = "more",
    shares_branch: bool = False,
) -> Truth:
    """More videos of the individuals of an aviary than it comes with, for large tests of counting.

    Args:
        directory: gets video_01.mp4, ... and truth.json; is created if need be.
        cast_sizes: for each video, how many birds (1 to 4).
        size: of the aviary.
        seed: of the aviary.
        series: another name gives other videos of the same birds.
        shares_branch: whether the birds of a video live on one branch and pass one another.
    Returns:
        What truth.json holds: see `truth_of_all`.
    Raises:
        ValueError: a cast of none, of more than four or of more than there are individuals.
    """
    directory = Path(directory)
    tasks = _film_tasks(directory, cast_sizes, size, seed, series, shares_branch)
    films = [task() for task in tasks]
    truth = truth_of_all(films, plan_aviary(directory, size, seed).class_names)
    _write_json(directory / "truth.json", truth)
    return truth


def _is_complete(directory: Path, settings: Truth) -> bool:
    """Whether the folder holds all of this aviary; refuses a folder that holds something else."""
    marker = directory / MARKER
    if marker.exists():
        written = json.loads(marker.read_text(encoding="utf-8"))
        if written["settings"] != settings:
            raise ValueError(
                f"Folder '{directory}' holds another aviary: expected {settings}; found"
                f" {written['settings']}. Name another folder, or delete this one."
            )
        return bool(written["is_complete"])
    if directory.exists() and any(directory.iterdir()):
        raise ValueError(
            f"Folder '{directory}' is not empty and holds no aviary ({MARKER} is missing)."
            " Name a folder that is new or empty."
        )
    return False


def _write_json(path: Path, content: Truth) -> None:
    write_text_atomically(path, json.dumps(content, separators=(",", ":")))


def _film_tasks(
    directory: Path,
    cast_sizes: Sequence[int],
    size: Size,
    seed: int,
    series: str,
    shares_branch: bool = False,
) -> list[Callable[[], Truth]]:
    """One for each video; each gives what is true about it."""
    known, strangers = inhabitants(size, seed)
    casts = choose_casts(known, strangers, cast_sizes, generator_for(seed, series, "casts"))
    directory.mkdir(parents=True, exist_ok=True)

    def write_film(number: int) -> Truth:
        film = make_film(
            casts[number - 1],
            generator_for(seed, series, number),
            size=AMOUNTS[size].video_size,
            duration_seconds=AMOUNTS[size].video_seconds,
            shares_branch=shares_branch,
        )
        write_video(
            directory / f"video_{number:02d}.mp4",
            film.frames,
            frames_per_second=FRAMES_PER_SECOND,
            waveform=film.waveform,
            sample_rate_hz=SAMPLE_RATE_HZ,
        )
        return film.truth

    return [partial(write_film, number) for number in range(1, len(casts) + 1)]


def _portrait_tasks(aviary: Aviary) -> Iterator[Callable[[], None]]:
    """One for each photo and each recording that is missing, in all four trees."""
    amounts = AMOUNTS[aviary.size]
    known, strangers = inhabitants(aviary.size, aviary.seed)

    def write(path: Path, bird: Individual) -> None:
        generator = generator_for(aviary.seed, bird.name, path.parents[1].name, path.stem)
        if path.suffix == ".jpg":
            save_image(path, take_photo(bird, generator))
            return
        rate = int(generator.choice(SAMPLE_RATES_HZ))
        seconds = float(generator.uniform(*amounts.recording_seconds))
        waveform = make_recording(
            bird, known + strangers, generator, sample_rate_hz=rate, duration_seconds=seconds
        )
        save_waveform(path, waveform, rate)

    for tree, name, num in (
        (aviary.images, "photo_{:02d}.jpg", amounts.num_photos),
        (aviary.held_out_images, "photo_{:02d}.jpg", amounts.num_held_out),
        (aviary.audio, "recording_{:02d}.flac", amounts.num_recordings),
        (aviary.held_out_audio, "recording_{:02d}.flac", amounts.num_held_out),
    ):
        for bird in known:
            (tree / bird.name).mkdir(parents=True, exist_ok=True)
            for path in (tree / bird.name / name.format(number) for number in range(1, num + 1)):
                if not path.exists():
                    yield partial(write, path, bird)
