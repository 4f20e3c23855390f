"""Who is where in a video, at every frame: perches, hops, arrivals, departures and songs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aviary.anatomy import Pose
from aviary.individuals import Individual

Generator = np.random.Generator


@dataclass(frozen=True)
class Stage:
    """The picture's size and its perches.

    Args:
        width, height: pixels.
        frames_per_second: of the video.
        num_frames: of the video.
        perches: for each bird, where it lives: (left, right, y) in pixels.
        body_length_px: how large birds are here.
    """

    width: int
    height: int
    frames_per_second: int
    num_frames: int
    perches: tuple[tuple[float, float, float], ...]
    body_length_px: float


@dataclass(frozen=True)
class Moment:
    """One bird in one frame: where its feet are, in pixels, and its pose."""

    feet: tuple[float, float]
    pose: Pose


def draw_stage(
    width: int,
    height: int,
    frames_per_second: int,
    num_frames: int,
    num_birds: int,
    generator: Generator,
    *,
    shares_branch: bool = False,
) -> Stage:
    """Perches for so many birds: one branch for one or two, two branches for three or four.

    With `shares_branch` all birds live on the whole of one branch, and pass one another.
    """
    scale = width / 480
    if num_birds <= 2:
        rows, body_length_px = [0.68], generator.uniform(76, 92) * scale
    else:
        rows, body_length_px = [0.44, 0.90], generator.uniform(66, 76) * scale
    if shares_branch:
        perches = ((0.0, float(width), height * rows[0]),) * num_birds
        return Stage(width, height, frames_per_second, num_frames, perches, float(body_length_px))
    columns = 1 if num_birds == 1 else 2
    cells = [
        (width * column / columns, width * (column + 1) / columns, height * row)
        for row in rows
        for column in range(columns)
    ]
    chosen = generator.permutation(len(cells))[:num_birds]
    perches = tuple(cells[i] for i in chosen)
    return Stage(width, height, frames_per_second, num_frames, perches, float(body_length_px))


def draw_moments(stage: Stage, number: int, generator: Generator) -> list[Moment | None]:
    """What the bird on perch `number` does, frame by frame; None while it is away.

    It is there from the start or flies in, hops about its part of the branch, now and then visits the
    rest of the branch, and may fly off before the end.
    """
    left, right, y = stage.perches[number]
    margin = 0.75 * stage.body_length_px
    duration_seconds = stage.num_frames / stage.frames_per_second
    arrives = generator.random() < 0.45
    leaves = generator.random() < 0.40
    start = generator.uniform(0.05, 0.3) * duration_seconds if arrives else 0.0
    end = generator.uniform(0.7, 0.95) * duration_seconds if leaves else duration_seconds + 1
    path = _Path((generator.uniform(left + margin, right - margin), y), start)
    if arrives:
        path.fly_in(_beyond(stage, left, right, y))
    while path.now < min(end, duration_seconds):
        path.stay(generator.uniform(0.5, 1.6))
        is_visit = generator.random() < 0.06
        low, high = (margin, stage.width - margin) if is_visit else (left + margin, right - margin)
        step = generator.uniform(0.3, 1.1) * stage.body_length_px * generator.choice([-1, 1])
        path.hop(generator.uniform(low, high) if is_visit else np.clip(path.x + step, low, high))
    if leaves:
        path.fly_off(end, _beyond(stage, left, right, y))
    times = np.arange(stage.num_frames) / stage.frames_per_second
    moments = [path.at(time) for time in times]
    return _with_small_movements(moments, generator)


def with_song(moments: list[Moment | None], first: int, last: int) -> None:
    """Open the bill and lift the head from frame `first` to before `last`; changes the list."""
    for frame in range(first, min(last, len(moments))):
        moment = moments[frame]
        if moment is not None:
            gape = 32.0 if (frame - first) % 3 != 2 else 12.0
            pose = replace(moment.pose, bill_gape_degrees=gape, head_nod_degrees=14.0)
            moments[frame] = replace(moment, pose=pose)


def choose_casts(
    known: Sequence[Individual],
    strangers: Sequence[Individual],
    cast_sizes: Sequence[int],
    generator: Generator,
) -> list[list[Individual]]:
    """Who plays in which video: every cast after the first holds at least one bird seen before.

    Those who have played least come first, a stranger among the first two.
    """
    order = [known[i] for i in generator.permutation(len(known))]
    for place, i in enumerate(generator.permutation(len(strangers))):
        order.insert(min(1 + 4 * place, len(order)), strangers[i])
    times_seen = dict.fromkeys(range(len(order)), 0)
    casts = []
    for size in cast_sizes:
        seen = [i for i in times_seen if times_seen[i] == 1]
        cast = [int(generator.choice(seen))] if seen and size > 1 else []
        others = sorted((i for i in times_seen if i not in cast), key=lambda i: times_seen[i])
        cast += others[: size - len(cast)]
        for i in cast:
            times_seen[i] += 1
        casts.append([order[i] for i in cast])
    return casts


class _Path:
    """Where a bird is at any time: stretches of standing, hopping and flying, one after another."""

    def __init__(self, place: tuple[float, float], start: float) -> None:
        self.x, self.y = place
        self.start = self.now = start
        self.legs: list[tuple[float, float, tuple[float, float], tuple[float, float], float]] = []

    def _move(self, seconds: float, x: float, y: float, rise: float) -> None:
        self.legs.append((self.now, self.now + seconds, (self.x, self.y), (x, y), rise))
        self.now += seconds
        self.x, self.y = x, y

    def fly_in(self, origin: tuple[float, float]) -> None:
        x, y = self.x, self.y
        self.x, self.y = origin
        self._move(0.8, x, y, 20.0)

    def stay(self, seconds: float) -> None:
        self._move(seconds, self.x, self.y, 0.0)

    def hop(self, x: float) -> None:
        self._move(0.2 + abs(x - self.x) / 400, float(x), self.y, 0.1 * abs(x - self.x) + 6)

    def fly_off(self, time: float, goal: tuple[float, float]) -> None:
        """Leave at this time, whatever was planned for later."""
        moment = self.at(time)
        self.legs = [leg for leg in self.legs if leg[0] < time]
        if moment is not None:
            self.x, self.y = moment.feet
        begin, _, origin, _, rise = self.legs[-1]
        self.legs[-1] = (begin, time, origin, (self.x, self.y), rise)
        self.now = time
        self._move(0.8, goal[0], goal[1], 20.0)

    def at(self, time: float) -> Moment | None:
        for begin, end, origin, goal, rise in self.legs:
            if begin <= time < end:
                share = (time - begin) / (end - begin)
                x = origin[0] + share * (goal[0] - origin[0])
                y = origin[1] + share * (goal[1] - origin[1]) - 4 * rise * share * (1 - share)
                is_flight = abs(goal[1] - origin[1]) > 1
                lift = 60 + 60 * np.sin(2 * np.pi * 4.3 * time) if is_flight else 0.0
                faces_left = (
                    goal[0] < origin[0] if goal[0] != origin[0] else self._looks_left(begin)
                )
                return Moment(
                    (x, y),
                    Pose(
                        faces_left=bool(faces_left),
                        wing_lift_degrees=float(lift),
                        has_feet_down=not is_flight,
                    ),
                )
        return None

    def _looks_left(self, time: float) -> bool:
        """The way of the last hop before this time."""
        before = [leg for leg in self.legs if leg[0] < time and leg[2][0] != leg[3][0]]
        return before[-1][3][0] < before[-1][2][0] if before else int(self.legs[0][2][0]) % 2 == 0


def _beyond(stage: Stage, left: float, right: float, y: float) -> tuple[float, float]:
    """Out of the picture, on the side that is nearer, so that nobody is crossed on the way."""
    reach = 1.3 * stage.body_length_px
    x = -reach if left + right <= stage.width else stage.width + reach
    return x, y - 0.5 * stage.body_length_px


def _with_small_movements(
    moments: list[Moment | None], generator: Generator
) -> list[Moment | None]:
    """Turns of the head, flicks of the tail and fluffing that hold for some frames each."""
    squeeze = float(generator.uniform(0.82, 1.0))
    living: list[Moment | None] = []
    turn = nod = tail = tilt = 0.0
    for moment in moments:
        if generator.random() < 0.2:
            turn, nod = float(generator.uniform(-0.8, 0.8)), float(generator.normal(0, 9))
        if generator.random() < 0.12:
            tail, tilt = float(generator.normal(0, 8)), float(generator.normal(0, 8))
        if moment is not None:
            pose = replace(
                moment.pose,
                head_turn=turn,
                head_nod_degrees=nod,
                tail_lift_degrees=tail,
                tilt_degrees=tilt,
                squeeze=squeeze,
            )
            moment = replace(moment, pose=pose)
        living.append(moment)
    return living
