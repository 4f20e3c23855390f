"""Runs that are killed while they write shards; prints what was lost or torn (nothing, it is hoped).

python killed_archivers.py FOLDER NUM_KILLS

One process loads everything and forks the writers, so that a kill costs milliseconds, not imports.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from archives.embed import shards
from archives.embed.archive import Archive, holds_shards
from archives.embed.rows import FileRow, Place, rows_of
from archives.embed.settings import ArchiveSettings, Run
from archives.embed.shards import RowsOfFile, ShardWriter, remove_abandoned_parts
from archives.embed.sources import Source

SIZE = 8
RUN = Run("wren-1", SIZE, ArchiveSettings())
MOST_LINES = 8
LONGEST_SECONDS = 0.03


def embeddings_of(name: str, num: int) -> np.ndarray:
    seed = [ord(letter) for letter in name]
    vectors = np.random.default_rng(seed).standard_normal((num, SIZE))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def write_until_killed(folder: Path, number: int, told: int) -> None:
    """Short files and long ones; what is committed is told, one line each."""
    shards.ROWS_IN_MEMORY = 20
    writer = ShardWriter(folder, RUN, files_per_shard=3)
    waiting: list[str] = []
    for file in range(10_000):
        num = 50 if file % 4 == 3 else 3  # every fourth is long, after three short ones
        name = f"{number}-{file}-{num}"
        source, rows = Source("recording", Path(name)), RowsOfFile(writer)
        for first in range(0, num, 10):
            embeddings = embeddings_of(name, num)[first : first + 10]
            places = [
                Place("audio", first + row, first + row + 1.0) for row in range(len(embeddings))
            ]
            rows.add(rows_of(source, embeddings, places))
        rows.finish(FileRow(name, "recording", "ok"))
        waiting.append(name)
        if num == 50 or len(waiting) == 3:  # committed: a long file by itself, short ones by three
            os.write(told, "".join(f"{one}\n" for one in waiting).encode())
            waiting = []


def killed_run(folder: Path, number: int, rng: random.Random) -> list[str]:
    """The files that a run told of before it was killed."""
    told, tell = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(told)
        write_until_killed(folder, number, tell)
        os._exit(0)
    os.close(tell)
    with os.fdopen(told, "rb") as lines:
        heard = [
            lines.readline() for _ in range(rng.randint(0, MOST_LINES))
        ]  # however slow the machine
        time.sleep(rng.uniform(0, LONGEST_SECONDS))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        heard += lines.read().splitlines(keepends=True)
    return [line.decode().rstrip() for line in heard if line.endswith(b"\n")]


def say(told: str) -> None:
    sys.stdout.write(f"{told}\n")


def main(folder: Path, num_kills: int) -> None:
    """Kills runs, and after each looks at everything that is there."""
    rng = random.Random(0)
    acknowledged: list[str] = []
    for number in range(num_kills):
        acknowledged += killed_run(folder, number, rng)
        remove_abandoned_parts(folder)
        if not holds_shards(folder):
            continue
        archive = Archive(folder)
        lost = set(acknowledged) - {row.file for row in archive.files}
        parts = list((folder / "shards").glob(".*"))
        if lost or parts:
            say(f"lost {sorted(lost)} left {parts}")
    found: dict[str, list[np.ndarray]] = {}
    for ids, embeddings, _ in Archive(folder).batches():
        for row, vector in zip(ids, np.asarray(embeddings), strict=True):
            found.setdefault(row.partition("#")[0], []).append(vector)
    for name, vectors in found.items():
        expected = embeddings_of(name, int(name.rpartition("-")[2]))
        if not np.array_equal(np.stack(vectors), expected):
            say(f"torn {name}")
    say(f"{len(acknowledged)} acknowledged")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
