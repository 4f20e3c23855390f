"""Reads media in a process of its own, which may crash, hang or ask for too much memory.

python -m tests.bad_inputs.reader: a line of JSON in (the file's name), a line of JSON out (an outcome).
"""

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np

import media

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 16_000
MEMORY_BYTES = 3 << 30


@dataclass(frozen=True)
class Outcome:
    """What came of reading one file.

    Attributes:
        what: "loaded"; "refused", as the loaders promise; all else is a fault.
        detail: the loader's words, or what is wrong.
        amount: seconds of sound, pixels, or frames.
        took_seconds: how long it took.
    """

    what: Literal["loaded", "refused", "raised", "wrong", "died", "hung"]
    detail: str = ""
    amount: float = 0.0
    took_seconds: float = 0.0

    @property
    def is_fault(self) -> bool:
        return self.what not in {"loaded", "refused"}


def read(path: Path) -> Outcome:
    """One file through the loader that its extension asks for."""
    started = time.perf_counter()
    try:
        wrong, amount = _load(path)
        outcome = Outcome("wrong" if wrong else "loaded", wrong, amount)
    except (media.UnreadableMediaError, FileNotFoundError) as error:
        outcome = Outcome("refused", str(error))
    except Exception as error:  # what the loaders must never raise; told to the parent
        outcome = Outcome("raised", f"{type(error).__name__}: {error}")
    took_seconds = time.perf_counter() - started
    return Outcome(outcome.what, outcome.detail, outcome.amount, took_seconds)


def _load(path: Path) -> tuple[str, float]:
    """What is wrong with the result ("" if nothing), and how much it is."""
    extension = path.suffix.lower()
    if extension in media.IMAGE_EXTENSIONS:
        image = media.load_image(path)
        return _wrong_image(image), image.shape[0] * image.shape[1]
    if extension in media.AUDIO_EXTENSIONS:
        streamed = _streamed(path)
        waveform = media.load_waveform(path, sample_rate_hz=RATE_HZ)
        wrong = _wrong_sound(waveform) or _wrong_stream(streamed, waveform)
        return wrong, len(waveform) / RATE_HZ
    wrong, num_frames = "", 0
    for moment in media.iter_moments(
        path, frames_per_second=None, audio_seconds=0.5, sample_rate_hz=RATE_HZ
    ):
        num_frames += 1
        wrong = wrong or _wrong_image(moment.frame)
        if moment.waveform is not None:
            wrong = wrong or _wrong_sound(moment.waveform)
    return wrong or ("" if num_frames else "no frame and no error"), num_frames


def _streamed(path: Path) -> np.ndarray | None:
    """The sound of a recording as a stream gives it; None where it is refused."""
    try:
        with media.stream_waveform(path, sample_rate_hz=RATE_HZ, block_seconds=0.25) as stream:
            return np.concatenate([block.waveform for block in stream])
    except media.UnreadableMediaError:
        return None


def _wrong_stream(streamed: np.ndarray | None, waveform: np.ndarray) -> str:
    if streamed is None:
        return "the stream refuses what the loader takes"
    if len(streamed) != len(waveform):
        return f"the stream gives {len(streamed)} samples, the loader {len(waveform)}"
    difference = float(np.abs(streamed - waveform).max())
    return "" if difference < 1e-3 else f"the stream differs from the loader by {difference:.3g}"


def _wrong_image(image: np.ndarray) -> str:
    is_image = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size
    return "" if is_image else f"no image: {image.dtype} {image.shape}"


def _wrong_sound(waveform: np.ndarray) -> str:
    if waveform.dtype != np.float32 or waveform.ndim != 1 or not waveform.size:
        return f"no waveform: {waveform.dtype} {waveform.shape}"
    return "" if np.isfinite(waveform).all() else "not finite"


class Reader:
    """A process that reads files, and is replaced when one of them kills it.

    Args:
        time_limit_seconds: after which it counts as hanging.
    """

    def __init__(self, time_limit_seconds: float = 20.0) -> None:
        self._time_limit_seconds = time_limit_seconds
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, path: Path) -> Outcome:
        """What comes of it; "died" names the signal, "hung" says that the limit was exceeded."""
        process = self._running()
        pipe_in, pipe_out = process.stdin, process.stdout
        if pipe_in is None or pipe_out is None:
            raise RuntimeError("the reader has no pipes")
        with suppress(BrokenPipeError):  # dead already: told below
            pipe_in.write(json.dumps(os.fspath(path)).encode() + b"\n")
            pipe_in.flush()
        if not select.select([pipe_out], [], [], self._time_limit_seconds)[0]:
            self.close()
            return Outcome("hung", f"over {self._time_limit_seconds} s")
        answer = pipe_out.readline()
        if answer:
            return Outcome(**json.loads(answer))
        code = process.wait()
        self.close()
        return Outcome("died", signal.Signals(-code).name if code < 0 else f"exit code {code}")

    @property
    def process_id(self) -> int:
        return self._running().pid

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            if self._process.stdout is not None:
                self._process.stdout.readline()  # ready: the start is not on the file's clock
        return self._process

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            with suppress(BrokenPipeError):
                self._process.communicate()
            self._process = None

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def main() -> None:
    """Answers until its input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        answer = asdict(read(Path(json.loads(line))))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
