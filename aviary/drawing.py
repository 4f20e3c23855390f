"""Draw an individual in a pose: flat colours, clipped to each part's outline, antialiased."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from aviary.anatomy import Anatomy, Polygon, Pose, ellipse
from aviary.individuals import Individual
from aviary.species import Colour

Patch = tuple[Polygon, Colour]
"""A polygon filled with one colour."""

EXTENT = 1.75
"""Half the side of the square that a bird is drawn on, in body lengths."""
SUPERSAMPLING = 2


@dataclass(frozen=True)
class Sprite:
    """A bird cut out of its background.

    Args:
        rgba: float32 [height, width, 4], colour multiplied by opacity, opacity in [0, 1].
        feet: (x, y) in pixels from the sprite's upper left corner, where it stands.
    """

    rgba: np.ndarray
    feet: tuple[float, float]


def draw_bird(individual: Individual, pose: Pose, *, body_length_px: float) -> Sprite:
    """The individual in this pose, cut out.

    Args:
        individual: who.
        pose: how it holds itself.
        body_length_px: pixels from breast to rump; a whole bird is about 1.8 times as long.
    Returns:
        A sprite as large as what is drawn.
    """
    anatomy = Anatomy(individual.shape, pose)
    canvas = _Canvas(body_length_px, pose)
    if pose.wing_lift_degrees > 25:
        _paint_far_wing(canvas, individual, anatomy)
    _paint_tail(canvas, individual, anatomy)
    _paint_legs(canvas, individual, anatomy)
    _paint_body(canvas, individual, anatomy)
    _paint_head(canvas, individual, anatomy)
    _paint_wing(canvas, individual, anatomy)
    return canvas.sprite(anatomy.feet().mean(axis=0))


class _Canvas:
    """A transparent square on which parts are painted one above the other."""

    def __init__(self, body_length_px: float, pose: Pose) -> None:
        self.unit = body_length_px * SUPERSAMPLING
        self.side = int(np.ceil(2 * EXTENT * body_length_px)) * SUPERSAMPLING
        self.mirror = np.array([-1.0 if pose.faces_left else 1.0, 1.0]) * [pose.squeeze, 1.0]
        self.rgba = np.zeros((self.side, self.side, 4), np.float32)

    def to_pixels(self, points: Polygon) -> np.ndarray:
        return np.asarray(points) * self.mirror * self.unit + self.side / 2

    def paint(
        self,
        outlines: Sequence[Polygon],
        colour: Colour,
        patches: Sequence[Patch] = (),
        shade: float = 0.16,
    ) -> None:
        """Fill the outlines with a colour and with the patches that fall inside them."""
        shapes = [self.to_pixels(outline) for outline in outlines]
        points = np.concatenate(shapes)
        low = np.clip(np.floor(points.min(axis=0)).astype(int) - 2, 0, self.side - 1)
        high = np.clip(np.ceil(points.max(axis=0)).astype(int) + 3, low + 1, self.side)
        width, height = (high - low).tolist()
        texture = np.full((height, width, 3), colour, np.uint8)
        mask = np.zeros((height, width), np.uint8)
        for polygon, patch_colour in patches:
            _fill(texture, self.to_pixels(polygon) - low, patch_colour)
        for polygon in shapes:
            _fill(mask, polygon - low, (255, 255, 255))
        self._blend(low, texture, mask, shade)

    def _blend(self, low: np.ndarray, texture: np.ndarray, mask: np.ndarray, shade: float) -> None:
        height, width = mask.shape
        light = np.linspace(1 + shade, 1 - shade, height, dtype=np.float32)[:, None, None]
        opacity = (mask.astype(np.float32) / 255)[..., None]
        area = self.rgba[low[1] : low[1] + height, low[0] : low[0] + width]
        area *= 1 - opacity
        area[..., :3] += np.minimum(texture * light, 255) * opacity
        area[..., 3:] += opacity

    def line(self, start: np.ndarray, end: np.ndarray, width: float, colour: Colour) -> None:
        """A stroke from one place to another; `width` in body lengths."""
        along = (end - start) / (np.linalg.norm(end - start) + 1e-9)
        across = np.array([-along[1], along[0]]) * width / 2
        self.paint([np.array([start - across, end - across, end + across, start + across])], colour)

    def sprite(self, feet: np.ndarray) -> Sprite:
        half = (self.side // SUPERSAMPLING, self.side // SUPERSAMPLING)
        small = cv2.resize(self.rgba, half, interpolation=cv2.INTER_AREA)
        columns = np.flatnonzero(small[..., 3].any(axis=0))
        rows = np.flatnonzero(small[..., 3].any(axis=1))
        left, top = columns[0], rows[0]
        x, y = self.to_pixels(feet) / SUPERSAMPLING
        rgba = small[top : rows[-1] + 1, left : columns[-1] + 1]
        return Sprite(np.ascontiguousarray(rgba), (float(x - left), float(y - top)))


def _fill(picture: np.ndarray, polygon: np.ndarray, colour: Colour) -> None:
    fixed_point = np.round(polygon * 16).astype(np.int32)
    cv2.fillPoly(picture, [fixed_point], colour, lineType=cv2.LINE_AA, shift=4)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _paint_tail(canvas: _Canvas, individual: Individual, anatomy: Anatomy) -> None:
    plumage = individual.plumage
    bands = {
        "none": [],
        "light_band": [(0.55, 0.75, plumage.light_mark)],
        "dark_tip": [(0.78, 1.0, plumage.dark_mark)],
        "light_tip": [(0.78, 1.0, plumage.light_mark)],
        "dark_band": [(0.50, 0.70, plumage.dark_mark)],
        "two_bands": [(0.45, 0.57, plumage.light_mark), (0.75, 0.87, plumage.light_mark)],
    }[individual.markings.tail]
    feathers: list[Patch] = [(anatomy.tail(0.0, 1.0), _mix(plumage.wing, plumage.back, 0.3))]
    feathers += [(anatomy.tail(start, end), colour) for start, end, colour in bands]
    canvas.paint([anatomy.tail()], plumage.wing, feathers)


def _paint_legs(canvas: _Canvas, individual: Individual, anatomy: Anatomy) -> None:
    if not anatomy.pose.has_feet_down:
        return
    colour = individual.plumage.leg
    for hip, foot in zip(anatomy.hips(), anatomy.feet(), strict=True):
        canvas.line(hip, foot, 0.035, colour)
        for reach in (-0.07, 0.06, 0.10):
            canvas.line(foot, foot + np.array([reach, 0.025]), 0.028, colour)


def _paint_body(canvas: _Canvas, individual: Individual, anatomy: Anatomy) -> None:
    plumage, depth = individual.plumage, anatomy.depth
    front = anatomy.on_body(ellipse((0.22, 0.10 * depth / 0.6), (0.44, 0.46 * depth)))
    belly = anatomy.on_body(ellipse((-0.12, 0.42 * depth), (0.42, 0.30 * depth)))
    patches = [(front, plumage.breast), (belly, plumage.belly), *_breast_marks(individual, anatomy)]
    neck = cv2.convexHull(anatomy.neck().astype(np.float32))[:, 0]
    canvas.paint([anatomy.body(), neck], plumage.back, patches + _collar_marks(individual, anatomy))


def _breast_marks(individual: Individual, anatomy: Anatomy) -> list[Patch]:
    markings, plumage, depth = individual.markings, individual.plumage, anatomy.depth
    if markings.breast == "band":
        band = [(0.18, -0.5), (0.33, -0.5), (0.28, 0.6), (0.12, 0.6)]
        return [(anatomy.on_body(np.array(band)), plumage.dark_mark)]
    if markings.breast == "blotch":
        return [
            (anatomy.on_body(ellipse((0.30, 0.14), (0.12, 0.15 * depth / 0.6))), plumage.dark_mark)
        ]
    if markings.breast == "streaks":
        starts = [
            (0.36, -0.02),
            (0.28, 0.06),
            (0.32, 0.14),
            (0.20, 0.14),
            (0.22, 0.24),
            (0.10, 0.22),
        ]
        streak = np.array([(0.02, -0.01), (0.02, 0.01), (-0.10, 0.022), (-0.10, 0.0)])
        return [(anatomy.on_body(streak + start), plumage.dark_mark) for start in starts]
    return [
        (anatomy.on_body(ellipse((x, y * depth / 0.6), (radius, radius))), plumage.dark_mark)
        for x, y, radius in markings.spots
    ]


def _collar_marks(individual: Individual, anatomy: Anatomy) -> list[Patch]:
    plumage = individual.plumage
    ring = [(-1.1, 0.55), (1.0, 1.0), (0.9, 1.45), (-1.3, 1.0)]
    nape = [(-1.5, 0.1), (-0.5, 0.4), (-0.35, 1.05), (-1.7, 0.9)]
    throat = [(0.1, 0.3), (1.3, 0.2), (1.1, 1.5), (0.2, 1.35)]
    marks: dict[str, list[tuple[list[tuple[float, float]], Colour]]] = {
        "none": [],
        "light": [(ring, plumage.light_mark)],
        "dark": [(ring, plumage.dark_mark)],
        "light_nape": [(nape, plumage.light_mark)],
        "dark_throat": [(throat, plumage.dark_mark)],
        "light_throat": [(throat, plumage.light_mark)],
    }
    return [
        (anatomy.on_head(np.array(polygon)), colour)
        for polygon, colour in marks[individual.markings.collar]
    ]


def _paint_head(canvas: _Canvas, individual: Individual, anatomy: Anatomy) -> None:
    plumage, shape = individual.plumage, individual.shape
    if shape.crest_length > 0:
        canvas.paint([anatomy.crest()], plumage.cap)
    upper, lower = anatomy.bill()
    canvas.paint([lower], _mix(plumage.bill, (0, 0, 0), 0.25), shade=0.05)
    canvas.paint([upper], plumage.bill, shade=0.10)
    cap = [(1.2, -0.30), (0.2, -0.22), (-0.6, 0.05), (-1.3, 0.5), (-1.3, -1.3), (1.2, -1.3)]
    patches = [(anatomy.on_head(np.array(cap)), plumage.cap), *_face_marks(individual, anatomy)]
    canvas.paint([anatomy.head()], plumage.cheek, patches)
    _paint_eye(canvas, individual, anatomy)


def _eye_place(anatomy: Anatomy) -> tuple[float, float]:
    return 0.36 - 0.22 * anatomy.pose.head_turn, -0.16


def _face_marks(individual: Individual, anatomy: Anatomy) -> list[Patch]:
    plumage, (x, y) = individual.plumage, _eye_place(anatomy)
    brow = [(x + 0.45, y - 0.28), (x - 0.2, y - 0.42), (x - 1.1, y - 0.12), (x - 0.2, y - 0.20)]
    stripe = [
        (1.2, y - 0.02),
        (x, y - 0.20),
        (x - 1.2, y + 0.02),
        (x - 1.0, y + 0.22),
        (x, y + 0.16),
        (1.2, y + 0.12),
    ]
    moustache = [(0.95, 0.20), (0.55, 0.30), (0.05, 0.75), (0.15, 0.95), (0.60, 0.62)]
    marks: dict[str, list[tuple[Polygon, Colour]]] = {
        "plain": [],
        "eye_ring": [(ellipse((x, y), (0.40, 0.40)), plumage.light_mark)],
        "brow": [(np.array(brow), plumage.light_mark)],
        "eye_stripe": [(np.array(stripe), plumage.dark_mark)],
        "cheek_patch": [(ellipse((x - 0.45, 0.36), (0.36, 0.30)), plumage.light_mark)],
        "moustache": [(np.array(moustache), plumage.dark_mark)],
    }
    return [(anatomy.on_head(mark), colour) for mark, colour in marks[individual.markings.face]]


def _paint_eye(canvas: _Canvas, individual: Individual, anatomy: Anatomy) -> None:
    x, y = _eye_place(anatomy)
    canvas.paint([anatomy.on_head(ellipse((x, y), (0.19, 0.19)))], (22, 18, 18), shade=0.0)
    canvas.paint([anatomy.on_head(ellipse((x + 0.06, y - 0.07), (0.06, 0.06)))], (245, 245, 245))


def _paint_wing(canvas: _Canvas, individual: Individual, anatomy: Anatomy) -> None:
    plumage = individual.plumage
    feathers: list[Patch] = [(anatomy.wing(0.62, 1.0), _mix(plumage.wing, plumage.dark_mark, 0.55))]
    feathers += [
        (anatomy.wing(place - 0.055, place + 0.055), plumage.light_mark)
        for place in individual.markings.wing_bars
    ]
    if individual.markings.has_epaulette:
        feathers.append((anatomy.epaulette(), plumage.light_mark))
    canvas.paint([anatomy.wing()], plumage.wing, feathers)


def _paint_far_wing(canvas: _Canvas, individual: Individual, anatomy: Anatomy) -> None:
    shift = anatomy.on_body(np.array([[0.10, -0.05]]))[0]
    canvas.paint([anatomy.wing() + shift], _mix(individual.plumage.wing, (0, 0, 0), 0.25))
