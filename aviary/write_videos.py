"""Write videos of an aviary's individuals, and the truth about them beside them."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from aviary.choreography import choose_casts
from aviary.individuals import Individual
from aviary.layout import AMOUNTS, Size, film_stars, inhabitants
from aviary.seeds import generator_for
from aviary.truth import describe_film, describe_videos
from aviary.videos import SAMPLE_RATE_HZ, make_film
from media.video_writer import write_video


def write_videos(
    directory: str | Path,
    *,
    cast_sizes: Sequence[int],
    size: Size = "standard",
    seed: int = 0,
    series: str = "more",
    shares_branch: bool = False,
) -> dict[str, Any]:
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
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    films: dict[str, dict[str, Any]] = {}
    for task in film_tasks(
        directory,
        cast_sizes,
        films,
        size=size,
        seed=seed,
        series=series,
        shares_branch=shares_branch,
    ):
        task()
    return write_truth(directory / "truth.json", films, size=size, seed=seed)


def film_tasks(
    directory: Path,
    cast_sizes: Sequence[int],
    films: dict[str, dict[str, Any]],
    *,
    size: Size,
    seed: int,
    series: str,
    shares_branch: bool = False,
) -> list[Callable[[], None]]:
    """One task per video, to be run in any order; each adds what is true about it to `films`."""
    known, strangers = inhabitants(size, seed)
    stars = film_stars(known, seed)
    if not all(1 <= cast_size <= min(4, len(stars)) for cast_size in cast_sizes):
        raise ValueError(
            f"The casts {list(cast_sizes)} hold none or too many individuals."
            f" Expected 1 to {min(4, len(stars))} for each video."
        )
    casts = choose_casts(stars, strangers, cast_sizes, generator_for(seed, series, "casts"))
    return [
        partial(
            _write_film,
            directory,
            number,
            cast,
            films,
            size=size,
            seed=seed,
            series=series,
            shares_branch=shares_branch,
        )
        for number, cast in enumerate(casts, start=1)
    ]


def write_truth(
    path: Path, films: dict[str, dict[str, Any]], *, size: Size, seed: int
) -> dict[str, Any]:
    """Write what is true about all videos, and return it."""
    known, _ = inhabitants(size, seed)
    truth = describe_videos(films, known)
    path.write_text(json.dumps(truth, separators=(",", ":")), encoding="utf-8")
    return truth


def _write_film(
    directory: Path,
    number: int,
    cast: Sequence[Individual],
    films: dict[str, dict[str, Any]],
    *,
    size: Size,
    seed: int,
    series: str,
    shares_branch: bool,
) -> None:
    amounts = AMOUNTS[size]
    film = make_film(
        cast,
        generator_for(seed, series, number),
        size=amounts.video_size,
        duration_seconds=amounts.video_seconds,
        shares_branch=shares_branch,
    )
    name = f"video_{number:02d}.mp4"
    write_video(
        directory / name,
        film.frames,
        frames_per_second=film.frames_per_second,
        waveform=film.waveform,
        sample_rate_hz=SAMPLE_RATE_HZ,
    )
    films[name] = describe_film(film)
