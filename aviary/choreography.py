"""Who is where in a video, at every frame: perches, hops, arrivals, departures and songs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aviary.drawing import Pose
from aviary.individuals import LOOK_ALIKES, Individual

Generator = np.random.Generator
Place = tuple[float, float]

FRAMES_PER_SECOND = 10
_FLIGHT_SECONDS, _FLIGHT_RISE = 0.8, 20.0


@dataclass(frozen=True)
class Stage:
    """The picture's size in pixels and its perches."""

    width: int
    height: int
    num_frames: int
    perches: tuple[tuple[float, float, float], ...]  # for each bird: left, right, y
    body_length_px: float


@dataclass(frozen=True)
class Moment:
    """One bird in one frame: where its feet are, in pixels, and its pose."""

    feet: Place
    pose: Pose


@dataclass(frozen=True)
class _Leg:
    """A stretch of a bird's way."""

    begin: float
    end: float
    origin: Place
    goal: Place
    rise: float

    @property
    def is_flight(self) -> bool:
        return abs(self.goal[1] - self.origin[1]) > 1

    def at(self, time: float) -> Place:
        share = (time - self.begin) / (self.end - self.begin)
        x = self.origin[0] + share * (self.goal[0] - self.origin[0])
        y = self.origin[1] + share * (self.goal[1] - self.origin[1])
        return x, y - 4 * self.rise * share * (1 - share)


def draw_stage(
    size: tuple[int, int],
    num_frames: int,
    num_birds: int,
    generator: Generator,
    shares_branch: bool,
) -> Stage:
    """Perches for so many birds: one branch for one or two, two branches for three or four.

    With `shares_branch` all birds live on the whole of one branch, and pass one another.
    """
    width, height = size
    rows, lengths = ([0.68], (76, 92)) if num_birds <= 2 else ([0.44, 0.90], (66, 76))
    body_length_px = float(generator.uniform(*lengths) * (width / 480))
    if shares_branch:
        perches = [(0.0, float(width), height * rows[0])] * num_birds
    else:
        columns = 1 if num_birds == 1 else 2
        cells = [
            (width * column / columns, width * (column + 1) / columns, height * row)
            for row in rows
            for column in range(columns)
        ]
        perches = [cells[i] for i in generator.permutation(len(cells))[:num_birds]]
    return Stage(width, height, num_frames, tuple(perches), body_length_px)


def draw_moments(stage: Stage, number: int, generator: Generator) -> list[Moment | None]:
    """What the bird on perch `number` does, frame by frame; None while it is away."""
    legs = _draw_legs(stage, *stage.perches[number], generator)
    squeeze = float(generator.uniform(0.82, 1.0))
    turn = nod = tail = tilt = 0.0
    faces_left = int(legs[0].origin[0]) % 2 == 0
    moments: list[Moment | None] = []
    for time in np.arange(stage.num_frames) / FRAMES_PER_SECOND:
        if generator.random() < 0.2:  # small movements hold for some frames each
            turn, nod = float(generator.uniform(-0.8, 0.8)), float(generator.normal(0, 9))
        if generator.random() < 0.12:
            tail, tilt = float(generator.normal(0, 8)), float(generator.normal(0, 8))
        leg = next((leg for leg in legs if leg.begin <= time < leg.end), None)
        if leg is None:
            moments.append(None)
            continue
        if leg.goal[0] != leg.origin[0]:
            faces_left = bool(leg.goal[0] < leg.origin[0])
        beat = 60 + 60 * np.sin(2 * np.pi * 4.3 * time)
        pose = Pose(
            faces_left=faces_left,
            tilt_degrees=tilt,
            head_turn=turn,
            head_nod_degrees=nod,
            wing_lift_degrees=float(beat) if leg.is_flight else 0.0,
            tail_lift_degrees=tail,
            squeeze=squeeze,
            has_feet_down=not leg.is_flight,
        )
        moments.append(Moment(leg.at(time), pose))
    return moments


def _draw_legs(
    stage: Stage, left: float, right: float, y: float, generator: Generator
) -> list[_Leg]:
    """It sits there or flies in, hops about, now and then visits the rest of the branch, may fly off."""
    margin, reach = 0.75 * stage.body_length_px, 1.3 * stage.body_length_px
    # Out of the picture on the side that is nearer, so that nobody is crossed on the way.
    outside = -reach if left + right <= stage.width else stage.width + reach
    beyond = (outside, y - 0.5 * stage.body_length_px)
    duration_seconds = stage.num_frames / FRAMES_PER_SECOND
    arrives, leaves = generator.random() < 0.45, generator.random() < 0.40
    now = generator.uniform(0.05, 0.3) * duration_seconds if arrives else 0.0
    end = generator.uniform(0.7, 0.95) * duration_seconds if leaves else duration_seconds
    place = perch = (generator.uniform(left + margin, right - margin), y)
    legs: list[_Leg] = []

    def go(seconds: float, goal: Place, rise: float) -> None:
        nonlocal now, place
        legs.append(_Leg(now, now + seconds, place, goal, rise))
        now, place = now + seconds, goal

    if arrives:
        place = beyond
        go(_FLIGHT_SECONDS, perch, _FLIGHT_RISE)
    while now < end:
        go(generator.uniform(0.5, 1.6), place, 0.0)
        is_visit = generator.random() < 0.06
        low, high = (margin, stage.width - margin) if is_visit else (left + margin, right - margin)
        step = generator.uniform(0.3, 1.1) * stage.body_length_px * generator.choice([-1, 1])
        x = generator.uniform(low, high) if is_visit else np.clip(place[0] + step, low, high)
        distance = abs(float(x) - place[0])
        go(0.2 + distance / 400, (float(x), y), 0.1 * distance + 6)
    if leaves:
        while legs[-1].begin >= end:
            legs.pop()
        now, place = end, legs[-1].at(end)
        legs[-1] = replace(legs[-1], end=end, goal=place)
        go(_FLIGHT_SECONDS, beyond, _FLIGHT_RISE)
    return legs


def with_song(moments: list[Moment | None], first: int, last: int) -> None:
    """Open the bill and lift the head from frame `first` to before `last`; changes the list."""
    for frame, moment in enumerate(moments[first:last]):
        if moment is not None:
            gape = 32.0 if frame % 3 != 2 else 12.0
            pose = replace(moment.pose, bill_gape_degrees=gape, head_nod_degrees=14.0)
            moments[first + frame] = replace(moment, pose=pose)


def choose_casts(
    known: Sequence[Individual],
    strangers: Sequence[Individual],
    cast_sizes: Sequence[int],
    generator: Generator,
) -> list[list[Individual]]:
    """Who is in which video: every cast after the first holds at least one bird seen before.

    Those who have been in the fewest come first, a stranger among the first two. Of two look-alikes only
    one is in any video: no picture could tell which one it is.

    Raises:
        ValueError: a cast of none, of more than four or of more than there are known individuals.
    """
    stars = [bird for bird in known if bird.number not in LOOK_ALIKES]
    if not all(1 <= size <= min(4, len(stars)) for size in cast_sizes):
        raise ValueError(
            f"The casts {list(cast_sizes)} hold none or too many individuals."
            f" Expected 1 to {min(4, len(stars))} for each video."
        )
    order = [stars[i] for i in generator.permutation(len(stars))]
    for place, i in enumerate(generator.permutation(len(strangers))):
        order.insert(min(1 + 4 * place, len(order)), strangers[i])
    times_seen = [0] * len(order)
    casts = []
    for size in cast_sizes:
        seen = [i for i, times in enumerate(times_seen) if times == 1]
        cast = [int(generator.choice(seen))] if seen and size > 1 else []
        others = sorted(set(range(len(order))) - set(cast), key=lambda i: times_seen[i])
        cast += others[: size - len(cast)]
        for i in cast:
            times_seen[i] += 1
        casts.append([order[i] for i in cast])
    return casts
