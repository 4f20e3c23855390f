"""Film the birds: frames, sound track, and the truth about both."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from aviary.choreography import Moment, Stage, draw_moments, draw_stage, with_song
from aviary.drawing import draw_bird
from aviary.individuals import Individual
from aviary.recordings import draw_weather, pass_microphone, reverberate
from aviary.scenery import (
    draw_background,
    draw_branch,
    draw_leaf,
    draw_light,
    place_sprite,
)
from aviary.songs import sing

Generator = np.random.Generator
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are the first pixels outside."""

SAMPLE_RATE_HZ = 44100
LEAST_SHARE_SHOWN = 0.25
"""A bird of which less than this is in the picture gets no box."""


@dataclass(frozen=True)
class Song:
    """Who sings from when to when."""

    individual: Individual
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class Film:
    """A video and what is true about it.

    Args:
        frames: uint8 [num_frames, height, width, 3], RGB.
        waveform: float32 [num_samples], mono, `SAMPLE_RATE_HZ`.
        boxes: for each frame, who shows where.
        songs: in the order in which they begin.
        cast: all individuals that show in at least one frame.
        frames_per_second: of the frames.
    """

    frames: np.ndarray
    waveform: np.ndarray
    boxes: list[list[tuple[Individual, Box]]]
    songs: list[Song]
    cast: tuple[Individual, ...]
    frames_per_second: int


def make_film(
    cast: Sequence[Individual],
    generator: Generator,
    *,
    size: tuple[int, int],
    duration_seconds: float,
    frames_per_second: int = 10,
    shares_branch: bool = False,
) -> Film:
    """A static camera on a branch or two, and these individuals about it.

    Args:
        cast: one to four individuals.
        generator: draws the scene, the movements and the songs.
        size: width and height in pixels, both even.
        duration_seconds: of the film.
        frames_per_second: of the film.
        shares_branch: whether they live on one branch and pass one another, which is hard to follow.
    Returns:
        Frames, sound and truth.
    """
    num_frames = round(duration_seconds * frames_per_second)
    stage = draw_stage(
        *size, frames_per_second, num_frames, len(cast), generator, shares_branch=shares_branch
    )
    moments = [draw_moments(stage, number, generator) for number in range(len(cast))]
    songs, waveform = _sing_in_turn(cast, moments, stage, generator)
    frames, boxes = _film(cast, moments, stage, generator)
    seen = {individual.name for boxes_of_frame in boxes for individual, _ in boxes_of_frame}
    shown = tuple(individual for individual in cast if individual.name in seen)
    return Film(frames, waveform, boxes, songs, shown, frames_per_second)


def _sing_in_turn(
    cast: Sequence[Individual],
    moments: list[list[Moment | None]],
    stage: Stage,
    generator: Generator,
) -> tuple[list[Song], np.ndarray]:
    """One bird at a time, each from where it sits; bills open accordingly."""
    rate = stage.frames_per_second
    num_samples = round(stage.num_frames / rate * SAMPLE_RATE_HZ)
    sound = np.zeros(num_samples)
    songs: list[Song] = []
    now = generator.uniform(0.1, 0.8)
    while now < stage.num_frames / rate - 0.3:
        number = int(generator.integers(len(cast)))
        phrase = sing(cast[number], generator, sample_rate_hz=SAMPLE_RATE_HZ)
        end = now + len(phrase) / SAMPLE_RATE_HZ
        first, last = int(now * rate), int(np.ceil(end * rate))
        if _sits(moments[number][first:last]) and last <= stage.num_frames:
            start = round(now * SAMPLE_RATE_HZ)
            phrase = phrase[: num_samples - start] * generator.uniform(0.5, 1.0)
            sound[start : start + len(phrase)] += phrase
            songs.append(Song(cast[number], round(now, 3), round(end, 3)))
            with_song(moments[number], first, last)
            now = end
        now += generator.uniform(0.2, 1.0)
    return songs, _record(sound, generator)


def _sits(moments: list[Moment | None]) -> bool:
    return all(moment is not None and moment.pose.has_feet_down for moment in moments)


def _record(sound: np.ndarray, generator: Generator) -> np.ndarray:
    scene = reverberate(sound, generator.uniform(0, 0.3), generator, sample_rate_hz=SAMPLE_RATE_HZ)
    weather = draw_weather(len(sound), generator, sample_rate_hz=SAMPLE_RATE_HZ)
    heard = pass_microphone(scene + 0.5 * weather, generator, sample_rate_hz=SAMPLE_RATE_HZ)
    return (0.6 * heard / (np.abs(heard).max() + 1e-9)).astype(np.float32)


def _film(
    cast: Sequence[Individual],
    moments: list[list[Moment | None]],
    stage: Stage,
    generator: Generator,
) -> tuple[np.ndarray, list[list[tuple[Individual, Box]]]]:
    backdrop = _draw_backdrop(stage, generator)
    foreground, is_foreground = _draw_foreground(stage, generator)
    light = draw_light(stage.width, stage.height, generator)
    softness, noise = float(generator.uniform(0.3, 0.7)), generator.uniform(1.0, 2.5)
    frames = np.empty((stage.num_frames, stage.height, stage.width, 3), np.uint8)
    boxes: list[list[tuple[Individual, Box]]] = []
    for frame in range(stage.num_frames):
        picture = backdrop.copy()
        boxes.append([])
        for individual, path in zip(cast, moments, strict=True):
            moment = path[frame]
            box = None if moment is None else _add_bird(picture, individual, moment, stage)
            if box is not None:
                boxes[-1].append((individual, box))
        picture += (foreground - picture) * is_foreground
        drift = 1 + 0.02 * np.sin(2 * np.pi * frame / stage.num_frames)
        lit = cv2.GaussianBlur(light.on(picture) * np.float32(drift), (0, 0), softness)
        grain = generator.standard_normal(lit.shape, np.float32) * np.float32(noise)
        frames[frame] = np.clip(np.round(lit + grain), 0, 255)
    return frames, boxes


def _add_bird(
    picture: np.ndarray, individual: Individual, moment: Moment, stage: Stage
) -> Box | None:
    sprite = draw_bird(individual, moment.pose, body_length_px=stage.body_length_px)
    shown = place_sprite(picture, sprite, moment.feet)
    if shown.sum() < LEAST_SHARE_SHOWN * (sprite.rgba[..., 3] > 0.5).sum():
        return None
    columns, rows = np.flatnonzero(shown.any(axis=0)), np.flatnonzero(shown.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _draw_backdrop(stage: Stage, generator: Generator) -> np.ndarray:
    picture = draw_background(stage.width, stage.height, generator)
    for y in sorted({perch[2] for perch in stage.perches}):
        line = np.array([[-20.0, y + 5], [stage.width + 20.0, y + 5]])
        draw_branch(picture, line, generator, generator.uniform(6, 11))
    return picture


def _draw_foreground(stage: Stage, generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """A few leaves close to the camera, and where they are (float32, 0 or 1)."""
    leaves = np.full((stage.height, stage.width, 3), -1, np.float32)
    for _ in range(int(generator.integers(0, 4))):
        place = generator.uniform([0, 0], [stage.width, stage.height])
        draw_leaf(leaves, place, generator.uniform(0.3, 0.6) * stage.body_length_px, generator)
    return leaves, (leaves.max(axis=2, keepdims=True) >= 0).astype(np.float32)
