"""The names at the root of an OLE file: the directory of Office files before 2007 and of mails.

Only the header, the allocation table and the directory are read, within bounds.
"""

from __future__ import annotations

import struct
from typing import IO

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAX_ENTRIES = 20_000
_ENTRY = 128
_LAST_SECTOR = 0xFFFFFFFA
_NONE = 0xFFFFFFFF
_FIRST_TABLE = 109
"""Sectors of the allocation table that the header lists: those of files up to 7 MB."""


def root_names(file: IO[bytes]) -> set[str]:
    """Return the names of the streams and storages at the root; empty for a damaged file."""
    try:
        return _root_names(_directory(file))
    except (struct.error, IndexError, ValueError, OSError):
        return set()


def _directory(file: IO[bytes]) -> bytes:
    """Return the bytes of the directory, `MAX_ENTRIES` at most."""
    file.seek(0)
    head = file.read(512)
    (shift,) = struct.unpack_from("<H", head, 30)
    if not head.startswith(MAGIC) or shift not in (9, 12):
        raise ValueError("no OLE file")
    size = 1 << shift
    (sector,) = struct.unpack_from("<I", head, 48)
    table = _TableReader(file, head, size)
    found = bytearray()
    while sector < _LAST_SECTOR and len(found) < MAX_ENTRIES * _ENTRY:
        found += _sector(file, sector, size)
        sector = table.following(sector)
    return bytes(found)


class _TableReader:
    """Reads the allocation table: which sector follows another."""

    def __init__(self, file: IO[bytes], head: bytes, size: int) -> None:
        self.file = file
        self.size = size
        self.sectors = list(struct.unpack_from(f"<{_FIRST_TABLE}I", head, 76))
        (self.more, count) = struct.unpack_from("<II", head, 68)
        self.count = min(count, MAX_ENTRIES)

    def following(self, sector: int) -> int:
        """Return the sector after `sector`; a number from `_LAST_SECTOR` up ends the chain."""
        index, place = divmod(sector, self.size // 4)
        while index >= len(self.sectors) and self.count and self.more < _LAST_SECTOR:
            *listed, self.more = struct.unpack(
                f"<{self.size // 4}I", _sector(self.file, self.more, self.size)
            )
            self.sectors += listed
            self.count -= 1
        data = _sector(self.file, self.sectors[index], self.size)
        (following,) = struct.unpack_from("<I", data, 4 * place)
        return int(following)


def _sector(file: IO[bytes], number: int, size: int) -> bytes:
    file.seek((number + 1) * size)
    data = file.read(size)
    if len(data) < size:
        raise ValueError("cut short")
    return data


def _root_names(directory: bytes) -> set[str]:
    """Return the names of the children of the first entry: a tree of siblings."""
    names: set[str] = set()
    (child,) = struct.unpack_from("<I", directory, 76)
    pending, seen = [child], {_NONE}
    while pending:
        number = pending.pop()
        start = number * _ENTRY
        if number in seen or start + _ENTRY > len(directory):
            continue
        seen.add(number)
        (length,) = struct.unpack_from("<H", directory, start + 64)
        name = directory[start : start + min(max(length - 2, 0), 62)]
        names.add(name.decode("utf-16-le", "replace"))
        pending += struct.unpack_from("<II", directory, start + 68)
    return names
