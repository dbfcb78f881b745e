"""Look at the list of an archive's members before anything in it is unpacked."""

from __future__ import annotations

import zipfile

from ingestion.readers import Limits, ReadError

MOST_MEMBERS = 20_000
MARKUP = (".xml", ".rels")
SHARE = 4
"""A tree of XML takes some this many times the bytes of its file."""


def check_office_archive(file: str, limits: Limits) -> None:
    """Refuse an office document that is encrypted, damaged, or too large once unpacked."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise ReadError("truncated", {"reason": str(error)}) from error
    if any(member.flag_bits & 1 for member in members):
        raise ReadError("encrypted")
    if len(members) > MOST_MEMBERS:
        raise ReadError("too_much_memory", {"members": len(members)})
    room = limits.memory_mb * 1024 * 1024
    markup = sum(member.file_size for member in members if member.filename.endswith(MARKUP))
    largest = max((member.file_size for member in members), default=0)
    if markup * SHARE > room or largest > room // 2:
        raise ReadError("too_much_memory", {"unpacked": max(markup, largest)})
