"""Who sings in short recordings: what the sound classifier says, with the thresholds that it was given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.web.house import Workspace
from archives.embed.embed_sources import Decoders, Decoding

if TYPE_CHECKING:
    from soundscapes import Event, RecordingScores

_SLACK_SECONDS = 60.0  # of clips that are filled up, and a header's rounding
PLAIN_THRESHOLD = 0.5
UNCERTIFIED = (
    f"Events are scores above {PLAIN_THRESHOLD:g}, which promises nothing: no thresholds are served. "
    "`fused-encoder classify evaluate` certifies them."
)


@dataclass(frozen=True)
class Heard:
    """What was heard in one recording.

    Attributes:
        scores: of segments and of the whole.
        events: above the thresholds.
    """

    scores: RecordingScores
    events: list[Event]


class StandingDecoding(Decoding):
    """Decoding whose processes stay from one recording to the next."""

    _decoders: Decoders | None = None

    @contextmanager
    def decoders(self) -> Iterator[Decoders]:  # type: ignore[override] # what stays is not closed
        """The processes; they are ended where the work with them breaks off."""
        decoders = self._decoders or super().decoders()
        object.__setattr__(self, "_decoders", None)
        try:
            yield decoders
        except BaseException:
            decoders.close()
            raise
        object.__setattr__(self, "_decoders", decoders)

    def close(self) -> None:
        """Ends the processes."""
        if self._decoders is not None:
            self._decoders.close()


def levels(workspace: Workspace) -> tuple[np.ndarray, str]:
    """The threshold of each species, float [num_classes], and what they promise, in words."""
    names = workspace.sound_classifier.class_names
    thresholds = workspace.sound_thresholds
    if thresholds is None:
        return np.full(len(names), PLAIN_THRESHOLD), UNCERTIFIED
    return thresholds.of(names), thresholds.in_words()


class TooLongError(ValueError):
    """A recording is longer than what is listened to while somebody waits."""

    def __init__(self, path: Path, most_seconds: float) -> None:
        super().__init__(
            f"The recording is longer than {most_seconds:g} s. Submit a job for it: /api/v1/jobs/classify."
        )
        self.path = path


def hear(workspace: Workspace, paths: Sequence[Path], decoding: Decoding) -> list[Heard]:
    """What is heard in each recording, in their order; what cannot be heard has a row that says why.

    Raises:
        TooLongError: one is longer than `limits.seconds`, whatever its header says.
    """
    from archives.embed.sources import Source
    from soundscapes import listen
    from soundscapes.events import EventFinder
    from soundscapes.listening import moment_length

    classifier = workspace.sound_classifier
    above, _ = levels(workspace)
    step, names = moment_length([classifier]), classifier.class_names
    sources = [Source("recording", path) for path in paths]
    finders = {one.name: EventFinder(one.name, names, step, above) for one in sources}
    path_of = {one.name: one.path for one in sources}
    most_seconds = workspace.settings.limits.seconds

    def take_moments(file: str, scores: np.ndarray) -> None:
        finders[file].add(scores)
        if finders[file].seconds > most_seconds + _SLACK_SECONDS:
            raise TooLongError(path_of[file], most_seconds)

    heard: dict[str, Heard] = {}
    for scores in listen([classifier], sources, decoding=decoding, take_moments=take_moments):
        events = finders[scores.file].finish(scores.row.decoded_seconds or 0.0)
        heard[scores.file] = Heard(scores, events)
    return [heard[source.name] for source in sources]
