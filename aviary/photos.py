"""Take a photo of an individual: pose, crop, occlusion, light and camera differ every time."""

import numpy as np

from aviary.anatomy import Pose
from aviary.drawing import draw_bird
from aviary.individuals import Individual
from aviary.scenery import (
    draw_background,
    draw_branch,
    draw_leaf,
    draw_light,
    place_sprite,
    take_picture,
)

FORMATS = ((320, 240), (320, 240), (300, 260), (280, 280), (336, 224))
"""Widths and heights in pixels, drawn at random."""


def take_photo(individual: Individual, generator: np.random.Generator) -> np.ndarray:
    """One photo of this individual.

    Args:
        individual: who is in the photo.
        generator: draws all else; nothing it draws depends on who is shown.
    Returns:
        uint8 [height, width, 3], RGB; one of `FORMATS`.
    """
    width, height = FORMATS[generator.integers(len(FORMATS))]
    picture = draw_background(width, height, generator)
    body_length_px = float(generator.uniform(0.42, 0.54)) * height
    pose = random_pose(generator)
    side = -1 if pose.faces_left else 1
    feet = (
        width * generator.uniform(0.45, 0.55) + 0.1 * body_length_px * side,
        height * generator.uniform(0.5, 0.56) + body_length_px * generator.uniform(0.4, 0.6),
    )
    if pose.has_feet_down:
        slope = generator.normal(0, 0.06 * height, 2)
        ground = feet[1] + 4
        perch = [(-20.0, ground + slope[0]), (feet[0], ground), (width + 20.0, ground + slope[1])]
        draw_branch(picture, np.array(perch), generator, generator.uniform(5, 12))
    place_sprite(picture, draw_bird(individual, pose, body_length_px=body_length_px), feet)
    _occlude(picture, np.array(feet) - [0, 0.7 * body_length_px], body_length_px, generator)
    return take_picture(draw_light(width, height, generator).on(picture), generator)


def random_pose(generator: np.random.Generator) -> Pose:
    """How a bird that minds its own business may hold itself."""
    lifts_wing = generator.random() < 0.12
    return Pose(
        faces_left=bool(generator.random() < 0.5),
        tilt_degrees=float(generator.normal(0, 9)),
        head_turn=float(generator.uniform(-0.9, 0.9)),
        head_nod_degrees=float(generator.normal(0, 9)),
        wing_lift_degrees=float(
            generator.uniform(25, 120) if lifts_wing else generator.uniform(-6, 10)
        ),
        tail_lift_degrees=float(generator.normal(0, 9)),
        squeeze=float(generator.uniform(0.82, 1.0)),
        fluff=float(generator.uniform(0.92, 1.16)),
        bill_gape_degrees=float(generator.uniform(15, 40) if generator.random() < 0.25 else 0),
        has_feet_down=bool(not lifts_wing or generator.random() < 0.5),
    )


def _occlude(
    picture: np.ndarray, centre: np.ndarray, body_length_px: float, generator: np.random.Generator
) -> None:
    """Leaves and twigs between bird and camera."""
    for _ in range(int(generator.integers(0, 4))):
        place = centre + generator.normal(0, 0.75 * body_length_px, 2)
        draw_leaf(picture, place, body_length_px * generator.uniform(0.15, 0.45), generator)
    if generator.random() < 0.20:
        middle = centre + generator.normal(0, 0.5 * body_length_px, 2)
        along = generator.normal(0, 1, 2)
        along *= 3 * body_length_px / np.linalg.norm(along)
        twig = np.stack([middle - along, middle, middle + along])
        draw_branch(picture, twig, generator, body_length_px * generator.uniform(0.03, 0.07))
