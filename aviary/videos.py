"""Film the birds: frames, sound track, and the truth about both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from aviary.choreography import (
    FRAMES_PER_SECOND,
    Moment,
    Stage,
    draw_moments,
    draw_stage,
    with_song,
)
from aviary.drawing import bounds, draw_bird
from aviary.individuals import Individual
from aviary.photos import draw_background, draw_branch, draw_leaf, draw_light, place_sprite
from aviary.songs import record_scene, sing

Generator = np.random.Generator
Truth = dict[str, Any]  # JSON: nested, of plain values

SAMPLE_RATE_HZ = 44100
LEAST_SHARE_SHOWN = 0.25
"""A bird of which less than this is in the picture gets no box."""


@dataclass(frozen=True)
class Film:
    """A video and what is true about it: see `make_film`."""

    frames: np.ndarray  # uint8 [num_frames, height, width, 3], RGB
    waveform: np.ndarray  # float32 [num_samples], mono, at `SAMPLE_RATE_HZ`
    truth: Truth


def make_film(
    cast: Sequence[Individual],
    generator: Generator,
    *,
    size: tuple[int, int],
    duration_seconds: float,
    shares_branch: bool = False,
) -> Film:
    """A static camera on a branch or two, and one to four individuals about it.

    The truth holds frames_per_second, num_frames, width, height; `individuals` that show, and their
    `count`; for each frame of `frames` a list of {individual, box: [left, top, right, bottom]} in pixels
    (right and bottom outside; the whole bird as far as it is in the picture, also where leaves or another
    bird cover it); `songs` as {individual, start_seconds, end_seconds}.

    Args:
        cast: who.
        generator: draws the scene, the movements and the songs.
        size: width and height in pixels, both even.
        duration_seconds: float > 0.
        shares_branch: whether they live on one branch and pass one another, which is hard to follow.
    """
    num_frames = round(duration_seconds * FRAMES_PER_SECOND)
    stage = draw_stage(size, num_frames, len(cast), generator, shares_branch)
    moments = [draw_moments(stage, number, generator) for number in range(len(cast))]
    songs, waveform = _sing_in_turn(cast, moments, num_frames, generator)
    frames, boxes = _film(cast, moments, stage, generator)
    seen = {box["individual"] for boxes_of_frame in boxes for box in boxes_of_frame}
    names = [individual.name for individual in cast if individual.name in seen]
    truth = {
        "frames_per_second": FRAMES_PER_SECOND,
        "num_frames": num_frames,
        "width": stage.width,
        "height": stage.height,
        "individuals": names,
        "count": len(names),
        "frames": boxes,
        "songs": songs,
    }
    return Film(frames, waveform, truth)


def truth_of_all(films: Sequence[Truth], known: Sequence[str]) -> Truth:
    """What is true about several videos together, given who has a class folder.

    `known`: those who show and have a class folder; `new`: those who have none; `count`: how many in all;
    `links`: for each individual that is in several videos, their names; `videos`, by name.
    """
    videos = {f"video_{number:02d}.mp4": film for number, film in enumerate(films, start=1)}
    names = sorted({name for film in films for name in film["individuals"]})
    where = {
        name: [video for video in videos if name in videos[video]["individuals"]] for name in names
    }
    return {
        "known": [name for name in names if name in known],
        "new": [name for name in names if name not in known],
        "count": len(names),
        "links": {name: seen for name, seen in where.items() if len(seen) > 1},
        "videos": videos,
    }


def _sing_in_turn(
    cast: Sequence[Individual],
    moments: list[list[Moment | None]],
    num_frames: int,
    generator: Generator,
) -> tuple[list[Truth], np.ndarray]:
    """One bird at a time, each from where it sits; bills open accordingly."""
    duration_seconds = num_frames / FRAMES_PER_SECOND
    sound = np.zeros(round(duration_seconds * SAMPLE_RATE_HZ))
    songs: list[Truth] = []
    now = generator.uniform(0.1, 0.8)
    while now < duration_seconds - 0.3:
        number = int(generator.integers(len(cast)))
        phrase = sing(cast[number], generator, sample_rate_hz=SAMPLE_RATE_HZ)
        end = now + len(phrase) / SAMPLE_RATE_HZ
        first, last = int(now * FRAMES_PER_SECOND), int(np.ceil(end * FRAMES_PER_SECOND))
        is_sitting = [bird is not None and bird.pose.has_feet_down for bird in moments[number]]
        if all(is_sitting[first:last]) and last <= num_frames:
            start = round(now * SAMPLE_RATE_HZ)
            phrase = phrase[: len(sound) - start] * generator.uniform(0.5, 1.0)
            sound[start : start + len(phrase)] += phrase
            times = {"start_seconds": round(now, 3), "end_seconds": round(end, 3)}
            songs.append({"individual": cast[number].name, **times})
            with_song(moments[number], first, last)
            now = end
        now += generator.uniform(0.2, 1.0)
    return songs, record_scene(sound, generator, sample_rate_hz=SAMPLE_RATE_HZ)


def _film(
    cast: Sequence[Individual],
    moments: list[list[Moment | None]],
    stage: Stage,
    generator: Generator,
) -> tuple[np.ndarray, list[list[Truth]]]:
    backdrop = draw_background(stage.width, stage.height, generator)
    for y in sorted({perch[2] for perch in stage.perches}):
        line = np.array([[-20.0, y + 5], [stage.width + 20.0, y + 5]])
        draw_branch(backdrop, line, generator, generator.uniform(6, 11))
    leaves = np.full((stage.height, stage.width, 3), -1, np.float32)  # close to the camera
    for _ in range(int(generator.integers(0, 4))):
        place = generator.uniform([0, 0], [stage.width, stage.height])
        draw_leaf(leaves, place, generator.uniform(0.3, 0.6) * stage.body_length_px, generator)
    is_leaf = leaves.max(axis=2, keepdims=True) >= 0
    gain, haze = draw_light(stage.width, stage.height, generator)
    softness, noise = float(generator.uniform(0.3, 0.7)), generator.uniform(1.0, 2.5)
    frames = np.empty((stage.num_frames, stage.height, stage.width, 3), np.uint8)
    boxes: list[list[Truth]] = []
    for frame in range(stage.num_frames):
        picture = backdrop.copy()
        boxes.append([])
        for individual, path in zip(cast, moments, strict=True):
            moment = path[frame]
            box = None if moment is None else _add_bird(picture, individual, moment, stage)
            if box is not None:
                boxes[-1].append({"individual": individual.name, "box": box})
        picture = np.where(is_leaf, leaves, picture)
        drift = np.float32(1 + 0.02 * np.sin(2 * np.pi * frame / stage.num_frames))
        lit = cv2.GaussianBlur((picture * gain + haze) * drift, (0, 0), softness)
        grain = generator.standard_normal(lit.shape, np.float32) * np.float32(noise)
        frames[frame] = np.clip(np.round(lit + grain), 0, 255)
    return frames, boxes


def _add_bird(
    picture: np.ndarray, individual: Individual, moment: Moment, stage: Stage
) -> list[int] | None:
    sprite = draw_bird(individual, moment.pose, body_length_px=stage.body_length_px)
    shown = place_sprite(picture, sprite, moment.feet)
    if shown.sum() < LEAST_SHARE_SHOWN * (sprite.rgba[..., 3] > 0.5).sum():
        return None
    return list(bounds(shown))
