"""The truth about the videos, as JSON: who is where at every frame, and who sings when."""

from collections.abc import Iterable
from typing import Any

from aviary.individuals import Individual
from aviary.videos import Film


def describe_film(film: Film) -> dict[str, Any]:
    """What is true about one video.

    Returns:
        frames_per_second, num_frames, width, height; `individuals` that show, and their `count`; for
        each frame of `frames` a list of {individual, box: [left, top, right, bottom]} in pixels
        (right and bottom outside; whole bird as far as it is in the picture, also where leaves or
        another bird cover it); `songs` as {individual, start_seconds, end_seconds}.
    """
    num_frames, height, width, _ = film.frames.shape
    return {
        "frames_per_second": film.frames_per_second,
        "num_frames": num_frames,
        "width": width,
        "height": height,
        "individuals": [individual.name for individual in film.cast],
        "count": len(film.cast),
        "frames": [
            [{"individual": individual.name, "box": list(box)} for individual, box in boxes]
            for boxes in film.boxes
        ],
        "songs": [
            {
                "individual": song.individual.name,
                "start_seconds": song.start_seconds,
                "end_seconds": song.end_seconds,
            }
            for song in film.songs
        ],
    }


def describe_videos(
    films: dict[str, dict[str, Any]], known: Iterable[Individual]
) -> dict[str, Any]:
    """What is true about all videos together.

    Args:
        films: by file name, what `describe_film` says.
        known: individuals that have class folders.
    Returns:
        `known`: those who show and have a class folder; `new`: those who have none; `count`: how many
        in all; `links`: for each individual that is in several videos, their names; `videos`.
    """
    videos = dict(sorted(films.items()))
    names = sorted({name for film in videos.values() for name in film["individuals"]})
    known_names = {individual.name for individual in known}
    appearances = {
        name: [video for video, film in videos.items() if name in film["individuals"]]
        for name in names
    }
    return {
        "known": [name for name in names if name in known_names],
        "new": [name for name in names if name not in known_names],
        "count": len(names),
        "links": {name: where for name, where in appearances.items() if len(where) > 1},
        "videos": videos,
    }
