"""Loading a SavedModel: from a folder, a web address (TF-Hub), or a Kaggle handle."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import tensorflow as tf

from fused_encoder.weights import MissingWeightsError

_KAGGLE_HANDLE = re.compile(
    r"[\w.-]+/[\w.-]+/\w+/[\w.-]+(/\d+)?"
)  # owner/model/framework/variation


def load_saved_model(source: str | Path, *, advice: str = "") -> Any:
    """What `tf.saved_model.load` gives of a SavedModel, which is downloaded where it is not a folder.

    A SavedModel is a program that runs with your rights: load it only from where you trust.

    Args:
        source: a folder; a web address, which tensorflow_hub resolves; or a Kaggle handle
            (`owner/model/framework/variation/version`), which kagglehub resolves.
        advice: what else to do where it cannot be downloaded.

    Raises:
        MissingWeightsError: it cannot be downloaded.
        ValueError: there is no readable SavedModel.
    """
    if str(source).startswith(("http://", "https://")):
        return _load_from_hub(str(source), advice)
    if not Path(source).exists() and _KAGGLE_HANDLE.fullmatch(str(source)):
        source = _download_from_kaggle(str(source), advice)
    try:
        return tf.saved_model.load(str(source))
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise ValueError(
            f"'{source}' is not a readable SavedModel directory: {error}. Expected a folder with "
            f"saved_model.pb and variables/. {advice}".rstrip()
        ) from error


def _load_from_hub(address: str, advice: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
            import tensorflow_hub  # only where an address is to be resolved

            return tensorflow_hub.load(address)
    except (ImportError, OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise MissingWeightsError(
            f"Cannot load '{address}': {error}. Check the address and the network. tensorflow_hub needs "
            'tf-keras, and pkg_resources of an older setuptools: pip install tf-keras "setuptools<81". '
            f"A local folder needs no tensorflow_hub. {advice}".rstrip()
        ) from error


def _download_from_kaggle(handle: str, advice: str) -> str:
    try:
        import kagglehub

        return kagglehub.model_download(handle)
    except ImportError as error:
        raise MissingWeightsError(
            f"'{handle}' is not a folder, and to download it as a Kaggle handle kagglehub is missing: "
            f"pip install kagglehub. {advice}".rstrip()
        ) from error
    except (
        OSError,
        RuntimeError,
        ValueError,
    ) as error:  # its errors are requests', which are OSErrors
        raise MissingWeightsError(
            f"Cannot download '{handle}' from Kaggle: {error}. Check the handle and the network. "
            f"{advice}".rstrip()
        ) from error
