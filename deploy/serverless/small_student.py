"""The student in a LiteRT file: from a recording to species and times, without TensorFlow."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from student.hearing import StudentHearing
from student.litert import litert_function
from student.model_card import read_model_card
from student.unknown import softmax, unknown_rule_from

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Named:
    """What a stretch of sound was named.

    Attributes:
        start_seconds: float, from the start of the recording.
        end_seconds: float.
        species: the likeliest, or "unknown" where the rule in the file's card says so.
        score: float, probability of the likeliest species, known or not.
        scores: probabilities by species; they add up to 1.
    """

    start_seconds: float
    end_seconds: float
    species: str
    score: float
    scores: dict[str, float]


class SmallStudent:
    """A file that `student export` wrote, ready to be asked.

    Args:
        path: of the file.

    Raises:
        ValueError: it has no card, or takes further inputs such as depth, which a recording does not hold.
    """

    def __init__(self, path: str | Path) -> None:
        card = read_model_card(path)
        if extra := card["inputs"].get("extra"):
            raise ValueError(
                f"The student takes {', '.join(extra)} beside the sound, and an upload has none. Export one "
                "that takes sound alone."
            )
        self.class_names: list[str] = card["class_names"]
        self._hearing = StudentHearing.from_dict(card["hearing"])
        self._rule = unknown_rule_from(card["unknown"])
        self._takes_sound = "waveform" in card["inputs"]
        self._run = litert_function(Path(path).read_bytes())

    def answer(self, path: str | Path, *, most_seconds: float) -> dict[str, object]:
        """What is heard in a recording, as JSON holds it.

        The recording's logits are the mean over its clips, as `student evaluate` measures them.

        Args:
            path: of the recording.
            most_seconds: float > 0, how much of it is heard.

        Returns:
            "heard_seconds"; "recording", a `Named` of all that was heard; "clips", one of each clip.

        Raises:
            media.UnreadableMediaError: it is no recording, or damaged from its start.
        """
        hearing = self._hearing
        waveform = hearing.load(path, max_seconds=most_seconds)
        logits = np.concatenate([self._logits(clip) for clip in hearing.clips(waveform)])
        seconds, length = len(waveform) / hearing.sample_rate_hz, hearing.clip_seconds
        last = max(0.0, seconds - length)
        clips = [
            self._named(one, start := min(number * length, last), min(start + length, seconds))
            for number, one in enumerate(logits)
        ]
        return {
            "heard_seconds": round(seconds, 3),
            "recording": asdict(self._named(logits.mean(axis=0), 0.0, seconds)),
            "clips": [asdict(clip) for clip in clips],
        }

    def _logits(self, clip: np.ndarray) -> np.ndarray:
        if self._takes_sound:
            return self._run(waveform=clip[None])
        mel, features = self._hearing.clip_inputs(clip[None])
        return self._run(mel=mel, features=features)

    def _named(self, logits: np.ndarray, start: float, end: float) -> Named:
        chances = softmax(logits[None])[0]
        best = int(chances.argmax())
        is_known = bool(self._rule.is_known(logits[None])[0])
        return Named(
            round(start, 3),
            round(end, 3),
            self.class_names[best] if is_known else UNKNOWN,
            round(float(chances[best]), 4),
            {
                name: round(float(chance), 4)
                for name, chance in zip(self.class_names, chances, strict=True)
            },
        )
