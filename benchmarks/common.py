"""What the benchmarks share: options, where data and weights are, timing, tables, JSON."""

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import numpy as np

SHARED = Path(__file__).resolve().parents[2] / "shared"
Figures = dict[str, float]


def read_options(docstring: str, *positional: str, **defaults: object) -> argparse.Namespace:
    """The options of the command line: these, by their defaults, and `--json FILE`.

    A type in place of a default: no default. False: a switch. A tuple: one or more values; where they
    are texts, of these.
    """
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=docstring, formatter_class=form)
    for name in positional:
        parser.add_argument(name, nargs="*")
    for name, default in {**defaults, "json": Path}.items():
        flag = "--" + name.replace("_", "-")
        if default is False:
            parser.add_argument(flag, action="store_true")
        elif isinstance(default, type):
            parser.add_argument(flag, type=default)
        elif isinstance(default, tuple):
            kind = type(default[0])
            choices = default if kind is str else None
            parser.add_argument(flag, nargs="+", type=kind, choices=choices, default=default)
        else:
            parser.add_argument(flag, type=type(default), default=default)
    return parser.parse_args()


def data_folder(name: str) -> Path:
    """A folder of FUSED_ENCODER_DATA; default ../shared/data."""
    return Path(os.environ.get("FUSED_ENCODER_DATA", SHARED / "data")) / name


def weights_folder() -> Path:
    """FUSED_ENCODER_WEIGHTS; default ../shared/weights, which is then set for all that loads weights."""
    return Path(os.environ.setdefault("FUSED_ENCODER_WEIGHTS", str(SHARED / "weights")))


def nine_species(store, front_end=None, **options):
    """All files of nine_species, prepared, and the front end (default YAMNet) that heard them."""
    from fused_encoder import load_front_end
    from triplets import prepare_media, scan_folders

    weights_folder()
    front_end = front_end or load_front_end("yamnet")
    data = data_folder("nine_species")
    folders = scan_folders(data / "images", data / "audio")
    return prepare_media(folders, front_end, store=store, progress=False, **options), front_end


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """The vectors along the last axis, brought to length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def random_vectors(num: int, seed: int) -> np.ndarray:
    """float32 [num, 128], unit length, in any direction."""
    return unit_length(np.random.default_rng(seed).standard_normal((num, 128), dtype=np.float32))


def seconds(run: Callable[..., object], *arguments: object, **options: object) -> float:
    """How long the call takes."""
    start = time.perf_counter()
    run(*arguments, **options)
    return time.perf_counter() - start


def in_turns(ways: Sequence[Callable[..., object]], questions: Iterable[object]) -> list[float]:
    """Median seconds of each way. All take turns, so that other work on the machine slows all of them."""
    taken = [[seconds(way, question) for way in ways] for question in questions]
    return np.median(taken, axis=0).tolist()


def alone(run, *arguments):
    """What a function gives in a new process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(run, *arguments).result()


def peak_bytes() -> int:
    """The most memory that this process has held at once, mapped files included."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def mean_of(each: Sequence[Mapping[str, float]]) -> Figures:
    """The mean of each figure."""
    return {key: float(np.mean([figures[key] for figures in each])) for key in each[0]}


def report(path: Path | None, figures: Mapping[str, object]) -> None:
    """Prints the figures, one a line, and writes them as one object where `--json` was given."""
    print_table("", {name: {"": value} for name, value in figures.items()})
    if path:
        path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def print_table(title: str, rows: Mapping[str, Mapping[str, object]]) -> None:
    """Prints one line for each row, one column for each key."""
    keys = next(iter(rows.values()), {}).keys()
    width = max(map(len, (title, *rows)))
    print(f"\n{title:<{width}}" + "".join(f"  {key:>10}" for key in keys))
    for name, row in rows.items():
        cells = (f"  {_cell(row[key]):>{max(10, len(key))}}" for key in keys)
        print(f"{name:<{width}}" + "".join(cells), flush=True)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)
