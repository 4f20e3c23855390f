"""From a bird to a photo: background, perch, leaves, light and camera differ every time."""

import cv2
import numpy as np

from aviary.drawing import Pose, Sprite, draw_bird
from aviary.individuals import Individual

Generator = np.random.Generator

FORMATS = ((320, 240), (320, 240), (300, 260), (280, 280), (336, 224))
"""Widths and heights in pixels, drawn at random."""
_SCENES = np.array(
    [
        [[176, 206, 236], [226, 234, 240]],  # sky
        [[70, 100, 54], [112, 134, 72]],  # wood
        [[188, 196, 150], [148, 138, 88]],  # reeds
        [[96, 84, 66], [136, 122, 98]],  # undergrowth
        [[206, 190, 196], [120, 126, 140]],  # dusk
        [[226, 230, 234], [188, 196, 204]],  # snow
    ],
    float,
)
"""Colours above and below."""


def take_photo(individual: Individual, generator: Generator) -> np.ndarray:
    """One photo of this individual; nothing that the generator draws depends on who is shown.

    Returns:
        uint8 [height, width, 3], RGB; one of `FORMATS`.
    """
    width, height = FORMATS[generator.integers(len(FORMATS))]
    picture = draw_background(width, height, generator)
    length = float(generator.uniform(0.42, 0.54)) * height
    pose = random_pose(generator)
    x = width * generator.uniform(0.45, 0.55) + 0.1 * length * (-1 if pose.faces_left else 1)
    y = height * generator.uniform(0.5, 0.56) + length * generator.uniform(0.4, 0.6)
    if pose.has_feet_down:
        left, right = y + 4 + generator.normal(0, 0.06 * height, 2)
        perch = np.array([(-20.0, left), (x, y + 4), (width + 20.0, right)])
        draw_branch(picture, perch, generator, generator.uniform(5, 12))
    place_sprite(picture, draw_bird(individual, pose, body_length_px=length), (x, y))
    _occlude(picture, np.array([x, y - 0.7 * length]), length, generator)
    gain, haze = draw_light(width, height, generator)
    return _take_picture(picture * gain + haze, generator)


def random_pose(generator: Generator) -> Pose:
    """How a bird that minds its own business may hold itself."""
    lifts_wing = generator.random() < 0.12
    return Pose(
        faces_left=bool(generator.random() < 0.5),
        tilt_degrees=float(generator.normal(0, 9)),
        head_turn=float(generator.uniform(-0.9, 0.9)),
        head_nod_degrees=float(generator.normal(0, 9)),
        wing_lift_degrees=float(generator.uniform(*((25, 120) if lifts_wing else (-6, 10)))),
        tail_lift_degrees=float(generator.normal(0, 9)),
        squeeze=float(generator.uniform(0.82, 1.0)),
        fluff=float(generator.uniform(0.92, 1.16)),
        bill_gape_degrees=float(generator.uniform(15, 40) if generator.random() < 0.25 else 0),
        has_feet_down=bool(not lifts_wing or generator.random() < 0.5),
    )


def draw_background(width: int, height: int, generator: Generator) -> np.ndarray:
    """A blurred wood, meadow, reed bed or sky: float32 [height, width, 3], RGB in [0, 255]."""
    scene = _SCENES[generator.integers(len(_SCENES))] * generator.uniform(0.75, 1.2, (2, 1))
    top, bottom = scene + generator.normal(0, 14, (2, 3))
    slope = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] ** generator.uniform(0.5, 2)
    picture = np.repeat(top * (1 - slope) + bottom * slope, width, axis=1).astype(np.float32)
    flower = generator.uniform(20, 235, 3)
    flower = flower.mean() + (flower - flower.mean()) * generator.uniform(0.2, 0.8)
    for _ in range(int(generator.integers(8, 36))):
        _draw_blob(picture, np.stack([top, bottom, flower]), generator)
    for _ in range(int(generator.integers(0, 4))):
        draw_branch(picture, _random_line(width, height, generator), generator)
    blurred = cv2.GaussianBlur(picture, (0, 0), float(generator.uniform(2.0, 8.0)))
    grain = generator.normal(0, generator.uniform(0, 8), (height // 4 + 1, width // 4 + 1, 1))
    grain = cv2.resize(grain.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(blurred + grain[..., None], 0, 255).astype(np.float32)


def draw_branch(
    picture: np.ndarray, line: np.ndarray, generator: Generator, width_px: float | None = None
) -> None:
    """A branch along a line [num_points, 2], darker below; changes the picture."""
    thickness = max(1, round(width_px or generator.uniform(2, 12)))
    tone = generator.uniform(0.5, 1.5) * np.array([92, 74, 58]) * generator.uniform(0.85, 1.15, 3)
    _stroke(picture, line, tone * 0.7, thickness)
    _stroke(picture, line - [0, thickness * 0.15], tone, max(1, round(thickness * 0.6)))


def draw_leaf(
    picture: np.ndarray, centre: np.ndarray, length_px: float, generator: Generator
) -> None:
    """A pointed leaf with a midrib; changes the picture."""
    angle = generator.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]]) * generator.uniform(0.18, 0.34)
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    outline = 0.5 * np.cos(turn) * along + np.sin(turn) * (0.75 - 0.25 * np.cos(turn)) * across
    tone = generator.uniform([60, 70, 30], [180, 170, 90]) * generator.uniform(0.6, 1.2)
    points = np.round((centre + length_px * outline) * 16).astype(np.int32)
    cv2.fillPoly(picture, [points], tone.tolist(), cv2.LINE_AA, 4)
    half = along * length_px * 0.5
    _stroke(picture, np.stack([centre - half, centre + half]), tone * 0.75, 1)


def place_sprite(picture: np.ndarray, sprite: Sprite, feet: tuple[float, float]) -> np.ndarray:
    """Put a bird on the picture, its feet at (x, y); changes the picture.

    Returns:
        bool [height, width], where the bird now shows.
    """
    height, width = picture.shape[:2]
    left, top = round(feet[0] - sprite.feet[0]), round(feet[1] - sprite.feet[1])
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + sprite.rgba.shape[1], width), min(top + sprite.rgba.shape[0], height)
    shown = np.zeros((height, width), bool)
    if x0 < x1 and y0 < y1:
        seen = sprite.rgba[y0 - top : y1 - top, x0 - left : x1 - left]
        picture[y0:y1, x0:x1] *= 1 - seen[..., 3:]
        picture[y0:y1, x0:x1] += seen[..., :3]
        shown[y0:y1, x0:x1] = seen[..., 3] > 0.5
    return shown


def draw_light(width: int, height: int, generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Exposure, colour temperature, haze and shadows of one scene.

    Returns:
        float32 [height, width, 3] each: what a picture is multiplied by, and what is added then.
    """
    warmth, tint = generator.normal(0, 0.06), generator.normal(0, 0.03)
    exposure = 2.0 ** generator.uniform(-0.45, 0.35) * np.array([1 + warmth, 1 + tint, 1 - warmth])
    contrast = np.float32(generator.uniform(0.75, 1.1))
    haze = np.float32(generator.uniform(90, 190)) * (1 - contrast)
    shade = np.ones((height, width), np.float32)
    for _ in range(int(generator.integers(0, 4))):
        centre = generator.uniform([0, 0], [width, height])
        corners = centre + generator.normal(0, 0.35 * width, (4, 2))
        hull = cv2.convexHull(corners.astype(np.float32)).astype(np.int32)
        cv2.fillConvexPoly(shade, hull, float(generator.uniform(0.6, 0.9)))
    shade = cv2.GaussianBlur(shade, (0, 0), float(generator.uniform(3, 16)))
    lit = shade[..., None] * exposure.astype(np.float32)
    return contrast * lit, haze * lit


def _take_picture(picture: np.ndarray, generator: Generator) -> np.ndarray:
    """What the camera makes of it: blur, motion, noise, eight bits."""
    if generator.random() < 0.6:
        picture = cv2.GaussianBlur(picture, (0, 0), float(generator.uniform(0.3, 1.1)))
    if generator.random() < 0.25:
        length = int(generator.integers(3, 7))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        turn = cv2.getRotationMatrix2D(((length - 1) / 2,) * 2, generator.uniform(0, 180), 1)
        kernel = cv2.warpAffine(kernel, turn, (length, length))
        picture = cv2.filter2D(picture, -1, kernel / max(kernel.sum(), 1e-3))
    noise = generator.standard_normal(picture.shape, np.float32) * generator.uniform(1.0, 6.0)
    return np.clip(np.round(picture + noise), 0, 255).astype(np.uint8)


def _stroke(picture: np.ndarray, line: np.ndarray, tone: np.ndarray, thickness: int) -> None:
    points = np.round(line * 16).astype(np.int32)
    cv2.polylines(picture, [points], False, tone.tolist(), thickness, cv2.LINE_AA, 4)


def _random_line(width: int, height: int, generator: Generator) -> np.ndarray:
    """A gently bent line from one side to another: float64 [num_points, 2], pixels."""
    start = generator.uniform([-0.2 * width, 0], [0.3 * width, height])
    end = generator.uniform([0.7 * width, 0], [1.2 * width, height])
    if generator.random() < 0.3:
        start, end = start[::-1] * [width / height, height / width], end[::-1]
    along = np.linspace(0, 1, 12)[:, None]
    bend = np.sin(np.pi * along) * generator.normal(0, 0.08, 2) * height
    return start + (end - start) * along + bend


def _draw_blob(picture: np.ndarray, tones: np.ndarray, generator: Generator) -> None:
    height, width = picture.shape[:2]
    centre = generator.uniform([0, 0], [width, height])
    size = width * generator.uniform(0.02, 0.22)
    if generator.random() < 0.5:
        draw_leaf(picture, centre, size, generator)
        return
    tone = (tones[generator.integers(len(tones))] * generator.uniform(0.7, 1.3)).tolist()
    axes = (max(1, round(size / 2)), max(1, round(size / 2 * generator.uniform(0.4, 1.0))))
    place = (round(centre[0]), round(centre[1]))
    cv2.ellipse(picture, place, axes, generator.uniform(0, 180), 0, 360, tone, -1, cv2.LINE_AA)


def _occlude(
    picture: np.ndarray, centre: np.ndarray, length_px: float, generator: Generator
) -> None:
    """Leaves and twigs between bird and camera."""
    for _ in range(int(generator.integers(0, 4))):
        place = centre + generator.normal(0, 0.75 * length_px, 2)
        draw_leaf(picture, place, length_px * generator.uniform(0.15, 0.45), generator)
    if generator.random() < 0.20:
        middle = centre + generator.normal(0, 0.5 * length_px, 2)
        along = generator.normal(0, 1, 2)
        along *= 3 * length_px / np.linalg.norm(along)
        twig = np.stack([middle - along, middle, middle + along])
        draw_branch(picture, twig, generator, length_px * generator.uniform(0.03, 0.07))
