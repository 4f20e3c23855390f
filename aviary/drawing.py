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
_STREAKS = ((0.36, -0.02), (0.28, 0.06), (0.32, 0.14), (0.20, 0.14), (0.22, 0.24), (0.10, 0.22))
_STREAK = np.array([(0.02, -0.01), (0.02, 0.01), (-0.10, 0.022), (-0.10, 0.0)])


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
    _paint_behind(canvas, individual, anatomy)
    _paint_body(canvas, individual, anatomy)
    _paint_head(canvas, individual, anatomy)
    _paint_wing(canvas, individual, anatomy)
    return canvas.sprite(anatomy.feet().mean(axis=0))


class _Canvas:
    """A transparent square on which parts are painted one above the other."""

    def __init__(self, body_length_px: float, pose: Pose) -> None:
        self.side = int(np.ceil(2 * EXTENT * body_length_px)) * SUPERSAMPLING
        self.mirror = np.array([-1.0 if pose.faces_left else 1.0, 1.0]) * [pose.squeeze, 1.0]
        self.unit = body_length_px * SUPERSAMPLING
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
        light = np.linspace(1 + shade, 1 - shade, height, dtype=np.float32)[:, None, None]
        opacity = (mask.astype(np.float32) / 255)[..., None]
        area = self.rgba[low[1] : high[1], low[0] : high[0]]
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


def _paint_behind(canvas: _Canvas, individual: Individual, anatomy: Anatomy) -> None:
    """The far wing, if it is lifted; the tail; the legs, if they are down."""
    plumage, pose = individual.plumage, anatomy.pose
    if pose.wing_lift_degrees > 25:
        far_wing = anatomy.wing() + anatomy.on_body([(0.10, -0.05)])
        canvas.paint([far_wing], _mix(plumage.wing, (0, 0, 0), 0.25))
    bands = {
        "none": [],
        "light_band": [(0.55, 0.75, plumage.light_mark)],
        "dark_tip": [(0.78, 1.0, plumage.dark_mark)],
        "light_tip": [(0.78, 1.0, plumage.light_mark)],
        "dark_band": [(0.50, 0.70, plumage.dark_mark)],
        "two_bands": [(0.45, 0.57, plumage.light_mark), (0.75, 0.87, plumage.light_mark)],
    }[individual.markings.tail]
    feathers: list[Patch] = [(anatomy.tail(), _mix(plumage.wing, plumage.back, 0.3))]
    feathers += [(anatomy.tail(start, end), colour) for start, end, colour in bands]
    canvas.paint([anatomy.tail()], plumage.wing, feathers)
    if pose.has_feet_down:
        for hip, foot in zip(anatomy.hips(), anatomy.feet(), strict=True):
            canvas.line(hip, foot, 0.035, plumage.leg)
            for reach in (-0.07, 0.06, 0.10):
                canvas.line(foot, foot + np.array([reach, 0.025]), 0.028, plumage.leg)


def _paint_body(canvas: _Canvas, individual: Individual, anatomy: Anatomy) -> None:
    plumage, markings, deep = individual.plumage, individual.markings, anatomy.depth
    front = ellipse((0.22, 0.10 * deep / 0.6), (0.44, 0.46 * deep))
    belly = ellipse((-0.12, 0.42 * deep), (0.42, 0.30 * deep))
    marks = {
        "band": [np.array([(0.18, -0.5), (0.33, -0.5), (0.28, 0.6), (0.12, 0.6)])],
        "blotch": [ellipse((0.30, 0.14), (0.12, 0.15 * deep / 0.6))],
        "streaks": [_STREAK + start for start in _STREAKS],
    }.get(
        markings.breast,
        [ellipse((x, y * deep / 0.6), (radius, radius)) for x, y, radius in markings.spots],
    )
    patches = [(front, plumage.breast), (belly, plumage.belly)]
    patches += [(mark, plumage.dark_mark) for mark in marks]
    on_body = [(anatomy.on_body(polygon), colour) for polygon, colour in patches]
    ring = [(-1.1, 0.55), (1.0, 1.0), (0.9, 1.45), (-1.3, 1.0)]
    nape = [(-1.5, 0.1), (-0.5, 0.4), (-0.35, 1.05), (-1.7, 0.9)]
    throat = [(0.1, 0.3), (1.3, 0.2), (1.1, 1.5), (0.2, 1.35)]
    collars = {
        "light": (ring, plumage.light_mark),
        "dark": (ring, plumage.dark_mark),
        "light_nape": (nape, plumage.light_mark),
        "dark_throat": (throat, plumage.dark_mark),
        "light_throat": (throat, plumage.light_mark),
    }
    if markings.collar in collars:
        polygon, colour = collars[markings.collar]
        on_body.append((anatomy.on_head(polygon), colour))
    neck = cv2.convexHull(anatomy.neck().astype(np.float32))[:, 0]
    canvas.paint([anatomy.body(), neck], plumage.back, on_body)


def _paint_head(canvas: _Canvas, individual: Individual, anatomy: Anatomy) -> None:
    plumage = individual.plumage
    if individual.shape.crest_length > 0:
        canvas.paint([anatomy.crest()], plumage.cap)
    upper, lower = anatomy.bill()
    canvas.paint([lower], _mix(plumage.bill, (0, 0, 0), 0.25), shade=0.05)
    canvas.paint([upper], plumage.bill, shade=0.10)
    x, y = 0.36 - 0.22 * anatomy.pose.head_turn, -0.16  # the eye
    cap = [(1.2, -0.30), (0.2, -0.22), (-0.6, 0.05), (-1.3, 0.5), (-1.3, -1.3), (1.2, -1.3)]
    brow = [(x + 0.45, y - 0.28), (x - 0.2, y - 0.42), (x - 1.1, y - 0.12), (x - 0.2, y - 0.20)]
    stripe = [(1.2, y - 0.02), (x, y - 0.20), (x - 1.2, y + 0.02)]
    stripe += [(x - 1.0, y + 0.22), (x, y + 0.16), (1.2, y + 0.12)]
    moustache = [(0.95, 0.20), (0.55, 0.30), (0.05, 0.75), (0.15, 0.95), (0.60, 0.62)]
    faces = {
        "eye_ring": (ellipse((x, y), (0.40, 0.40)), plumage.light_mark),
        "brow": (np.array(brow), plumage.light_mark),
        "eye_stripe": (np.array(stripe), plumage.dark_mark),
        "cheek_patch": (ellipse((x - 0.45, 0.36), (0.36, 0.30)), plumage.light_mark),
        "moustache": (np.array(moustache), plumage.dark_mark),
    }
    patches = [(anatomy.on_head(cap), plumage.cap)]
    if individual.markings.face in faces:
        polygon, colour = faces[individual.markings.face]
        patches.append((anatomy.on_head(polygon), colour))
    canvas.paint([anatomy.on_head(ellipse((0, 0), (1.04, 0.97)))], plumage.cheek, patches)
    canvas.paint([anatomy.on_head(ellipse((x, y), (0.19, 0.19)))], (22, 18, 18), shade=0.0)
    glint = ellipse((x + 0.06, y - 0.07), (0.06, 0.06))
    canvas.paint([anatomy.on_head(glint)], (245, 245, 245))


def _paint_wing(canvas: _Canvas, individual: Individual, anatomy: Anatomy) -> None:
    plumage, markings = individual.plumage, individual.markings
    feathers: list[Patch] = [(anatomy.wing(0.62, 1.0), _mix(plumage.wing, plumage.dark_mark, 0.55))]
    feathers += [
        (anatomy.wing(place - 0.055, place + 0.055), plumage.light_mark)
        for place in markings.wing_bars
    ]
    if markings.has_epaulette:
        feathers.append((anatomy.epaulette(), plumage.light_mark))
    canvas.paint([anatomy.wing()], plumage.wing, feathers)
