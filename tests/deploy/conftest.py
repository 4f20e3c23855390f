"""A small student in a LiteRT file, and a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from media import save_waveform


@pytest.fixture(scope="session")
def small_file(tmp_path_factory) -> Path:
    """It has learnt nothing: what it names is by chance, and always the same."""
    from student import Student, StudentHearing, create_student, export_litert

    hearing = StudentHearing(
        sample_rate_hz=8000, clip_seconds=1.0, num_bands=32, fft_length=512, hop_samples=256
    )
    size = {"channels": (4, 8), "feature_sizes": (8, 8), "hidden_size": 8}
    student = Student(create_student(3, hearing, **size), hearing, ("wren", "robin", "鶯"))
    path = tmp_path_factory.mktemp("student") / "student.tflite"
    export_litert(student, path, precision="float32")
    return path


@pytest.fixture(scope="session")
def whistle(tmp_path_factory) -> Path:
    """2.5 s at 22,050 samples per second."""
    time = np.arange(round(2.5 * 22_050)) / 22_050
    path = tmp_path_factory.mktemp("sound") / "whistle.wav"
    save_waveform(path, (0.3 * np.sin(2 * np.pi * 900 * time)).astype(np.float32), 22_050)
    return path
