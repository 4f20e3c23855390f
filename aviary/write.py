"""Write the whole aviary to a folder: photos, recordings, videos and the truth about them."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from aviary.individuals import Individual
from aviary.layout import AMOUNTS, Aviary, Size, inhabitants, settings_of
from aviary.photos import take_photo
from aviary.recordings import make_recording
from aviary.seeds import generator_for
from aviary.write_videos import film_tasks, write_truth
from media.images import save_image
from media.sound import save_waveform

logger = logging.getLogger(__name__)

MARKER = "aviary.json"
SAMPLE_RATES_HZ = (22050, 22050, 22050, 44100)
"""Drawn at random for each recording."""
Task = Callable[[], None]


def write_aviary(
    directory: str | Path,
    *,
    size: Size = "standard",
    seed: int = 0,
    num_workers: int = 2,
    shows_progress: bool = True,
) -> Aviary:
    """The generated sample data in a folder: birds drawn, songs synthesised, videos filmed.

    The same seed gives the same pictures and sounds. Written again, a complete aviary is left as it
    is, and one that was interrupted is gone on with.

    Args:
        directory: is created if need be; must be empty or hold this very aviary.
        size: "tiny" (2 species x 2 individuals, for tests), "small" (3 x 3) or "standard" (5 x 4).
        seed: int >= 0; another seed gives other individuals of the same species.
        num_workers: threads, >= 1.
        shows_progress: a bar on the screen (never for "tiny").
    Returns:
        Where everything is.
    Raises:
        ValueError: an unknown size, a negative seed, or a folder that holds something else.
    Example:
        >>> aviary = write_aviary("aviary", size="tiny")
        >>> aviary.class_names[:2]
        ('cobalt_wren_00', 'cobalt_wren_01')
    """
    aviary = _plan(Path(directory), size, seed)
    if _is_complete(aviary):
        logger.info("The aviary in '%s' is complete.", aviary.directory)
        return aviary
    _write_marker(aviary, is_complete=False)
    films: dict[str, dict[str, Any]] = {}
    tasks = [*_film_tasks(aviary, films), *_portrait_tasks(aviary)]
    _run(tasks, num_workers, is_quiet=not shows_progress or size == "tiny")
    write_truth(aviary.truth, films, size=size, seed=seed)
    _write_marker(aviary, is_complete=True)
    return aviary


def _plan(directory: Path, size: Size, seed: int) -> Aviary:
    if size not in AMOUNTS:
        raise ValueError(f"Unknown aviary size '{size}'. Expected one of {', '.join(AMOUNTS)}.")
    if seed < 0:
        raise ValueError(f"The aviary's seed is {seed}. Expected a whole number, 0 or more.")
    known, _ = inhabitants(size, seed)
    class_names = sorted(individual.name for individual in known)
    species_names = sorted({individual.species.name for individual in known})
    return Aviary(directory, size, seed, tuple(class_names), tuple(species_names))


def _is_complete(aviary: Aviary) -> bool:
    """Whether the folder holds all of this aviary; refuses a folder that holds something else."""
    marker = aviary.directory / MARKER
    if not marker.exists():
        if aviary.directory.exists() and any(aviary.directory.iterdir()):
            raise ValueError(
                f"Folder '{aviary.directory}' is not empty and holds no aviary ({MARKER} is missing)."
                " Name a folder that is new or empty."
            )
        return False
    found = json.loads(marker.read_text(encoding="utf-8"))
    expected = settings_of(aviary.size, aviary.seed)
    if found["settings"] != json.loads(json.dumps(expected)):
        raise ValueError(
            f"Folder '{aviary.directory}' holds another aviary: expected size '{aviary.size}', seed"
            f" {aviary.seed}, recipe {expected['recipe']}; found size"
            f" '{found['settings'].get('size')}', seed {found['settings'].get('seed')}, recipe"
            f" {found['settings'].get('recipe')}. Name another folder, or delete this one."
        )
    return bool(found["is_complete"])


def _write_marker(aviary: Aviary, *, is_complete: bool) -> None:
    aviary.directory.mkdir(parents=True, exist_ok=True)
    content = {"settings": settings_of(aviary.size, aviary.seed), "is_complete": is_complete}
    (aviary.directory / MARKER).write_text(json.dumps(content, indent=1), encoding="utf-8")


def _film_tasks(aviary: Aviary, films: dict[str, dict[str, Any]]) -> list[Task]:
    aviary.videos.mkdir(exist_ok=True)
    cast_sizes = AMOUNTS[aviary.size].cast_sizes
    return film_tasks(
        aviary.videos, cast_sizes, films, size=aviary.size, seed=aviary.seed, series="videos"
    )


def _portrait_tasks(aviary: Aviary) -> Iterator[Task]:
    """Write each photo and each recording, in all four trees."""
    amounts = AMOUNTS[aviary.size]
    known, strangers = inhabitants(aviary.size, aviary.seed)
    trees = (
        (aviary.images, aviary.audio, amounts.num_photos, amounts.num_recordings),
        (
            aviary.held_out_images,
            aviary.held_out_audio,
            amounts.num_held_out,
            amounts.num_held_out,
        ),
    )
    for images, audio, num_photos, num_recordings in trees:
        for bird in known:
            (images / bird.name).mkdir(parents=True, exist_ok=True)
            (audio / bird.name).mkdir(parents=True, exist_ok=True)
            for number in range(1, num_photos + 1):
                path = images / bird.name / f"photo_{number:02d}.jpg"
                yield partial(_write_photo, path, bird, aviary.seed)
            for number in range(1, num_recordings + 1):
                path = audio / bird.name / f"recording_{number:02d}.flac"
                yield partial(
                    _write_recording,
                    path,
                    bird,
                    known + strangers,
                    amounts.recording_seconds,
                    aviary.seed,
                )


def _write_photo(path: Path, bird: Individual, seed: int) -> None:
    if not path.exists():
        generator = generator_for(seed, bird.name, path.parts[-3], path.stem)
        save_image(path, take_photo(bird, generator))


def _write_recording(
    path: Path,
    bird: Individual,
    neighbours: Sequence[Individual],
    seconds: tuple[float, float],
    seed: int,
) -> None:
    if not path.exists():
        generator = generator_for(seed, bird.name, path.parts[-3], path.stem)
        sample_rate_hz = int(generator.choice(SAMPLE_RATES_HZ))
        waveform = make_recording(
            bird,
            neighbours,
            generator,
            sample_rate_hz=sample_rate_hz,
            duration_seconds=float(generator.uniform(*seconds)),
        )
        save_waveform(path, waveform, sample_rate_hz)


def _run(tasks: Sequence[Task], num_workers: int, *, is_quiet: bool) -> None:
    with ThreadPoolExecutor(num_workers) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            for future in tqdm(futures, desc="aviary", unit="file", disable=is_quiet):
                future.result()
        except BaseException:  # an interrupt too must not wait for all that is still to be written
            pool.shutdown(wait=True, cancel_futures=True)
            raise
