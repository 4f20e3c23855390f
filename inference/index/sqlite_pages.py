"""The pages of an SQLite file, read without SQLite: what is left when its own way to a page is broken.

Only what an index needs, after https://www.sqlite.org/fileformat2.html: pages of the file, with those that
wait in the write-ahead log in their place; the cells of B-trees; records.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from inference.index.side_files import beside

Value = int | float | bytes | str | None
TABLE_LEAF, TABLE_INTERIOR, INDEX_LEAF, INDEX_INTERIOR = 0x0D, 0x05, 0x0A, 0x02
FILE_BEGINS, FILE_HEADER_BYTES = b"SQLite format 3\0", 100
USUAL_PAGE_BYTES = 4096
WAL_MAGIC = (0x377F0682, 0x377F0683)
INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
SMALL_LOCAL = 32, 23  # how much of a large record stays on its page
DAMAGE = (IndexError, struct.error, ValueError, OverflowError)  # what reading a damaged page raises


class SqlitePages:
    """The pages of a closed SQLite file, as the last transaction left them.

    The file must not be open in this process: closing it here would drop the locks of SQLite.

    Args:
        path: Path; `<path>-wal` is read too, if it is there.
    """

    def __init__(self, path: Path) -> None:
        self._resources = ExitStack()
        self._file = self._mapped(path)
        (size,) = struct.unpack(">H", self._file[16:18].ljust(2, b"\0"))
        size = 65536 if size == 1 else size
        is_sound = size >= 512 and size & (size - 1) == 0
        self.page_bytes = size if is_sound else USUAL_PAGE_BYTES
        reserved = self._file[20] if is_sound and len(self._file) > 20 else 0
        self._usable = self.page_bytes - reserved
        self._newer = self._committed(self._mapped(beside(path, "-wal")))
        self.num_pages = max([len(self._file) // self.page_bytes, *self._newer])

    def _mapped(self, path: Path) -> mmap.mmap | bytes:
        if not path.exists() or path.stat().st_size == 0:
            return b""
        file = self._resources.enter_context(path.open("rb"))
        return self._resources.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def close(self) -> None:
        """Close the files."""
        self._resources.close()

    def _committed(self, log: mmap.mmap | bytes) -> dict[int, bytes]:
        """Pages of finished transactions in the write-ahead log, the last of each number."""
        if len(log) < 32 or struct.unpack(">I", log[:4])[0] not in WAL_MAGIC:
            return {}
        salts, frame_bytes = log[16:24], 24 + self.page_bytes
        committed: dict[int, bytes] = {}
        pending: dict[int, bytes] = {}
        for start in range(32, len(log) - frame_bytes + 1, frame_bytes):
            number, size_after_commit = struct.unpack(">II", log[start : start + 8])
            if log[start + 8 : start + 16] != salts:
                break
            pending[number] = log[start + 24 : start + frame_bytes]
            if size_after_commit:
                committed |= pending
                pending = {}
        return committed

    @property
    def num_missing(self) -> int:
        """Pages that the file says it has, and does not reach to."""
        header = self.page(1)
        if not header.startswith(FILE_BEGINS):
            return 0
        return max(0, _u32(header, 28) - self.num_pages)

    def page(self, number: int) -> bytes:
        """The bytes of page 1, 2, ...; none where the file does not reach that far."""
        if number in self._newer:
            return self._newer[number]
        return self._file[(number - 1) * self.page_bytes : number * self.page_bytes]

    def kind(self, number: int) -> int | None:
        """The first byte of a B-tree page."""
        page, start = self.page(number), _start(number)
        return page[start] if len(page) > start else None

    def free(self) -> tuple[set[int], bool]:
        """Numbers of the pages that are not in use, and whether their list is whole."""
        header = self.page(1)
        free: set[int] = set()
        if not header.startswith(FILE_BEGINS):
            return free, False
        try:
            trunk, num = struct.unpack(">II", header[32:40])
            while trunk:
                if trunk in free or not 1 < trunk <= self.num_pages:
                    return free, False
                free.add(trunk)
                page = self.page(trunk)
                trunk, num_leaves = struct.unpack(">II", page[:8])
                free.update(struct.unpack(f">{num_leaves}I", page[8 : 8 + 4 * num_leaves]))
        except struct.error:
            return free, False
        return free, len(free) == num

    def records_at(self, number: int) -> Iterator[int]:
        """Where the records of a B-tree page begin, in order; what cannot be one is passed over."""
        has_children = self.kind(number) in (TABLE_INTERIOR, INDEX_INTERIOR)
        for offset in self._cells(number):
            yield offset + 4 if has_children else offset

    def children(self, number: int) -> Iterator[int]:
        """The pages below an interior page."""
        page = self.page(number)
        yield from (_u32(page, at) for at in self._cells(number) if at + 4 <= len(page))
        yield _u32(page, _start(number) + 8)

    def _cells(self, number: int) -> list[int]:
        page, start = self.page(number), _start(number)
        (num,) = struct.unpack(">H", page[start + 3 : start + 5])
        pointers = start + (12 if page[start] in (TABLE_INTERIOR, INDEX_INTERIOR) else 8)
        num = min(num, (len(page) - pointers) // 2)
        return list(struct.unpack_from(f">{num}H", page, pointers))

    def record(self, number: int, offset: int) -> tuple[int | None, list[Value]]:
        """The key (of a table's row) and the values of the cell at this place of a page."""
        page, kind = self.page(number), self.kind(number)
        num, at = _varint(page, offset)
        key = None
        if kind == TABLE_LEAF:
            key, at = _varint(page, at)
        local = self._local_bytes(num, is_table=kind == TABLE_LEAF)
        payload = page[at : at + local]
        if local < num:
            following = _u32(page, at + local)
            for _ in range(num // (self._usable - 4) + 1):
                if not following:
                    break
                more = self.page(following)
                payload, following = payload + more[4 : self._usable], _u32(more, 0)
        if len(payload) < num:
            raise ValueError("the record is cut short")
        return key, _values(payload[:num])

    def _local_bytes(self, num: int, *, is_table: bool) -> int:
        part, less = SMALL_LOCAL
        smallest = (self._usable - 12) * part // 255 - less
        largest = self._usable - 35 if is_table else (self._usable - 12) * 64 // 255 - less
        if num <= largest:
            return num
        local = smallest + (num - smallest) % (self._usable - 4)
        return local if local <= largest else smallest


def _values(payload: bytes) -> list[Value]:
    header_bytes, at = _varint(payload, 0)
    values: list[Value] = []
    body = header_bytes
    while at < header_bytes:
        kind, at = _varint(payload, at)
        length = INTEGER_BYTES.get(kind, 8 if kind == 7 else max(0, (kind - 12) // 2))
        content = payload[body : body + length]
        if len(content) < length or kind in (10, 11):
            raise ValueError("the record is cut short")
        body += length
        values.append(_value(kind, content))
    return values


def _value(kind: int, content: bytes) -> Value:
    if kind == 0:
        return None
    if kind in (8, 9):
        return kind - 8
    if kind == 7:
        return float(struct.unpack(">d", content)[0])
    if kind in INTEGER_BYTES:
        return int.from_bytes(content, "big", signed=True)
    return content.decode(errors="replace") if kind % 2 else content


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for place in range(8):
        byte = content[at + place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + place + 1
    return value << 8 | content[at + 8], at + 9


def _u32(content: bytes, at: int) -> int:
    return int(struct.unpack_from(">I", content, at)[0])


def _start(number: int) -> int:
    return FILE_HEADER_BYTES if number == 1 else 0
