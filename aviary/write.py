"""Write an aviary to a folder: photos, recordings, videos and the truth about them."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from tqdm.contrib.concurrent import thread_map

from aviary.choreography import FRAMES_PER_SECOND, choose_casts
from aviary.individuals import LOOK_ALIKES, Individual, draw_individuals, generator_for
from aviary.photos import take_photo
from aviary.songs import make_recording
from aviary.species import SPECIES
from aviary.videos import SAMPLE_RATE_HZ, describe_film, describe_videos, make_film
from media import save_image, save_waveform, write_video
from media.atomic import write_text_atomically

logger = logging.getLogger(__name__)

Size = Literal["tiny", "small", "standard"]
Truth = dict[str, Any]  # JSON: nested, of plain values

RECIPE = 1
"""Raised whenever the same settings would give other birds, photos or songs."""
MARKER = "aviary.json"
SAMPLE_RATES_HZ = (22050, 22050, 22050, 44100)
"""Drawn at random for each recording."""


@dataclass(frozen=True)
class Amounts:
    """How much of everything there is in an aviary of one size."""

    num_species: int
    num_individuals: int  # of each species
    num_photos: int  # of each individual, for training and gallery
    num_recordings: int
    num_held_out: int  # photos, and as many recordings, to ask with
    recording_seconds: tuple[float, float]  # shortest and longest
    cast_sizes: tuple[int, ...]  # birds in each video
    video_seconds: float
    video_size: tuple[int, int]  # width and height


AMOUNTS: dict[Size, Amounts] = {
    "tiny": Amounts(2, 2, 5, 5, 2, (1.3, 1.7), (2, 2), 2.0, (320, 240)),
    "small": Amounts(3, 3, 8, 8, 3, (3.0, 5.0), (1, 2, 3, 2), 5.0, (480, 360)),
    "standard": Amounts(
        5, 4, 16, 12, 4, (5.0, 8.0), (1, 2, 3, 4, 2, 3, 1, 2), 8.0, (480, 360)
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Aviary:
    """Where the parts of a written aviary are.

    A class is an individual. Its folder has the same name in all four trees, and the species is the
    part of the name before the last underscore.

    Args:
        directory: holds everything.
        size: "tiny", "small" or "standard".
        seed: the birds and all that is drawn of them follow from it.
        class_names: individuals, sorted.
        species_names: species, sorted.
    """

    directory: Path
    size: Size
    seed: int
    class_names: tuple[str, ...]
    species_names: tuple[str, ...]

    @property
    def images(self) -> Path:
        """Photos to train on and to search in: <class>/photo_01.jpg, ..."""
        return self.directory / "images"

    @property
    def audio(self) -> Path:
        """Recordings to train on and to search in: <class>/recording_01.flac, ..."""
        return self.directory / "audio"

    @property
    def held_out_images(self) -> Path:
        """Other photos of the same individuals, to ask with."""
        return self.directory / "held_out_images"

    @property
    def held_out_audio(self) -> Path:
        """Other recordings of the same individuals, to ask with."""
        return self.directory / "held_out_audio"

    @property
    def videos(self) -> Path:
        """The videos: video_01.mp4, ..."""
        return self.directory / "videos"

    @property
    def truth(self) -> Path:
        """Who is where in the videos, and who sings: JSON."""
        return self.videos / "truth.json"

    @property
    def species_of(self) -> dict[str, str]:
        """The species of each class."""
        return {name: name.rpartition("_")[0] for name in self.class_names}


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
    films: dict[str, Truth] = {}
    cast_sizes = AMOUNTS[size].cast_sizes
    tasks = _film_tasks(aviary.videos, cast_sizes, films, size, seed, "videos", False)
    thread_map(
        lambda task: task(),
        [*tasks, *_portrait_tasks(aviary)],
        max_workers=num_workers,
        desc="aviary",
        unit="file",
        disable=not shows_progress or size == "tiny",
    )
    _write_truth(aviary.truth, films, size, seed)
    _write_marker(aviary, is_complete=True)
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
        The truth, as `describe_videos` gives it.
    Raises:
        ValueError: a cast of none, of more than four or of more than there are individuals.
    """
    films: dict[str, Truth] = {}
    directory = Path(directory)
    for task in _film_tasks(directory, cast_sizes, films, size, seed, series, shares_branch):
        task()
    return _write_truth(directory / "truth.json", films, size, seed)


def inhabitants(size: Size, seed: int) -> tuple[list[Individual], list[Individual]]:
    """The individuals that have class folders, and the strangers that only the videos show."""
    amounts = AMOUNTS[size]
    families = [draw_individuals(species, seed=seed) for species in SPECIES[: amounts.num_species]]
    known = [bird for family in families for bird in family[: amounts.num_individuals]]
    return known, [bird for family in families for bird in family[4:]]


def film_stars(known: Sequence[Individual], seed: int) -> list[Individual]:
    """Known individuals for the videos: of two look-alikes only one, since the videos are to be seen.

    Even and odd seeds choose differently.
    """
    left_out = set(LOOK_ALIKES if seed % 2 == 0 else LOOK_ALIKES.values())
    is_pair = {bird.number for bird in known} >= set(LOOK_ALIKES) | set(LOOK_ALIKES.values())
    return [bird for bird in known if not (is_pair and bird.number in left_out)]


def _plan(directory: Path, size: Size, seed: int) -> Aviary:
    if size not in AMOUNTS:
        raise ValueError(f"Unknown aviary size '{size}'. Expected one of {', '.join(AMOUNTS)}.")
    if seed < 0:
        raise ValueError(f"The aviary's seed is {seed}. Expected a whole number, 0 or more.")
    known, _ = inhabitants(size, seed)
    class_names = sorted(individual.name for individual in known)
    species_names = sorted({individual.species.name for individual in known})
    return Aviary(directory, size, seed, tuple(class_names), tuple(species_names))


def _settings(aviary: Aviary) -> Truth:
    amounts = json.loads(json.dumps(asdict(AMOUNTS[aviary.size])))
    return {"recipe": RECIPE, "size": aviary.size, "seed": aviary.seed, "amounts": amounts}


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
    written = json.loads(marker.read_text(encoding="utf-8"))
    found, expected = written["settings"], _settings(aviary)
    if found != expected:
        raise ValueError(
            f"Folder '{aviary.directory}' holds another aviary: expected size '{aviary.size}', seed"
            f" {aviary.seed}, recipe {RECIPE}; found size '{found.get('size')}', seed"
            f" {found.get('seed')}, recipe {found.get('recipe')}. Name another folder, or delete this one."
        )
    return bool(written["is_complete"])


def _write_marker(aviary: Aviary, *, is_complete: bool) -> None:
    content = {"settings": _settings(aviary), "is_complete": is_complete}
    write_text_atomically(aviary.directory / MARKER, json.dumps(content, indent=1))


def _write_truth(path: Path, films: dict[str, Truth], size: Size, seed: int) -> Truth:
    known, _ = inhabitants(size, seed)
    truth = describe_videos(films, [bird.name for bird in known])
    write_text_atomically(path, json.dumps(truth, separators=(",", ":")))
    return truth


def _film_tasks(
    directory: Path,
    cast_sizes: Sequence[int],
    films: dict[str, Truth],
    size: Size,
    seed: int,
    series: str,
    shares_branch: bool,
) -> list[Callable[[], None]]:
    """One task for each video, to be run in any order; each adds what is true about it to `films`."""
    known, strangers = inhabitants(size, seed)
    stars = film_stars(known, seed)
    if not all(1 <= cast_size <= min(4, len(stars)) for cast_size in cast_sizes):
        raise ValueError(
            f"The casts {list(cast_sizes)} hold none or too many individuals."
            f" Expected 1 to {min(4, len(stars))} for each video."
        )
    directory.mkdir(parents=True, exist_ok=True)
    casts = choose_casts(stars, strangers, cast_sizes, generator_for(seed, series, "casts"))
    amounts = AMOUNTS[size]

    def write_film(number: int) -> None:
        film = make_film(
            casts[number - 1],
            generator_for(seed, series, number),
            size=amounts.video_size,
            duration_seconds=amounts.video_seconds,
            shares_branch=shares_branch,
        )
        name = f"video_{number:02d}.mp4"
        write_video(
            directory / name,
            film.frames,
            frames_per_second=FRAMES_PER_SECOND,
            waveform=film.waveform,
            sample_rate_hz=SAMPLE_RATE_HZ,
        )
        films[name] = describe_film(film)

    return [partial(write_film, number) for number in range(1, len(casts) + 1)]


def _portrait_tasks(aviary: Aviary) -> Iterator[Callable[[], None]]:
    """Write each photo and each recording, in all four trees."""
    amounts = AMOUNTS[aviary.size]
    known, strangers = inhabitants(aviary.size, aviary.seed)

    def write_photo(path: Path, bird: Individual) -> None:
        generator = generator_for(aviary.seed, bird.name, path.parts[-3], path.stem)
        save_image(path, take_photo(bird, generator))

    def write_recording(path: Path, bird: Individual) -> None:
        generator = generator_for(aviary.seed, bird.name, path.parts[-3], path.stem)
        sample_rate_hz = int(generator.choice(SAMPLE_RATES_HZ))
        duration_seconds = float(generator.uniform(*amounts.recording_seconds))
        waveform = make_recording(
            bird,
            known + strangers,
            generator,
            sample_rate_hz=sample_rate_hz,
            duration_seconds=duration_seconds,
        )
        save_waveform(path, waveform, sample_rate_hz)

    for tree, name, write, num in (
        (aviary.images, "photo_{:02d}.jpg", write_photo, amounts.num_photos),
        (aviary.held_out_images, "photo_{:02d}.jpg", write_photo, amounts.num_held_out),
        (aviary.audio, "recording_{:02d}.flac", write_recording, amounts.num_recordings),
        (aviary.held_out_audio, "recording_{:02d}.flac", write_recording, amounts.num_held_out),
    ):
        for bird in known:
            (tree / bird.name).mkdir(parents=True, exist_ok=True)
            paths = [tree / bird.name / name.format(number) for number in range(1, num + 1)]
            yield from (partial(write, path, bird) for path in paths if not path.exists())
