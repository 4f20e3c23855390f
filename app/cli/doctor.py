"""`fused-encoder doctor`: what is installed, what is found, what is missing and how to get it."""

from __future__ import annotations

import argparse
import importlib
import platform
import warnings

from app.cli.options import add_command
from app.cli.outcome import DONE, DONE_WITH_SKIPPED, import_tensorflow_quietly

LIBRARIES = {
    "tensorflow": "pip install tensorflow",
    "keras": "pip install keras",
    "tensorflow_hub": 'pip install tensorflow-hub "setuptools<81" (it still needs pkg_resources)',
    "librosa": "pip install librosa",
    "soundfile": "pip install soundfile",
    "soxr": "pip install soxr",
    "resampy": "pip install resampy",
    "cv2": "pip install opencv-python; on a server without libGL: apt install libgl1 libglib2.0-0",
    "av": "pip install av",
    "PIL": "pip install pillow",
    "sklearn": "pip install scikit-learn",
    "matplotlib": "pip install matplotlib",
    "pyarrow": "pip install pyarrow",
}


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    add_command(commands, "doctor", "versions, weights, devices, and what is missing")


def run(options: argparse.Namespace) -> int:
    """Prints the findings; 1 where a library cannot be imported."""
    import_tensorflow_quietly()
    from fused_encoder.front_ends.birdnet import birdnet_place
    from fused_encoder.weights import (
        IMAGE_BACKBONE_FILES,
        advice_on_missing_weights,
        cache_directory,
        find_weights,
    )

    print(f"Python {platform.python_version()} on {platform.platform()}")
    broken = [name for name in LIBRARIES if not _library_works(name)]
    print(f"\ndevices: {_devices(broken)}")
    print(f"cache:   {cache_directory()}")
    print("\npretrained weights on this machine:")
    found = {name: find_weights(name) for name in ("yamnet", *IMAGE_BACKBONE_FILES)}
    found["birdnet"] = birdnet_place()
    for name, place in found.items():
        print(f"  {name:<15} {place or 'not found'}")
    for name in ("yamnet", "vgg16"):
        if not found[name]:
            print(f"\n{name} is downloaded at first use. Without a network: ", end="")
            print(advice_on_missing_weights(name))
    print("\nNothing is needed for `fused-encoder demo`: it trains from scratch without weights.")
    return DONE_WITH_SKIPPED if broken else DONE


def _library_works(name: str) -> bool:
    try:
        with warnings.catch_warnings():  # tensorflow_hub's, about pkg_resources
            warnings.simplefilter("ignore")
            module = importlib.import_module(name)
    except (ImportError, OSError) as error:  # OSError: a shared library such as libsndfile
        print(f"  {name:<15} MISSING: {error}\n{'':<18}mend by: {LIBRARIES[name]}")
        return False
    print(f"  {name:<15} {getattr(module, '__version__', 'found')}")
    return True


def _devices(broken: list[str]) -> str:
    if "tensorflow" in broken:
        return "unknown without tensorflow"
    import tensorflow as tf

    return ", ".join(device.name for device in tf.config.list_physical_devices())
