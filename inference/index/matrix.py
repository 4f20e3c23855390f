"""The embeddings of an index as one matrix, mapped into memory from a file beside the index."""

import logging
import secrets
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

import numpy as np

logger = logging.getLogger(__name__)

NPY_HEADER_BYTES = 128
TAIL_BYTES = 48  # rows, room, size, revision, checksum
ROOM_SHARE, LEAST_ROOM = 4, 1000  # a new file has room for a quarter more rows
ROWS_AT_ONCE = 8192
SECONDS_TO_WRITE = 3600  # an unfinished file that is older was left by a process that was killed
Chunks = Iterable[tuple[np.ndarray, np.ndarray]]  # positions int64 [num], float32 [num, size]


class Matrix:
    """Rows as unit vectors, in insertion order, with room for more.

    What is appended or changed stays in this process, also where the matrix is mapped from a file.
    """

    def __init__(self, positions: np.ndarray, memory: np.ndarray) -> None:
        # int64 [num], where each row stands in the index, increasing; float32 [room, size]
        self.positions, self._memory = positions, memory
        self.is_live: np.ndarray | None = None  # bool [num]; None while no row was deleted
        self.num_changed = 0  # rows that were changed or deleted

    @property
    def embeddings(self) -> np.ndarray:
        """float32 [num, size]."""
        return self._memory[: len(self.positions)]

    @property
    def room(self) -> int:
        """How many rows can be appended."""
        return len(self._memory) - len(self.positions)

    @property
    def last_position(self) -> int:
        """Of all rows; 0 where there are none."""
        return int(self.positions[-1]) if len(self.positions) else 0

    def append(self, positions: np.ndarray, embeddings: np.ndarray) -> None:
        """Add rows (int64 [num], float32 [num, size]) for which there is room."""
        self._memory[len(self.positions) :][: len(positions)] = embeddings
        self.positions = np.concatenate([self.positions, positions])
        if self.is_live is not None:
            self.is_live = np.concatenate([self.is_live, np.ones(len(positions), dtype=bool)])

    def change(self, position: int, embedding: np.ndarray | None) -> None:
        """Replace the row at this position by float32 [size]; None deletes it."""
        row = np.searchsorted(self.positions, position)
        if row == len(self.positions) or self.positions[row] != position:
            return  # it came and went before the matrix was made
        self.num_changed += 1
        if embedding is not None:
            self._memory[row] = embedding
            return
        if self.is_live is None:
            self.is_live = np.ones(len(self.positions), dtype=bool)
        self.is_live[row] = False

    def live_rows(self) -> np.ndarray:
        """int64 [num_live]: which rows of the matrix are not deleted."""
        if self.is_live is None:
            return np.arange(len(self.positions))
        return np.flatnonzero(self.is_live)

    def live_chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions and embeddings of these rows, some at a time."""
        rows = self.live_rows()
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            yield self.positions[some], self.embeddings[some]


def room_for(num: int) -> int:
    """Rows of a new matrix that holds so many."""
    return num + max(LEAST_ROOM, num // ROOM_SHARE)


def matrix_in_memory(chunks: Chunks, num: int, size: int) -> Matrix:
    """A matrix of these rows (`num` at most), that no file holds."""
    matrix = Matrix(np.empty(0, np.int64), np.empty((room_for(num), size), np.float32))
    for positions, embeddings in chunks:
        matrix.append(positions, embeddings)
    return matrix


def save_matrix(
    path: Path, revision: tuple[int, int], chunks: Chunks, num: int, size: int
) -> Matrix:
    """Write these rows (`num` at most) of this revision of the index into a file, and map it into memory.

    `numpy.load` reads it too: it is a .npy file of float32 [room, size], of which the rows not in use are a
    hole. Behind it stand the positions, the numbers of rows, room and size, the revision, and a checksum.
    """
    room = room_for(num)
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (room, size)}
            np.lib.format.write_array_header_1_0(file, header)
            positions, checksum = [np.empty(0, "<i8")], 0
            for some, embeddings in chunks:
                content = np.ascontiguousarray(embeddings, "<f4").data
                checksum = zlib.crc32(content, checksum)
                file.write(content)
                positions.append(some)
            numbers = np.array([sum(map(len, positions)), room, size, *revision], "<i8")
            tail = np.concatenate([*positions, numbers])
            file.seek(NPY_HEADER_BYTES + 4 * room * size)
            file.write(np.append(tail, zlib.crc32(tail.data, checksum)).astype("<i8").data)
        return _mapped(temporary)[0]


def load_matrix(path: Path) -> tuple[Matrix | None, tuple[int, int] | None]:
    """The matrix that `save_matrix` wrote and its revision; None where there is none, or a damaged one."""
    try:
        return _mapped(path)
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be used (%s); it is made again.", path, error)
        return None, None


def _mapped(path: Path) -> tuple[Matrix, tuple[int, int]]:
    num_bytes = path.stat().st_size
    tail = np.fromfile(path, "<i8", offset=max(0, num_bytes - TAIL_BYTES))
    num, room, size, entry, stamp, checksum = tail.tolist()
    if min(num, room, size) < 0 or num > room:
        raise ValueError("its last numbers are wrong")
    if NPY_HEADER_BYTES + 4 * room * size + 8 * num + TAIL_BYTES != num_bytes:
        raise ValueError("it is cut short, or of another kind")
    memory = np.asarray(np.memmap(path, "<f4", "c", NPY_HEADER_BYTES, (room, size)))
    tail = np.fromfile(path, "<i8", offset=NPY_HEADER_BYTES + memory.nbytes)
    if zlib.crc32(tail[:-1].data, zlib.crc32(memory[:num].data)) != checksum:
        raise ValueError("its checksum does not fit")
    return Matrix(tail[:num].copy(), memory), (entry, stamp)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """As `media.atomic.atomic_file`; what a process that was killed has left of this file is removed."""
    for left in path.parent.glob(f"{escape(path.name)}.*.part"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > SECONDS_TO_WRITE:
                left.unlink()
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
