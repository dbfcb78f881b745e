"""Write small OLE files: Office files before 2007, and Outlook's mails."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Union

SECTOR, CUTOFF = 512, 4096
END, FREE, TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD

Tree = Mapping[str, Union[bytes, "Tree"]]


@dataclass
class _Entry:
    name: str
    kind: int  # 5 root, 1 storage, 2 stream
    child: int = FREE
    right: int = FREE
    start: int = END
    size: int = 0

    def packed(self) -> bytes:
        name = self.name.encode("utf-16-le") + b"\0\0"
        head = name.ljust(64, b"\0") + struct.pack("<HBB", len(name), self.kind, 1)
        links = struct.pack("<III", FREE, self.right, self.child)
        return head + links + bytes(36) + struct.pack("<IQ", self.start, self.size)


class _Sectors:
    """Sectors of one size, and which follows which."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.data = bytearray()
        self.chain: list[int] = []

    def add(self, data: bytes) -> int:
        """Append the data; return the number of its first sector."""
        first, count = len(self.chain), -(-len(data) // self.size)
        self.data += data.ljust(count * self.size, b"\0")
        self.chain += [*range(first + 1, first + count), END] if count else []
        return first if count else END


def write_ole(path: Path, tree: Tree) -> Path:
    """Write storages (mappings) and streams (bytes); those below 4 KB go to the mini stream."""
    entries = [_Entry("Root Entry", 5)]
    large, small = _Sectors(SECTOR), _Sectors(64)

    def add_children(parent: int, children: Tree) -> None:
        before = -1
        for name, content in children.items():
            number = len(entries)
            entry = _Entry(name, 2 if isinstance(content, bytes) else 1)
            entries.append(entry)
            if before < 0:
                entries[parent].child = number
            else:
                entries[before].right = number
            before = number
            if isinstance(content, bytes):
                entry.start = (small if len(content) < CUTOFF else large).add(content)
                entry.size = len(content)
            else:
                add_children(number, content)

    add_children(0, tree)
    entries[0].start, entries[0].size = large.add(bytes(small.data)), len(small.data)
    mini_table = large.add(_table(small.chain))
    directory = large.add(b"".join(entry.packed() for entry in entries))
    count = (len(large.chain) + 10) // (SECTOR // 4) + 1
    places = list(range(len(large.chain), len(large.chain) + count))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIII", 0, count, directory, 0, CUTOFF)
    header += struct.pack("<IIII", mini_table, -(-len(small.chain) * 4 // SECTOR), END, 0)
    header += struct.pack("<109I", *(places + [FREE] * (109 - len(places))))
    path.write_bytes(header + large.data + _table(large.chain + [TABLE] * count))
    return path


def _table(chain: list[int]) -> bytes:
    free = [FREE] * (-len(chain) % (SECTOR // 4))
    return struct.pack(f"<{len(chain) + len(free)}I", *chain, *free)


def mail(
    path: Path,
    *,
    subject: str,
    body: str,
    html: str = "",
    attached: Mapping[str, bytes] | None = None,
) -> Path:
    """Write a mail of Outlook with a subject, a body and attached files."""
    strings = {
        0x0037: subject,
        0x1000: body,
        0x0C1A: "Anne Étienne",
        0x0C1F: "anne@exemple.fr",
        0x0E04: "Bureau d’études",
    }
    tree: dict[str, bytes | Tree] = dict(_properties(strings, {0x1013: html.encode()}, 32))
    for number, (name, data) in enumerate((attached or {}).items()):
        tree[f"__attach_version1.0_#{number:08X}"] = dict(
            _properties({0x3707: name}, {0x3701: data}, 8)
        )
    return write_ole(path, tree)


def _properties(
    strings: Mapping[int, str], binaries: Mapping[int, bytes], header: int
) -> dict[str, bytes]:
    streams = {
        f"__substg1.0_{pid:04X}001F": text.encode("utf-16-le") for pid, text in strings.items()
    }
    streams |= {f"__substg1.0_{pid:04X}0102": data for pid, data in binaries.items() if data}
    listed = b"".join(
        struct.pack("<HHIII", int(name[-4:], 16), int(name[-8:-4], 16), 6, len(data), 0)
        for name, data in streams.items()
    )
    codepage = struct.pack("<HHIII", 3, 0x3FDE, 6, 65001, 0)
    return {"__properties_version1.0": bytes(header) + codepage + listed} | streams
