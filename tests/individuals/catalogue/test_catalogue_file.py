"""The catalogue as a file: crashes, other processes, damage, and files of others."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import cycle
from pathlib import Path

import pytest

from individuals.catalogue import Catalogue, Thresholds
from individuals.sighting_table import SightingTable
from tests.fresh_process import num_kills

WORKER = """
import sys
import numpy as np
from individuals.catalogue import Catalogue
from individuals.sighting_table import SightingTable

path, name, num = sys.argv[1], sys.argv[2], int(sys.argv[3])
with Catalogue.open(path) as catalogue:
    kept = catalogue.add(SightingTable.of([[1.0, 0.0]], [f"{name}.jpg"]), name=name)
    print("ready", flush=True)
    for number in range(num):
        rows = SightingTable.of(np.eye(2), [f"{name} {number} a.jpg", f"{name} {number} b.jpg"])
        new = catalogue.add(rows)
        part = catalogue.split(new, [f"{name} {number} b.jpg"])
        catalogue.merge(kept, new)
        catalogue.delete(part)
        if number % 3 == 0:
            catalogue.undo()
        print(number, flush=True)
"""


def start(path: Path, name: str = "w", num: int = 100_000) -> subprocess.Popen:
    command = [sys.executable, "-c", WORKER, str(path), name, str(num)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def test_kill_9_loses_no_operation_that_was_acknowledged_and_leaves_none_half_done(path):
    for run, num_acknowledged in zip(range(num_kills(3)), cycle([0, 5, 13, 1, 8])):
        worker = start(path, f"run{run}")
        done = [int(worker.stdout.readline()) for _ in range(num_acknowledged)]
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        with Catalogue.open(path, create=False) as catalogue:
            assert catalogue.check() == []
            keys = set(catalogue.sightings(f"run{run}").keys)
            assert {f"run{run} {number} a.jpg" for number in done} <= keys
            assert all(individual.num_sightings for individual in catalogue.individuals())


def test_two_processes_take_turns(path):
    workers = [start(path, name, 12) for name in ("left", "right")]
    for worker in workers:
        worker.communicate()
    with Catalogue.open(path, create=False) as catalogue:
        assert [worker.returncode for worker in workers] == [0, 0]
        assert catalogue.check() == []
        assert len(catalogue.log()) == 2 * (1 + 12 * 4 + 4)
        # undo takes back the latest operation of anybody, so what is left differs from run to run
        new = [entry.details.get("new", []) for entry in catalogue.log()]
        ids = [id_ for ids in new for id_ in ([ids] if isinstance(ids, str) else ids)]
        assert len(ids) == len(set(ids)) == 2 * (1 + 12 * 2)


def test_what_another_writer_wrote_is_seen_at_the_next_call(catalogue, path):
    thresholds = Thresholds.plain(known_above=0.9, new_below=0.5)
    query = SightingTable.of([[-1.0, 0.0]], ["who.jpg"])
    assert catalogue.identify(query, thresholds)[0].status == "new"
    with Catalogue.open(path) as other:
        other.add(SightingTable.of([[-1.0, 0.0]], ["c.jpg"]))
    assert catalogue.identify(query, thresholds)[0].individual == "NYA-0003"


def test_nobody_changes_the_log_behind_its_back(catalogue, path):
    with closing(sqlite3.connect(path)) as connection:
        for statement in ("UPDATE log SET decided_by = 'x'", "DELETE FROM log"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)


def test_rows_that_were_changed_without_the_log_are_found(catalogue, path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE sightings SET individual = 2 WHERE key = 'a1.jpg'")
        connection.execute("UPDATE individuals SET name = 'Eve' WHERE number = 1")
    told = catalogue.check()
    assert len(told) == 2
    assert "individual 1 is State(name='Eve'" in told[0]
    assert "sighting 1 is of 2, by the log of 1" in told[1]


def test_a_missing_catalogue_is_not_made_up(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no catalogue"):
        Catalogue.open(tmp_path / "no.catalogue", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_sighting_with_one_changed_bit_is_named(catalogue, path):
    of_one = "WHERE key = 'a2.jpg'"
    with closing(sqlite3.connect(path)) as connection, connection:
        (blob,) = connection.execute(f"SELECT embedding FROM sightings {of_one}").fetchone()
        changed = bytes([blob[0] ^ 1]) + blob[1:]
        connection.execute(f"UPDATE sightings SET embedding = ? {of_one}", (changed,))
    with pytest.raises(ValueError, match=r"damaged: the checksum of the sighting 'a2.jpg'"):
        catalogue.sightings("Älva")
