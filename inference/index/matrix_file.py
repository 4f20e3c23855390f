"""The matrix beside an index file: all its embeddings as one block that is mapped into memory, not read.

It is a copy that can be made again at any time, never the record. Everything in it is covered by checksums; a
file that is missing, damaged, cut short, of another index or of another past is made anew.

    header (4096 bytes) | positions int64 [capacity] | checksums [blocks] | embeddings float32 [num, size]

What `num` counts never changes again: rows are appended behind it, and the header, written last and in one
piece, then counts them. So a reader needs no lock, and a writer that dies leaves the file as it was. To
change a row the file is written anew and replaced.
"""

from __future__ import annotations

import logging
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from inference.index.schema import Moment

logger = logging.getLogger(__name__)

MAGIC = b"FEmatrix"
FORMAT = 1
FIELDS = struct.Struct("<8sIIqqqqqII")
HEADER_BYTES = PAGE_BYTES = 4096
ROWS_PER_BLOCK = 4096
CHECKSUMS = np.dtype([("positions", "<u4"), ("embeddings", "<u4")])
SMALLEST_CAPACITY = 2 * ROWS_PER_BLOCK
Chunks = Iterable[
    tuple[np.ndarray, np.ndarray]
]  # positions int64 [num], embeddings float32 [num, size]


@dataclass(frozen=True)
class MatrixHeader:
    """What the first page says.

    Args:
        size: of an embedding.
        base_entry: every change of a row after this entry of the index's log must be read from there.
        moment: when the rows were last read from the index.
        num: rows.
        capacity: rows for which there is room among the positions.
        unfinished: checksums of positions and embeddings of the last block, which is not yet full.
    """

    size: int
    base_entry: int
    moment: Moment
    num: int
    capacity: int
    unfinished: tuple[int, int] = (0, 0)

    @property
    def checksums_at(self) -> int:
        """Where the table of checksums begins."""
        return HEADER_BYTES + 8 * self.capacity

    @property
    def embeddings_at(self) -> int:
        """Where the embeddings begin, at a page of memory."""
        end = self.checksums_at + CHECKSUMS.itemsize * -(-self.capacity // ROWS_PER_BLOCK)
        return -(-end // PAGE_BYTES) * PAGE_BYTES

    @property
    def num_bytes(self) -> int:
        """Of the file."""
        return self.embeddings_at + 4 * self.size * self.num

    def packed(self) -> bytes:
        """The header as it stands in the file."""
        values = (self.size, self.base_entry, *self.moment, self.num, self.capacity)
        packed = FIELDS.pack(MAGIC, FORMAT, *values, *self.unfinished)
        return packed + struct.pack("<I", zlib.crc32(packed))


def read_header(descriptor: int) -> MatrixHeader | None:
    """The header of an open file; None where it is none of ours, or damaged."""
    content = os.pread(descriptor, FIELDS.size + 4, 0)
    if len(content) < FIELDS.size + 4:
        return None
    packed, (checksum,) = content[: FIELDS.size], struct.unpack("<I", content[FIELDS.size :])
    magic, version, size, base, entry, stamp, num, capacity, *unfinished = FIELDS.unpack(packed)
    if (magic, version, checksum) != (MAGIC, FORMAT, zlib.crc32(packed)):
        return None
    header = MatrixHeader(size, base, Moment(entry, stamp), num, capacity, tuple(unfinished))
    return header if os.fstat(descriptor).st_size >= header.num_bytes else None


@dataclass(frozen=True, eq=False)
class MappedMatrix:
    """The rows of a matrix file, in memory as far as they are looked at.

    Attributes:
        header: MatrixHeader.
        positions: int64 [num], increasing.
        embeddings: float32 [num, size], unit length. What is written into it stays in this process.
        file_id: tells this file from a later one of the same name.
    """

    header: MatrixHeader
    positions: np.ndarray
    embeddings: np.ndarray
    file_id: tuple[int, int]


def map_matrix(path: Path, known: MappedMatrix | None = None) -> MappedMatrix | None:
    """The matrix file, verified; None where it is missing, damaged or of another kind.

    Args:
        path: Path.
        known: the same file as it was mapped before, if it was; its rows are not verified again.
    """
    try:
        with path.open("rb") as file:
            header = read_header(file.fileno())
            if os.fstat(file.fileno()).st_size == 0:
                return None  # another process is about to make it
            if header is None:
                raise ValueError("its header or length is wrong")
            about = os.fstat(file.fileno())
            matrix = _mapped(file.fileno(), header, (about.st_dev, about.st_ino))
            is_same_file = known is not None and known.file_id == matrix.file_id
            _verify(file.fileno(), matrix, known.header.num if known and is_same_file else 0)
            return matrix
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be used (%s); it is made again from the index.", path, error)
        return None


def _mapped(descriptor: int, header: MatrixHeader, file_id: tuple[int, int]) -> MappedMatrix:
    shape = (header.num, header.size)
    if header.num == 0:
        return MappedMatrix(header, np.empty(0, np.int64), np.empty(shape, np.float32), file_id)
    with os.fdopen(os.dup(descriptor), "rb") as file:
        positions = np.memmap(file, "<i8", "c", HEADER_BYTES, header.num)
        embeddings = np.memmap(file, "<f4", "c", header.embeddings_at, shape)
    return MappedMatrix(header, np.asarray(positions), np.asarray(embeddings), file_id)


def _verify(descriptor: int, matrix: MappedMatrix, num_verified: int) -> None:
    num_full = matrix.header.num // ROWS_PER_BLOCK
    table = os.pread(descriptor, num_full * CHECKSUMS.itemsize, matrix.header.checksums_at)
    expected = [tuple(entry) for entry in np.frombuffer(table, CHECKSUMS).tolist()]
    for block, checksums in enumerate([*expected, matrix.header.unfinished]):
        rows = slice(block * ROWS_PER_BLOCK, min((block + 1) * ROWS_PER_BLOCK, matrix.header.num))
        if rows.stop <= num_verified or rows.start == rows.stop:
            continue
        parts = (matrix.positions[rows], matrix.embeddings[rows])
        if checksums != tuple(zlib.crc32(part.data) for part in parts):
            raise ValueError(f"the checksum of its rows {rows.start} to {rows.stop} does not fit")


def write_matrix(
    path: Path, chunks: Chunks, *, size: int, num_expected: int, base_entry: int, moment: Moment
) -> MappedMatrix:
    """A new matrix file in the place of that which the caller has locked; it appears whole or not at all."""
    capacity = SMALLEST_CAPACITY
    while capacity < 1.5 * num_expected:
        capacity *= 2
    header = MatrixHeader(size, base_entry, moment, 0, capacity)
    temporary = path.with_name(f"{path.name}.part")
    try:
        with temporary.open("w+b") as file:
            append_rows(file.fileno(), header, chunks, moment)
        # Mapped before it is in place: from then on it is not locked, and others may append to it.
        written = map_matrix(temporary)
        if written is None:
            raise OSError(f"{temporary} was written, but cannot be read again")
        temporary.replace(path)
        return written
    finally:
        temporary.unlink(missing_ok=True)


def append_rows(descriptor: int, header: MatrixHeader, chunks: Chunks, moment: Moment) -> None:
    """Write rows behind those that are there, then the header that counts them."""
    num, unfinished = header.num, header.unfinished
    for positions, embeddings in _as_on_disk(chunks):
        if num + len(positions) > header.capacity:
            raise ValueError(f"no room for {num + len(positions)} rows of {header.capacity}")
        _write(descriptor, positions, HEADER_BYTES + 8 * num)
        _write(descriptor, embeddings, header.embeddings_at + 4 * header.size * num)
        for part in _by_block(num, len(positions)):
            unfinished = (
                zlib.crc32(positions[part].data, unfinished[0]),
                zlib.crc32(embeddings[part].data, unfinished[1]),
            )
            end = num + part.stop
            if end % ROWS_PER_BLOCK == 0:
                block = end // ROWS_PER_BLOCK - 1
                at = header.checksums_at + CHECKSUMS.itemsize * block
                os.pwrite(descriptor, np.array(unfinished, dtype="<u4").tobytes(), at)
                unfinished = (0, 0)
        num += len(positions)
    updated = replace(header, moment=moment, num=num, unfinished=unfinished)
    os.ftruncate(descriptor, updated.num_bytes)
    os.pwrite(descriptor, updated.packed(), 0)


def _as_on_disk(chunks: Chunks) -> Chunks:
    for positions, embeddings in chunks:
        if len(positions):
            yield np.ascontiguousarray(positions, "<i8"), np.ascontiguousarray(embeddings, "<f4")


def _write(descriptor: int, array: np.ndarray, offset: int) -> None:
    content = array.data.cast("B")
    while content:
        written = os.pwrite(descriptor, content, offset)
        content, offset = content[written:], offset + written


def _by_block(start: int, num: int) -> Iterator[slice]:
    """Slices of the next `num` rows that each end with a block, if they reach that far."""
    at = 0
    while at < num:
        end = min(num, at + ROWS_PER_BLOCK - (start + at) % ROWS_PER_BLOCK)
        yield slice(at, end)
        at = end
