"""What two photos share, drawn as lines between them, as a JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from media import UnreadableMediaError, load_image


def match_picture(one: str | Path, other: str | Path) -> tuple[bytes, int] | None:
    """The two photos beside each other, with lines between the points that they share.

    Args:
        one: a photo that is cut close to the animal.
        other: likewise.
    Returns:
        A JPEG, and how many points are shared; None where one of the photos cannot be read.
    """
    try:
        photos = load_image(one), load_image(other)
    except (FileNotFoundError, UnreadableMediaError):
        return None
    return draw_shared_points(*photos)


def draw_shared_points(one: np.ndarray, other: np.ndarray) -> tuple[bytes, int]:
    """As `match_picture`, of photos uint8 [height, width, 3], RGB."""
    from inference.matching import RootSift, draw_match, match_photos

    features = RootSift(margins=(0, 0, 0, 0))  # crops are cut close
    match = match_photos(features(one), features(other))
    return jpeg(draw_match(one, other, match)), len(match)


def jpeg(picture: np.ndarray) -> bytes:
    """A picture uint8 [height, width, 3], RGB, as the bytes of a JPEG."""
    import cv2

    _, content = cv2.imencode(".jpg", picture[..., ::-1])  # OpenCV takes BGR
    return content.tobytes()
