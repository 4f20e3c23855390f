"""What made a shard: the encoder, the settings, the versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from archives.embed.settings import ArchiveSettings

SCHEMA = 1


@dataclass(frozen=True)
class Run:
    """What made a shard; it travels in the shard's schema under the key `fused_encoder`.

    Attributes:
        fingerprint: of the encoder.
        embedding_size: int.
        settings: how sound and film were cut.
        versions: of the libraries.
        schema: int, of this record and of the shard's columns.
    """

    fingerprint: str
    embedding_size: int
    settings: ArchiveSettings
    versions: Mapping[str, str] = field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def key(self) -> str:
        """What was done under this key need not be done again; see `ArchiveSettings.key`."""
        return self.settings.key(self.fingerprint)

    def to_json(self) -> str:
        """As it is written; `run_from_json` reads it."""
        return json.dumps(asdict(self), ensure_ascii=False)


def run_from_json(text: str) -> Run:
    """The run that `Run.to_json` wrote.

    Raises:
        ValueError: it was written by a newer version, or is none.
    """
    record = json.loads(text)
    if not isinstance(record, dict) or "settings" not in record:
        raise ValueError("the shard does not say what made it")
    if record["schema"] > SCHEMA:
        raise ValueError(
            f"it has schema {record['schema']}, this version reads up to {SCHEMA}; update fused-encoder"
        )
    return Run(**{**record, "settings": ArchiveSettings(**record["settings"])})
