"""Outlines of a bird's parts in a given pose, as polygons in body lengths.

World frame of a bird that looks to the right: x forward, y down, the origin in the middle of the body.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aviary.species import Shape

Polygon = np.ndarray
"""float64 [num_points, 2]: x, y in body lengths."""

_BILLS = {"cone": (0.42, 0.06), "needle": (0.17, 0.05), "dagger": (0.25, 0.0), "hook": (0.27, 0.30)}
"""Half its height at the root, and how far the tip hangs down."""


@dataclass(frozen=True)
class Pose:
    """How a bird holds itself at one moment.

    Args:
        faces_left: mirrored when true.
        tilt_degrees: the body leans forward (positive) or back.
        head_turn: -1 to 1, away from or towards the viewer; it shortens the bill and moves the face.
        head_nod_degrees: the bill points up (positive) or down.
        wing_lift_degrees: 0 folded; 120 raised high.
        tail_lift_degrees: the tail is cocked (positive) or lowered.
        squeeze: 0.7 to 1, how much the body is seen from the side; less is shorter.
        fluff: 0.9 to 1.15, sleek or fluffed up.
        bill_gape_degrees: opening of the bill, for a bird that sings.
        has_feet_down: false in flight.
    """

    faces_left: bool = False
    tilt_degrees: float = 0.0
    head_turn: float = 0.0
    head_nod_degrees: float = 0.0
    wing_lift_degrees: float = 0.0
    tail_lift_degrees: float = 0.0
    squeeze: float = 1.0
    fluff: float = 1.0
    bill_gape_degrees: float = 0.0
    has_feet_down: bool = True


class Anatomy:
    """Where everything is on a bird of this shape in this pose.

    Args:
        shape: proportions of the individual.
        pose: how it holds itself.
    """

    def __init__(self, shape: Shape, pose: Pose) -> None:
        self.shape = shape
        self.pose = pose
        self.depth = shape.body_depth * pose.fluff
        reach = shape.neck_length + 0.62 * shape.head_radius
        self.head_centre = self.on_body([(0.36, -0.27 * self.depth / 0.6)])[0] + reach * np.array(
            [0.45, -0.9]
        )

    def on_body(self, points: npt.ArrayLike) -> Polygon:
        """From the body's own frame (x along the spine) to the world frame."""
        return _raised(points, self.shape.posture_degrees - self.pose.tilt_degrees)

    def on_head(self, points: npt.ArrayLike) -> Polygon:
        """From the head's own frame (unit: its radius, x to the bill) to the world frame."""
        scaled = np.asarray(points) * self.shape.head_radius
        return self.head_centre + _raised(scaled, self.pose.head_nod_degrees)

    def body(self) -> Polygon:
        """An egg, fuller at the breast."""
        turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        across = 0.5 * self.depth * np.sin(turn) * (1 + 0.16 * np.cos(turn))
        return self.on_body(np.stack([0.5 * np.cos(turn), across], axis=1))

    def neck(self) -> Polygon:
        """The points whose convex hull joins head and breast."""
        shoulder = self.on_body(ellipse((0.20, -0.02), (0.24, 0.42 * self.depth)))
        return np.concatenate([self.on_head(ellipse((-0.1, 0.1), (0.9, 0.86))), shoulder])

    def bill(self) -> tuple[Polygon, Polygon]:
        """The upper and the lower half."""
        turned = np.sqrt(1 - 0.6 * self.pose.head_turn**2)
        length = self.shape.bill_length / self.shape.head_radius * turned
        base, drop = _BILLS[self.shape.bill]
        gape = np.deg2rad(self.pose.bill_gape_degrees) * length
        root, tip = 0.88, 0.95 + length
        ridge = (root + 0.55 * length, -0.62 * base)
        chin = (root + 0.5 * length, 0.45 * base + 0.5 * gape)
        upper = [(root, -base), ridge, (tip, drop - 0.4 * gape), (root, 0.06)]
        lower = [(root, 0.0), (tip - 0.06, drop + 0.6 * gape), chin, (root, 0.75 * base)]
        return self.on_head(upper), self.on_head(lower)

    def tail(self, start: float = 0.0, end: float = 1.0) -> Polygon:
        """The tail, or a band across it: from 0 (rump) to 1 (tip)."""
        edge = np.linspace(-1, 1, 7)
        along, across = np.repeat([start, end], len(edge)), np.concatenate([edge, edge[::-1]])
        fork = self.shape.tail_fork * (np.abs(across) - 0.5) * along
        x = -(along * self.shape.tail_length + fork)
        y = across * (0.085 + 0.055 * along)
        lift = self.shape.tail_lift_degrees + self.pose.tail_lift_degrees
        return self.on_body(np.array([-0.40, -0.02]) + _raised(np.stack([x, y], axis=1), -lift))

    def wing(self, start: float = 0.0, end: float = 1.0) -> Polygon:
        """The near wing, or a band across it: from 0 (shoulder) to 1 (tip)."""
        along = np.linspace(start, end, 16)
        return self._on_wing(np.concatenate([along, along[::-1]]), np.repeat([-1.0, 1.0], 16))

    def epaulette(self) -> Polygon:
        """A small dot on the bend of the wing."""
        ((x, y),) = self._on_wing(np.array([0.10]), np.array([0.1]))
        return ellipse((x, y), (0.032, 0.032))

    def _on_wing(self, along: np.ndarray, across: np.ndarray) -> Polygon:
        opening = 1 + 0.5 * np.sin(np.deg2rad(self.pose.wing_lift_degrees) / 2)
        profile = np.sqrt(np.clip(along * 1.25 + 0.06, 0, 1) * np.clip(1.02 - along, 0, 1)) * 1.5
        x = -along * 0.80 * opening
        y = across * 0.19 * profile * opening + 0.10 * np.sin(np.pi * along) + 0.02
        lifted = _raised(np.stack([x, y], axis=1), -self.pose.wing_lift_degrees)
        return self.on_body(np.array([0.24, -0.09]) + lifted)

    def crest(self) -> Polygon:
        """A pointed tuft that leans back."""
        height = self.shape.crest_length / self.shape.head_radius
        front = [(0.55, -0.75), (0.05, -0.95 - 0.7 * height), (-0.35, -0.9 - 1.0 * height)]
        back = [(-0.30, -0.95 - 0.45 * height), (-0.95, -0.85 - 0.55 * height), (-0.75, -0.45)]
        return self.on_head(front + back)

    def feet(self) -> Polygon:
        """Where the two feet stand: [2, 2]."""
        hips = self.on_body([(-0.02, 0.46 * self.depth), (-0.12, 0.44 * self.depth)])
        ground = hips[:, 1].max() + 0.62 * self.shape.leg_length
        return np.array([[hips[0, 0] + 0.05, ground], [hips[1, 0] - 0.01, ground]])

    def hips(self) -> Polygon:
        """Where the two legs leave the body: [2, 2]."""
        return self.on_body([(-0.02, 0.40 * self.depth), (-0.12, 0.38 * self.depth)])


def _raised(points: npt.ArrayLike, degrees: float) -> Polygon:
    """Turned about the origin, so that what is in front goes up."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.asarray(points) @ np.array([[cosine, -sine], [sine, cosine]])


def ellipse(centre: tuple[float, float], radii: tuple[float, float]) -> Polygon:
    """An upright ellipse as a polygon of 40 points."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.array(centre) + np.array(radii) * np.stack([np.cos(turn), np.sin(turn)], axis=1)
