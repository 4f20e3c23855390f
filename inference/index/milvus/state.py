"""What an index on Milvus is at one moment, in a few values: all that is visible follows from them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from inference.index.schema import our_version
from inference.index.store import LogEntry, StoreSettings

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class State:
    """The state of an index; writing it is what makes a call's rows appear, all at once.

    Every row carries the version of the call that wrote it. A row is visible if its version is at most
    `version` and not one of `aborted`.

    Attributes:
        version: int, of the last call that was completed.
        aborted: versions whose rows count for nothing.
        removed: int, the last version that took rows away.
        is_hiding: bool, whether rows that `removed` took away may still be there, to be left out.
        timestamp: int, the server's time of the last write that belongs to this state; 0 where unknown.
        next_position: int, of the next row that is added. No position of a visible row is given twice.
        num_rows: int, visible rows.
        fingerprint: str or None, as `StoreSettings`.
        embedding_size: int or None, as `StoreSettings`.
        table_size: int or None, the size of the embeddings that the collection of rows was made for.
        num_log_entries: int, entries of the log so far.
        pending_log: entries that are not yet among the rows of the log.
        created_by: str, the version of this library.
        schema_version: int.
    """

    version: int = 0
    aborted: tuple[int, ...] = ()
    removed: int = 0
    is_hiding: bool = False
    timestamp: int = 0
    next_position: int = 1
    num_rows: int = 0
    fingerprint: str | None = None
    embedding_size: int | None = None
    table_size: int | None = None
    num_log_entries: int = 0
    pending_log: tuple[str, ...] = ()
    created_by: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def next_version(self) -> int:
        """The version of the next call that writes."""
        return max((self.version, *self.aborted)) + 1

    @property
    def settings(self) -> StoreSettings:
        """The encoder and size that the index accepts."""
        return StoreSettings(self.fingerprint, self.embedding_size)

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to be done for what was committed."""
        return not self.is_hiding and not (self.pending_log and self.embedding_size)

    def is_still_valid_in(self, later: State) -> bool:
        """Whether what was read by this state was whole, if `later` is the state after reading."""
        return (self.removed, self.is_hiding) == (later.removed, later.is_hiding)

    def logged(self, action: str, num_rows: int) -> State:
        """The state with one more entry in the log."""
        number = self.num_log_entries + 1
        time = datetime.now(UTC).isoformat(timespec="seconds")
        entry = json.dumps([number, time, action, num_rows, our_version(), self.fingerprint])
        return replace(self, num_log_entries=number, pending_log=(*self.pending_log, entry))


def new_state() -> State:
    """The state of an index that was just made."""
    return State(created_by=our_version()).logged("create", 0)


def to_text(state: State) -> str:
    """The state as it is kept."""
    return json.dumps(asdict(state))


def from_text(text: str, location: str) -> State:
    """The state that `to_text` made this of.

    Raises:
        ValueError: it is of a later version of this library, or no state.
    """
    try:
        values = json.loads(text)
        if values["schema_version"] > SCHEMA_VERSION:
            raise ValueError(
                f"{location} was written by fused-encoder {values.get('created_by')} or later with schema "
                f"{values['schema_version']}; this version reads schemas up to {SCHEMA_VERSION}. Install a "
                "newer fused-encoder."
            )
        values["aborted"], values["pending_log"] = (
            tuple(values["aborted"]),
            tuple(values["pending_log"]),
        )
        return State(**values)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{location} is damaged: its state cannot be read ({error!r}). Restore it from a copy."
        ) from error


def log_entry(text: str) -> LogEntry:
    """An entry of the log as `State.logged` wrote it."""
    number, time, *rest = json.loads(text)
    return LogEntry(number, datetime.fromisoformat(time), *rest)
