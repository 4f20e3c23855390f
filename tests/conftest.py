"""Fixtures shared by all tests: where genuine weights and data may be, and a quiet TensorFlow."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

# A slow machine is no fault, and fixtures serve all examples of a test.
settings.register_profile(
    "tests",
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)
settings.load_profile("tests")

pytest_plugins = ["tests.exported_encoder", "tests.small_birdnet"]


def pytest_collection_finish() -> None:
    """Garbage collection need not look at all that importing made, again and again: it stays to the end."""
    gc.freeze()


SHARED = Path(__file__).resolve().parents[2] / "shared"


def _directory(variable: str, default: Path) -> Path:
    directory = Path(os.environ.get(variable, default))
    if not directory.is_dir():
        pytest.skip(f"{directory} is not there; set {variable} to run this test")
    return directory


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    return _directory("FUSED_ENCODER_WEIGHTS", SHARED / "weights")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    return _directory("FUSED_ENCODER_DATA", SHARED / "data")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's cache."""
    monkeypatch.setenv("FUSED_ENCODER_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
