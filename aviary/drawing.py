"""Draw an individual in a pose: flat colours, clipped to each part's outline, antialiased.

Polygons are in body lengths, of a bird that looks to the right: x forward, y down, the origin in the middle
of the body. Before `on_body`, x is along the spine; before `on_head`, lengths are radii of the head.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from aviary.individuals import Individual
from aviary.species import Colour

Polygon = np.ndarray  # float64 [num_points, 2]: x, y
Paint = str | Colour  # a colour of the plumage, or another one
Patch = tuple[Polygon, Paint]

_EXTENT = 1.75  # half the side of the square that a bird is drawn on, in body lengths
_SUPERSAMPLING = 2
_BILLS = {"cone": (0.42, 0.06), "needle": (0.17, 0.05), "dagger": (0.25, 0.0), "hook": (0.27, 0.30)}
"""Half its height at the root, and how far the tip hangs down."""
_CAP = [(1.2, -0.30), (0.2, -0.22), (-0.6, 0.05), (-1.3, 0.5), (-1.3, -1.3), (1.2, -1.3)]
_BAND = np.array([(0.18, -0.5), (0.33, -0.5), (0.28, 0.6), (0.12, 0.6)])
_STREAK = np.array([(0.02, -0.01), (0.02, 0.01), (-0.10, 0.022), (-0.10, 0.0)])
_STREAKS = ((0.36, -0.02), (0.28, 0.06), (0.32, 0.14), (0.20, 0.14), (0.22, 0.24), (0.10, 0.22))
_MOUSTACHE = np.array([(0.95, 0.20), (0.55, 0.30), (0.05, 0.75), (0.15, 0.95), (0.60, 0.62)])
_RING = [(-1.1, 0.55), (1.0, 1.0), (0.9, 1.45), (-1.3, 1.0)]
_NAPE = [(-1.5, 0.1), (-0.5, 0.4), (-0.35, 1.05), (-1.7, 0.9)]
_THROAT = [(0.1, 0.3), (1.3, 0.2), (1.1, 1.5), (0.2, 1.35)]
_COLLARS: tuple[list[tuple[list[tuple[float, float]], str]], ...] = (
    [],
    [(_RING, "light_mark")],
    [(_RING, "dark_mark")],
    [(_NAPE, "light_mark")],
    [(_THROAT, "dark_mark")],
    [(_THROAT, "light_mark")],
)
_TAIL_BANDS: tuple[list[tuple[float, float, str]], ...] = (
    [],
    [(0.55, 0.75, "light_mark")],
    [(0.78, 1.0, "dark_mark")],
    [(0.78, 1.0, "light_mark")],
    [(0.50, 0.70, "dark_mark")],
    [(0.45, 0.57, "light_mark"), (0.75, 0.87, "light_mark")],
)
_WING_BARS = ((), (34,), (62,), (30, 52), (48, 70), (26, 46, 66))  # percent of the wing's length


@dataclass(frozen=True)
class Pose:
    """How a bird holds itself at one moment."""

    faces_left: bool = False
    tilt_degrees: float = 0.0  # the body leans forward (positive) or back
    head_turn: float = 0.0  # -1 to 1, away from the viewer or towards; shortens bill, moves face
    head_nod_degrees: float = 0.0  # the bill points up (positive) or down
    wing_lift_degrees: float = 0.0  # 0 folded; 120 raised high
    tail_lift_degrees: float = 0.0  # the tail is cocked (positive) or lowered
    squeeze: float = 1.0  # 0.7 to 1, how much the body is seen from the side
    fluff: float = 1.0  # 0.9 to 1.15, sleek or fluffed up
    bill_gape_degrees: float = 0.0  # of a bird that sings
    has_feet_down: bool = True  # false in flight


@dataclass(frozen=True)
class Sprite:
    """A bird cut out of its background."""

    rgba: np.ndarray  # float32 [height, width, 4], colour times opacity, opacity in [0, 1]
    feet: tuple[float, float]  # x, y in pixels from the upper left corner


def draw_bird(individual: Individual, pose: Pose, *, body_length_px: float) -> Sprite:
    """The individual in this pose, cut out; a whole bird is about 1.8 body lengths long."""
    bird = _Bird(individual, pose, body_length_px)
    bird.paint_behind()
    bird.paint_body()
    bird.paint_bill()
    bird.paint_face()
    bird.paint_wing()
    return bird.sprite()


def bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is not 0; right and bottom are the first pixels outside."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


class _Bird:
    """Where everything is on an individual in a pose, painted part above part on a transparent square."""

    def __init__(self, individual: Individual, pose: Pose, body_length_px: float) -> None:
        self.plumage, self.pose = individual.plumage, pose
        self.shape, self.markings = individual.shape, individual.markings
        self.depth = self.shape.body_depth * pose.fluff
        self.side = int(np.ceil(2 * _EXTENT * body_length_px)) * _SUPERSAMPLING
        self.mirror = np.array([-1.0 if pose.faces_left else 1.0, 1.0]) * [pose.squeeze, 1.0]
        self.unit = body_length_px * _SUPERSAMPLING
        self.rgba = np.zeros((self.side, self.side, 4), np.float32)
        reach = self.shape.neck_length + 0.62 * self.shape.head_radius
        ((x, y),) = self.on_body([(0.36, -0.27 * self.depth / 0.6)])
        self.head_centre = np.array([x + 0.45 * reach, y - 0.9 * reach])
        hips = self.on_body([(-0.02, 0.46 * self.depth), (-0.12, 0.44 * self.depth)])
        ground = hips[:, 1].max() + 0.62 * self.shape.leg_length
        self.feet = np.array([[hips[0, 0] + 0.05, ground], [hips[1, 0] - 0.01, ground]])

    def to_pixels(self, points: Polygon) -> np.ndarray:
        return np.asarray(points) * self.mirror * self.unit + self.side / 2

    def paint(
        self,
        outlines: Sequence[Polygon],
        colour: Paint,
        patches: Iterable[Patch] = (),
        shade: float = 0.16,
    ) -> None:
        """Fill the outlines with a colour and with the patches that fall inside them."""
        shapes = [self.to_pixels(outline) for outline in outlines]
        points = np.concatenate(shapes)
        low = np.clip(np.floor(points.min(axis=0)).astype(int) - 2, 0, self.side - 1)
        high = np.clip(np.ceil(points.max(axis=0)).astype(int) + 3, low + 1, self.side)
        width, height = (high - low).tolist()
        texture = np.full((height, width, 3), self._rgb(colour), np.uint8)
        mask = np.zeros((height, width), np.uint8)
        for polygon, patch_colour in patches:
            _fill(texture, self.to_pixels(polygon) - low, self._rgb(patch_colour))
        for polygon in shapes:
            _fill(mask, polygon - low, (255, 255, 255))
        light = np.linspace(1 + shade, 1 - shade, height, dtype=np.float32)[:, None, None]
        opacity = (mask.astype(np.float32) / 255)[..., None]
        area = self.rgba[low[1] : high[1], low[0] : high[0]]
        area *= 1 - opacity
        area[..., :3] += np.minimum(texture * light, 255) * opacity
        area[..., 3:] += opacity

    def mix(self, one: str, other: Paint, share: float) -> Colour:
        pairs = zip(self._rgb(one), self._rgb(other), strict=True)
        red, green, blue = (round(a + (b - a) * share) for a, b in pairs)
        return red, green, blue

    def _rgb(self, colour: Paint) -> Colour:
        return self.plumage[colour] if isinstance(colour, str) else colour

    def on_body(self, points: npt.ArrayLike) -> Polygon:
        return _raised(points, self.shape.posture_degrees - self.pose.tilt_degrees)

    def on_head(self, points: npt.ArrayLike) -> Polygon:
        scaled = np.asarray(points) * self.shape.head_radius
        return self.head_centre + _raised(scaled, self.pose.head_nod_degrees)

    def tail(self, start: float = 0.0, end: float = 1.0) -> Polygon:
        """The tail, or a band across it: from 0 (rump) to 1 (tip)."""
        edge = np.linspace(-1, 1, 7)
        along, across = np.repeat([start, end], len(edge)), np.concatenate([edge, edge[::-1]])
        fork = self.shape.tail_fork * (np.abs(across) - 0.5) * along
        x = -(along * self.shape.tail_length + fork)
        lift = self.shape.tail_lift_degrees + self.pose.tail_lift_degrees
        lifted = _raised(np.stack([x, across * (0.085 + 0.055 * along)], axis=1), -lift)
        return self.on_body(np.array([-0.40, -0.02]) + lifted)

    def wing(self, start: float = 0.0, end: float = 1.0) -> Polygon:
        """The near wing, or a band across it: from 0 (shoulder) to 1 (tip)."""
        along = np.linspace(start, end, 16)
        return self.on_wing(np.concatenate([along, along[::-1]]), np.repeat([-1.0, 1.0], 16))

    def on_wing(self, along: np.ndarray, across: np.ndarray) -> Polygon:
        opening = 1 + 0.5 * np.sin(np.deg2rad(self.pose.wing_lift_degrees) / 2)
        profile = np.sqrt(np.clip(along * 1.25 + 0.06, 0, 1) * np.clip(1.02 - along, 0, 1)) * 1.5
        x = -along * 0.80 * opening
        y = across * 0.19 * profile * opening + 0.10 * np.sin(np.pi * along) + 0.02
        lifted = _raised(np.stack([x, y], axis=1), -self.pose.wing_lift_degrees)
        return self.on_body(np.array([0.24, -0.09]) + lifted)

    def paint_behind(self) -> None:
        """The far wing, if it is lifted; the tail; the legs, if they are down."""
        if self.pose.wing_lift_degrees > 25:
            far_wing = self.wing() + self.on_body([(0.10, -0.05)])
            self.paint([far_wing], self.mix("wing", (0, 0, 0), 0.25))
        feathers: list[Patch] = [(self.tail(), self.mix("wing", "back", 0.3))]
        for start, end, colour in _TAIL_BANDS[self.markings.tail]:
            feathers.append((self.tail(start, end), colour))
        self.paint([self.tail()], "wing", feathers)
        if self.pose.has_feet_down:
            hips = self.on_body([(-0.02, 0.40 * self.depth), (-0.12, 0.38 * self.depth)])
            for hip, foot in zip(hips, self.feet, strict=True):
                self.paint([_line(hip, foot, 0.035)], "leg")
                for reach in (-0.07, 0.06, 0.10):
                    self.paint([_line(foot, foot + np.array([reach, 0.025]), 0.028)], "leg")

    def paint_body(self) -> None:
        depth = self.depth
        breasts = {
            3: [_STREAK + start for start in _STREAKS],
            4: [_BAND],
            5: [_ellipse(0.30, 0.14, 0.12, 0.15 * depth / 0.6)],
        }
        spots = [_ellipse(x, y * depth / 0.6, radius) for x, y, radius in self.markings.spots]
        front = _ellipse(0.22, 0.10 * depth / 0.6, 0.44, 0.46 * depth)
        belly = _ellipse(-0.12, 0.42 * depth, 0.42, 0.30 * depth)
        patches: list[Patch] = [(self.on_body(front), "breast"), (self.on_body(belly), "belly")]
        for mark in breasts.get(self.markings.breast, spots):
            patches.append((self.on_body(mark), "dark_mark"))
        for polygon, colour in _COLLARS[self.markings.collar]:
            patches.append((self.on_head(polygon), colour))
        turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)  # an egg, fuller at the breast
        across = 0.5 * depth * np.sin(turn) * (1 + 0.16 * np.cos(turn))
        egg = self.on_body(np.stack([0.5 * np.cos(turn), across], axis=1))
        nape = self.on_head(_ellipse(-0.1, 0.1, 0.9, 0.86))
        shoulder = self.on_body(_ellipse(0.20, -0.02, 0.24, 0.42 * depth))
        neck = cv2.convexHull(np.concatenate([nape, shoulder]).astype(np.float32))[:, 0]
        self.paint([egg, neck], "back", patches)

    def paint_bill(self) -> None:
        if self.shape.crest_length > 0:
            height = self.shape.crest_length / self.shape.head_radius
            crest = [(0.55, -0.75), (0.05, -0.95 - 0.7 * height), (-0.35, -0.9 - 1.0 * height)]
            crest += [(-0.3, -0.95 - 0.45 * height), (-0.95, -0.85 - 0.55 * height), (-0.75, -0.45)]
            self.paint([self.on_head(crest)], "cap")
        turned = np.sqrt(1 - 0.6 * self.pose.head_turn**2)
        length = self.shape.bill_length / self.shape.head_radius * turned
        base, drop = _BILLS[self.shape.bill]
        gape = np.deg2rad(self.pose.bill_gape_degrees) * length
        root, tip = 0.88, 0.95 + length
        ridge = (root + 0.55 * length, -0.62 * base)
        chin = (root + 0.5 * length, 0.45 * base + 0.5 * gape)
        upper = [(root, -base), ridge, (tip, drop - 0.4 * gape), (root, 0.06)]
        lower = [(root, 0.0), (tip - 0.06, drop + 0.6 * gape), chin, (root, 0.75 * base)]
        self.paint([self.on_head(lower)], self.mix("bill", (0, 0, 0), 0.25), shade=0.05)
        self.paint([self.on_head(upper)], "bill", shade=0.10)

    def paint_face(self) -> None:
        x, y = 0.36 - 0.22 * self.pose.head_turn, -0.16  # the eye
        brow = [(x + 0.45, y - 0.28), (x - 0.2, y - 0.42), (x - 1.1, y - 0.12), (x - 0.2, y - 0.20)]
        stripe = [(1.2, y - 0.02), (x, y - 0.20), (x - 1.2, y + 0.02)]
        stripe += [(x - 1.0, y + 0.22), (x, y + 0.16), (1.2, y + 0.12)]
        marks: dict[int, tuple[npt.ArrayLike, str]] = {
            1: (_ellipse(x, y, 0.40), "light_mark"),
            2: (brow, "light_mark"),
            3: (stripe, "dark_mark"),
            4: (_ellipse(x - 0.45, 0.36, 0.36, 0.30), "light_mark"),
            5: (_MOUSTACHE, "dark_mark"),
        }
        patches: list[Patch] = [(self.on_head(_CAP), "cap")]
        if self.markings.face in marks:
            polygon, colour = marks[self.markings.face]
            patches.append((self.on_head(polygon), colour))
        self.paint([self.on_head(_ellipse(0, 0, 1.04, 0.97))], "cheek", patches)
        self.paint([self.on_head(_ellipse(x, y, 0.19))], (22, 18, 18), shade=0.0)
        self.paint([self.on_head(_ellipse(x + 0.06, y - 0.07, 0.06))], (245, 245, 245))

    def paint_wing(self) -> None:
        feathers: list[Patch] = [(self.wing(0.62, 1.0), self.mix("wing", "dark_mark", 0.55))]
        for place in np.array(_WING_BARS[self.markings.wing]) / 100:
            feathers.append((self.wing(place - 0.055, place + 0.055), "light_mark"))
        if self.markings.has_epaulette:
            ((x, y),) = self.on_wing(np.array([0.10]), np.array([0.1]))
            feathers.append((_ellipse(x, y, 0.032), "light_mark"))
        self.paint([self.wing()], "wing", feathers)

    def sprite(self) -> Sprite:
        half = (self.side // _SUPERSAMPLING, self.side // _SUPERSAMPLING)
        small = cv2.resize(self.rgba, half, interpolation=cv2.INTER_AREA)
        left, top, right, bottom = bounds(small[..., 3])
        x, y = self.to_pixels(self.feet.mean(axis=0)) / _SUPERSAMPLING
        rgba = np.ascontiguousarray(small[top:bottom, left:right])
        return Sprite(rgba, (float(x - left), float(y - top)))


def _fill(picture: np.ndarray, polygon: np.ndarray, colour: Colour) -> None:
    fixed_point = np.round(polygon * 16).astype(np.int32)
    cv2.fillPoly(picture, [fixed_point], colour, lineType=cv2.LINE_AA, shift=4)


def _line(start: np.ndarray, end: np.ndarray, width: float) -> Polygon:
    along = (end - start) / (np.linalg.norm(end - start) + 1e-9)
    across = np.array([-along[1], along[0]]) * width / 2
    return np.array([start - across, end - across, end + across, start + across])


def _raised(points: npt.ArrayLike, degrees: float) -> Polygon:
    """Turned about the origin, so that what is in front goes up."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.asarray(points) @ np.array([[cosine, -sine], [sine, cosine]])


def _ellipse(x: float, y: float, radius: float, radius_y: float | None = None) -> Polygon:
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radii = np.array([radius, radius_y or radius])
    return np.array([x, y]) + radii * np.stack([np.cos(turn), np.sin(turn)], axis=1)
