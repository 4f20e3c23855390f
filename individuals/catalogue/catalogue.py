"""`Catalogue`: the known individuals, kept on disk, and everything a person may do with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Literal, TypeVar

import numpy as np

from individuals.catalogue.catalogue_file import Owned, open_file, read_encoder, read_owned
from individuals.catalogue.gallery import known_scores
from individuals.catalogue.history import (
    Decision,
    LogEntry,
    do,
    find_discrepancies,
    last_entry,
    read_log,
    undo_last,
)
from individuals.catalogue.identification import Identification, identify
from individuals.catalogue.operations import Operation, add, delete, merge, rename, split
from individuals.catalogue.register import Individual, Register
from individuals.catalogue.thresholds import Thresholds
from individuals.sighting_table import SightingTable, join_tables
from inference.index.rows import check_same_encoder
from inference.modalities import Modality
from inference.sqlite_file import SqliteFile

BY_PERSON = Decision("person")
T = TypeVar("T")


class Catalogue:
    """The known individuals: their sightings, names, and a log of every decision.

    One file. Each call is all or nothing, with its entry in the log, and is on disk when it returns; what
    others write is seen at the next call, and a second writer waits up to 30 s for the first. Ids such as
    "NYA-0012" are never given to another animal, even after a merge, delete or undo; names may change. An
    individual is given by its id or its name; KeyError where there is none (any more). Each operation takes
    a `decision`: who decided, by what thresholds; the log keeps it. While the catalogue is open, SQLite
    keeps two files beside it (`-wal`, `-shm`); copy it when it is closed.

    Example:
        >>> with Catalogue.open("wrens.catalogue", prefix="WREN") as catalogue:
        ...     catalogue.add(SightingTable.of([[0.6, 0.8]], ["may.jpg"]), name="Zoë")
        ...     june = SightingTable.of([[0.8, 0.6]], ["june.jpg"])
        ...     catalogue.identify(june, Thresholds.plain(known_above=0.9, new_below=0.5))[0].status
        'WREN-0001'
        'known'
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._gallery = Owned([], [], join_tables([]))
        self._seen_entry = 0  # of the log, which the gallery is as recent as

    @classmethod
    def open(cls, path: str | Path, *, create: bool = True, prefix: str | None = None) -> Catalogue:
        """The catalogue in this file.

        Args:
            path: of the file.
            create: whether to start one where there is none. Default True.
            prefix: of the ids of a new one, such as "NYA". Default "ID".
        Raises:
            FileNotFoundError: there is none, and `create` is False; or its folder does not exist.
            ValueError: no catalogue, of another schema, damaged, or with ids of another prefix.
            OSError: the file cannot be opened (TimeoutError: another process holds it).
        """
        return cls(open_file(path, create=create, prefix=prefix))

    @property
    def prefix(self) -> str:
        """What its ids begin with."""
        return self._read(lambda register: register.prefix)

    @property
    def fingerprint(self) -> str | None:
        """The encoder of its embeddings; None while there are none that carry one."""
        return self._read(lambda register: read_encoder(register.connection).fingerprint)

    def __len__(self) -> int:
        return len(self.individuals())

    def individuals(self) -> list[Individual]:
        """All individuals by number."""
        return self._read(Register.individuals)

    def find(self, individual: str) -> Individual:
        """The individual with this id or name."""
        return self._read(lambda register: register.individual(individual))

    def sightings(self, individual: str) -> SightingTable:
        """What is known of an individual, in order of adding."""
        return self._read(lambda register: register.owned(register.find(individual)).table)

    def log(self) -> list[LogEntry]:
        """Every operation there ever was, oldest first."""
        return self._read(lambda register: read_log(register.connection))

    def check(self) -> list[str]:
        """What is not as the log says, in words; empty where all is well."""
        return self._read(lambda register: find_discrepancies(register.connection))

    def identify(
        self,
        sightings: SightingTable,
        thresholds: Thresholds,
        *,
        groups: Sequence[Sequence[int]] | Literal["tracklets"] = "tracklets",
    ) -> list[Identification]:
        """Known, new or uncertain, for each animal of some footage; the catalogue is not changed.

        Each row is compared with all sightings of an individual, the most similar one counts, and the mean
        over the animal's rows decides. Two animals that were seen together never get one name, nor does one
        get the name of an individual that the catalogue holds a sighting of beside it.

        Args:
            sightings: of the footage; those that are in the catalogue already find themselves.
            thresholds: what decides.
            groups: the rows of each animal: its tracklets, or the groups that a count found.
        Returns:
            One `Identification` per group, in their order.
        Raises:
            ValueError: another encoder or size; a group with sightings that were seen together; kinds of
                embeddings that plain thresholds cannot weigh against each other.
        """
        rows = sightings.tracklet_groups() if groups == "tracklets" else groups
        if thresholds.calibration is not None:
            thresholds.calibration.check_fingerprint(sightings.embeddings)
        with self._file.reading() as connection:
            register = Register(connection, self._file.path)
            if len(sightings):
                check_same_encoder(
                    sightings.embeddings,
                    read_encoder(connection),
                    f"The catalogue {self._file.path}",
                )
            gallery = self._current(connection)
        return identify(sightings, rows, gallery, register, thresholds)

    def known_scores(self, modality: Modality = "image", *, seed: int = 0) -> np.ndarray:
        """How similar its individuals are to themselves, for `Thresholds.calibrated(known_scores=...)`.

        A tracklet (or photo) of each individual that was met in several files is drawn and compared, as
        `identify` would, with its sightings in the other files.

        Returns: float64 [num_individuals that were met in two files or more].
        """
        with self._file.reading() as connection:
            return known_scores(self._current(connection), modality, seed)

    def add(
        self,
        sightings: SightingTable,
        individual: str | None = None,
        *,
        name: str | None = None,
        decision: Decision = BY_PERSON,
        force: bool = False,
    ) -> str:
        """Sightings of one animal, known or new; adding the same again changes nothing.

        Args:
            sightings: of that animal.
            individual: id or name of a known one; None makes a new one.
            name: of the new one; None leaves it without.
            decision: who decided, for the log.
            force: whether sightings that were seen together may be of one individual all the same.
        Returns:
            Its id.
        Raises:
            ValueError: another encoder; sightings of another individual; sightings that were seen together; a
                name that is taken. Nothing is added.
        """

        def prepare(register: Register) -> Operation:
            if individual is not None:
                register.find(individual)  # must be there
            return add(register, sightings, [individual] * len(sightings), name, force=force)

        return self._do(prepare, decision)[0]

    def add_each(
        self,
        sightings: SightingTable,
        individuals: Sequence[str | None],
        *,
        name: str | None = None,
        decision: Decision = BY_PERSON,
        force: bool = False,
    ) -> list[str]:
        """Sightings of several animals in one operation; otherwise as `add`.

        Args:
            sightings: of all of them.
            individuals: per row an id or name; a word that is neither makes a new individual for its rows,
                called so, unless it is "new-1", "new-2", ...: these have no name.
            name: of the new individual, if there is just one.
            decision: who decided.
            force: as in `add`.
        Returns:
            The id of each row's individual.
        """
        return self._do(lambda r: add(r, sightings, individuals, name, force=force), decision)

    def accept(
        self,
        sightings: SightingTable,
        answers: Sequence[Identification],
        *,
        decision: Decision = BY_PERSON,
    ) -> list[str | None]:
        """Add what was identified; the uncertain stay out. Returns each answer's id, or None."""
        word_of = {row: answer.word for answer in answers if answer.word for row in answer.rows}
        if not word_of:
            return [None] * len(answers)
        ids = self.add_each(sightings.take(word_of), list(word_of.values()), decision=decision)
        id_of = dict(zip(word_of, ids, strict=True))
        return [id_of.get(answer.rows[0]) for answer in answers]

    def rename(self, individual: str, name: str | None, *, decision: Decision = BY_PERSON) -> None:
        """Another name, or none; the id stays. ValueError: it is taken, empty, or looks like an id."""
        self._do(lambda register: rename(register, individual, name), decision)

    def merge(
        self, kept: str, *others: str, force: bool = False, decision: Decision = BY_PERSON
    ) -> None:
        """Others turn out to be `kept`; their ids are given up for good.

        Raises:
            ValueError: two of them were seen together (all such sightings are named), unless `force`.
        """
        self._do(lambda register: merge(register, kept, others, force=force), decision)

    def split(
        self,
        individual: str,
        keys: Sequence[str],
        *,
        name: str | None = None,
        decision: Decision = BY_PERSON,
    ) -> str:
        """Some sightings turn out to show another animal; returns the id of the new individual.

        Raises:
            ValueError: sightings that it does not have; all of them, or none.
        """
        return self._do(lambda register: split(register, individual, keys, name), decision)[0]

    def delete(self, individual: str, *, decision: Decision = BY_PERSON) -> None:
        """An individual and its sightings leave the catalogue. The file keeps them, to undo it."""
        self._do(lambda register: delete(register, individual), decision)

    def undo(self, num: int = 1, *, decision: Decision = BY_PERSON) -> list[LogEntry]:
        """Take back the last operations that are not undone yet; returns their entries, latest first.

        An undo is an entry of the log itself, and is not undone by another. ValueError: there are fewer.
        """
        with self._file.writing() as connection:
            return undo_last(connection, num, decision)

    def close(self) -> None:
        """Close the file; all is already on disk. A second call does nothing."""
        self._file.close()

    def __enter__(self) -> Catalogue:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _read(self, question: Callable[[Register], T]) -> T:
        with self._file.reading() as connection:
            return question(Register(connection, self._file.path))

    def _do(self, prepare: Callable[[Register], Operation], decision: Decision) -> list[str]:
        with self._file.writing() as connection:
            operation = prepare(Register(connection, self._file.path))
            do(connection, operation, decision)
        return list(operation.individuals)

    def _current(self, connection: Connection) -> Owned:
        """All sightings, read again if the log has grown."""
        if (entry := last_entry(connection)) != self._seen_entry:
            self._gallery, self._seen_entry = read_owned(connection, self._file.path), entry
        return self._gallery
