"""A microphone as a source of sound; unplugged, it is waited for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import numpy as np

from student.sources import BLOCK_SECONDS, Session

logger = logging.getLogger(__name__)


class Microphone:
    """A microphone, by `sounddevice`; unplugged, it is waited for, and the time without it is counted.

    Args:
        device: name or number, as `python -m sounddevice` lists them. None: the default one.
        sample_rate_hz: int > 0, that is asked of it.
        retry_seconds: float > 0, between two trials to open it.
        retries: int >= 0, trials one after another without success, after which it is given up; None: none.

    Raises:
        ImportError: `sounddevice` is not installed.
    """

    waits = False

    def __init__(
        self,
        device: str | int | None = None,
        *,
        sample_rate_hz: int = 48_000,
        retry_seconds: float = 2.0,
        retries: int | None = None,
    ) -> None:
        try:
            import sounddevice
        except (ImportError, OSError) as error:  # OSError: PortAudio itself is missing
            raise ImportError(
                "A microphone needs sounddevice and PortAudio: pip install 'fused-encoder[listen]' (Debian: "
                "apt install libportaudio2). Without it: arecord -t wav | fused-encoder listen RUN -"
            ) from error
        self._sounddevice, self._device = sounddevice, device
        self.sample_rate_hz, self._retry_seconds, self._retries = (
            sample_rate_hz,
            retry_seconds,
            retries,
        )
        self._clock: Callable[[], float] = time.monotonic
        self._heard_until = self._clock()

    def sessions(self) -> Iterator[Session]:
        """A new one after each time that it was gone, or too slow."""
        failures = 0
        while True:
            try:
                with self._sounddevice.InputStream(
                    samplerate=self.sample_rate_hz, channels=1, dtype="float32", device=self._device
                ) as stream:
                    failures = 0
                    yield Session(max(0.0, self._clock() - self._heard_until), self._blocks(stream))
            except self._sounddevice.PortAudioError as error:
                failures += 1
                if self._retries is not None and failures > self._retries:
                    raise OSError(
                        f"The microphone cannot be opened: {error}. Plug it in, or name another with "
                        "--device; `python -m sounddevice` lists them."
                    ) from error
                logger.warning("The microphone is gone (%s); waiting for it.", error)
                time.sleep(self._retry_seconds)
                self._look_again()

    def _blocks(self, stream: object) -> Iterator[np.ndarray]:
        size = round(BLOCK_SECONDS * self.sample_rate_hz)
        while True:
            try:
                samples, overflowed = stream.read(size)  # type: ignore[attr-defined] # of sounddevice
            except self._sounddevice.PortAudioError as error:
                logger.warning("The microphone is gone (%s).", error)
                return
            if overflowed:
                logger.warning("The microphone was not read fast enough: sound was lost.")
                return
            self._heard_until = self._clock()
            yield np.array(samples[:, 0], np.float32)

    def _look_again(self) -> None:
        """PortAudio lists devices once, when it starts."""
        self._sounddevice._terminate()
        self._sounddevice._initialize()
