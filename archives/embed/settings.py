"""How an archive is cut into what the encoder takes, and what made a shard."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

SCHEMA = 1
"""Of a shard: its columns and what it says of its files."""


@dataclass(frozen=True)
class ArchiveSettings:
    """What decides, beside the encoder, which embeddings a file gives.

    Attributes:
        window_seconds: float > 0, of sound in one embedding; at least one frame of the audio front end.
        hop_seconds: float > 0, from the start of one window to the start of the next. Windows share the
            frames of the front end (YAMNet's begin every 0.48 s): each window starts at the frame nearest
            to its time. A shorter hop than that of the frames gives a window at every frame.
        frames_per_second: float > 0, moments of a video.
        max_clipped_share: float in [0, 1]; a window of which more is clipped is listed, not embedded.

    Raises:
        ValueError: a value out of its range.
    """

    window_seconds: float = 5.0
    hop_seconds: float = 2.5
    frames_per_second: float = 1.0
    max_clipped_share: float = 0.1

    def __post_init__(self) -> None:
        for name in ("window_seconds", "hop_seconds", "frames_per_second"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"Expected {name} > 0, received {getattr(self, name)}.")
        if not 0 <= self.max_clipped_share <= 1:
            raise ValueError(
                f"Expected max_clipped_share in [0, 1], received {self.max_clipped_share}."
            )


@dataclass(frozen=True)
class Run:
    """What made a shard; it travels in the shard's schema under the key `fused_encoder`."""

    fingerprint: str  # of the encoder
    embedding_size: int
    settings: ArchiveSettings
    versions: Mapping[str, str] = field(default_factory=dict)  # of the libraries
    schema: int = SCHEMA

    @property
    def key(self) -> str:
        """Names encoder and settings: 16 hex digits. What was done under it need not be done again."""
        text = json.dumps([SCHEMA, self.fingerprint, asdict(self.settings)], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def to_json(self) -> str:
        """As it is written; `run_from_json` reads it."""
        return json.dumps(asdict(self), ensure_ascii=False)


def run_from_json(text: str) -> Run:
    """The run that `Run.to_json` wrote; ValueError where a newer version wrote it."""
    record = json.loads(text)
    if record["schema"] > SCHEMA:
        raise ValueError(
            f"it has schema {record['schema']}, this version reads up to {SCHEMA}; update fused-encoder"
        )
    return Run(**{**record, "settings": ArchiveSettings(**record["settings"])})
