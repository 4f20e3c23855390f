"""Small films of squares before a textured wall, and detection files about them."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from media import write_video

HEIGHT, WIDTH, SIDE = 120, 160, 40
COLOURS = {"red": (200, 40, 30), "blue": (30, 60, 200)}


@pytest.fixture
def write_json(tmp_path: Path) -> Callable[..., Path]:
    """write_json(content, name) writes a detection file."""

    def write(content: object, name: str = "found.json") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        return path

    return write


@pytest.fixture
def squares() -> Callable[..., list[np.ndarray]]:
    """squares([{"red": (left, top)}, ...]) draws a frame for each; textured so that blur shows."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(70, 150, (15, 20)).astype(np.float32)
    wall = np.repeat(cv2.resize(coarse, (WIDTH, HEIGHT))[..., None], 3, axis=2)  # grey
    pattern = cv2.resize(rng.uniform(-60, 60, (10, 10, 1)).astype(np.float32), (SIDE, SIDE))

    def draw(places: list[dict[str, tuple[int, int]]]) -> list[np.ndarray]:
        frames = []
        for here in places:
            frame = wall.copy()
            for colour, (left, top) in here.items():
                frame[top : top + SIDE, left : left + SIDE] = COLOURS[colour] + pattern[..., None]
            frames.append(frame.clip(0, 255).round().astype(np.uint8))
        return frames

    return draw


@pytest.fixture
def film(tmp_path: Path, squares: Callable[..., list[np.ndarray]]) -> Callable[..., Path]:
    """film("monday.mp4", places) writes a video of 10 frames per second; see `squares`."""

    def write(name: str, places: list[dict], waveform: np.ndarray | None = None) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(
            path, squares(places), frames_per_second=10, waveform=waveform, sample_rate_hz=16_000
        )
        return path

    return write


@pytest.fixture
def megadetector() -> Callable[..., dict]:
    """megadetector(images) is a results file of MegaDetector."""

    def make(images: list[dict], **information: object) -> dict:
        return {
            "info": {"format_version": "1.5", **information},
            "detection_categories": {"1": "animal", "2": "person", "3": "vehicle"},
            "images": images,
        }

    return make
