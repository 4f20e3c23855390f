"""Where birds sit and how the light falls: backgrounds, leaves, branches, camera. Knows no bird."""

from dataclasses import dataclass

import cv2
import numpy as np

from aviary.drawing import Sprite

Generator = np.random.Generator


def draw_background(width: int, height: int, generator: Generator) -> np.ndarray:
    """A blurred wood, meadow, reed bed or sky.

    Args:
        width: pixels.
        height: pixels.
        generator: draws everything: colours, leaves, twigs, blur.
    Returns:
        float32 [height, width, 3], RGB in [0, 255].
    """
    top, bottom = _sky_and_ground(generator)
    slope = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] ** generator.uniform(0.5, 2)
    picture = np.repeat(top * (1 - slope) + bottom * slope, width, axis=1).astype(np.float32)
    flower = generator.uniform(20, 235, 3)
    flower = flower.mean() + (flower - flower.mean()) * generator.uniform(0.2, 0.8)
    tones = np.stack([top, bottom, flower])
    for _ in range(int(generator.integers(8, 36))):
        _draw_blob(picture, tones, generator)
    for _ in range(int(generator.integers(0, 4))):
        draw_branch(picture, random_branch(width, height, generator), generator)
    blurred = cv2.GaussianBlur(picture, (0, 0), float(generator.uniform(2.0, 8.0)))
    grain = generator.normal(0, generator.uniform(0, 8), (height // 4 + 1, width // 4 + 1, 1))
    grain = cv2.resize(grain.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(blurred + grain[..., None], 0, 255).astype(np.float32)


def random_branch(width: int, height: int, generator: Generator) -> np.ndarray:
    """A gently bent line from one side to another: float64 [num_points, 2], pixels."""
    start = generator.uniform([-0.2 * width, 0], [0.3 * width, height])
    end = generator.uniform([0.7 * width, 0], [1.2 * width, height])
    if generator.random() < 0.3:
        start, end = start[::-1] * [width / height, height / width], end[::-1]
    along = np.linspace(0, 1, 12)[:, None]
    bend = np.sin(np.pi * along) * generator.normal(0, 0.08, 2) * height
    return start + (end - start) * along + bend


def draw_branch(
    picture: np.ndarray, line: np.ndarray, generator: Generator, width_px: float | None = None
) -> None:
    """A branch along a line, darker below; changes the picture."""
    thickness = max(1, round(width_px or generator.uniform(2, 12)))
    tone = generator.uniform(0.5, 1.5) * np.array([92, 74, 58]) * generator.uniform(0.85, 1.15, 3)
    points = [np.round(line * 16).astype(np.int32)]
    cv2.polylines(picture, points, False, (tone * 0.7).tolist(), thickness, cv2.LINE_AA, 4)
    upper = [np.round((line - [0, thickness * 0.15]) * 16).astype(np.int32)]
    cv2.polylines(
        picture, upper, False, tone.tolist(), max(1, round(thickness * 0.6)), cv2.LINE_AA, 4
    )


def draw_leaf(
    picture: np.ndarray, centre: np.ndarray, length_px: float, generator: Generator
) -> None:
    """A pointed leaf with a midrib; changes the picture."""
    angle = generator.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]]) * generator.uniform(0.18, 0.34)
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    outline = centre + length_px * (
        0.5 * np.cos(turn) * along + np.sin(turn) * (0.75 - 0.25 * np.cos(turn)) * across
    )
    tone = generator.uniform([60, 70, 30], [180, 170, 90]) * generator.uniform(0.6, 1.2)
    cv2.fillPoly(picture, [np.round(outline * 16).astype(np.int32)], tone.tolist(), cv2.LINE_AA, 4)
    ends = np.stack([centre - along * length_px * 0.5, centre + along * length_px * 0.5])
    rib = (tone * 0.75).tolist()
    cv2.polylines(picture, [np.round(ends * 16).astype(np.int32)], False, rib, 1, cv2.LINE_AA, 4)


def place_sprite(picture: np.ndarray, sprite: Sprite, feet: tuple[float, float]) -> np.ndarray:
    """Put a bird on the picture, its feet at (x, y); changes the picture.

    Returns:
        bool [height, width], where the bird now shows.
    """
    height, width = picture.shape[:2]
    left, top = round(feet[0] - sprite.feet[0]), round(feet[1] - sprite.feet[1])
    x0, y0 = max(left, 0), max(top, 0)
    x1 = min(left + sprite.rgba.shape[1], width)
    y1 = min(top + sprite.rgba.shape[0], height)
    shown = np.zeros((height, width), bool)
    if x0 < x1 and y0 < y1:
        seen = sprite.rgba[y0 - top : y1 - top, x0 - left : x1 - left]
        area = picture[y0:y1, x0:x1]
        area *= 1 - seen[..., 3:]
        area += seen[..., :3]
        shown[y0:y1, x0:x1] = seen[..., 3] > 0.5
    return shown


@dataclass(frozen=True)
class Light:
    """Exposure, colour temperature, haze and shadows of one scene.

    Args:
        gain: float32 [height, width, 3], what every value is multiplied by.
        haze: float32 [height, width, 3], what is added then.
    """

    gain: np.ndarray
    haze: np.ndarray

    def on(self, picture: np.ndarray) -> np.ndarray:
        """The picture in this light: float32 [height, width, 3], not clipped."""
        return picture * self.gain + self.haze


def draw_light(width: int, height: int, generator: Generator) -> Light:
    """A light for a picture of this size, drawn at random."""
    warmth, tint = generator.normal(0, 0.06), generator.normal(0, 0.03)
    exposure = 2.0 ** generator.uniform(-0.45, 0.35) * np.array([1 + warmth, 1 + tint, 1 - warmth])
    contrast = np.float32(generator.uniform(0.75, 1.1))
    haze = np.float32(generator.uniform(90, 190)) * (1 - contrast)
    lit = _shadows(width, height, generator)[..., None] * exposure.astype(np.float32)
    return Light(contrast * lit, haze * lit)


def take_picture(picture: np.ndarray, generator: Generator) -> np.ndarray:
    """What the camera makes of it: blur, motion, noise, eight bits.

    Returns:
        uint8 [height, width, 3], RGB.
    """
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


def _sky_and_ground(generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    scenes = np.array(
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
    top, bottom = scenes[generator.integers(len(scenes))] * generator.uniform(0.75, 1.2, (2, 1))
    return top + generator.normal(0, 14, 3), bottom + generator.normal(0, 14, 3)


def _draw_blob(picture: np.ndarray, tones: np.ndarray, generator: Generator) -> None:
    height, width = picture.shape[:2]
    centre = generator.uniform([0, 0], [width, height])
    size = width * generator.uniform(0.02, 0.22)
    if generator.random() < 0.5:
        draw_leaf(picture, centre, size, generator)
        return
    tone = tones[generator.integers(len(tones))] * generator.uniform(0.7, 1.3)
    axes = (max(1, round(size / 2)), max(1, round(size / 2 * generator.uniform(0.4, 1.0))))
    place = (round(centre[0]), round(centre[1]))
    cv2.ellipse(
        picture, place, axes, generator.uniform(0, 180), 0, 360, tone.tolist(), -1, cv2.LINE_AA
    )


def _shadows(width: int, height: int, generator: Generator) -> np.ndarray:
    """Dappled shade: float32 [height, width], 1 in full light."""
    shade = np.ones((height, width), np.float32)
    for _ in range(int(generator.integers(0, 4))):
        centre = generator.uniform([0, 0], [width, height])
        corners = centre + generator.normal(0, 0.35 * width, (4, 2))
        hull = cv2.convexHull(corners.astype(np.float32)).astype(np.int32)
        cv2.fillConvexPoly(shade, hull, float(generator.uniform(0.6, 0.9)))
    return cv2.GaussianBlur(shade, (0, 0), float(generator.uniform(3, 16)))
