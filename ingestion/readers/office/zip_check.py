"""Check the member list of a ZIP archive before anything is unpacked."""

from __future__ import annotations

import zipfile

from ingestion.readers import Limits, ReadError

MAX_MEMBERS = 20_000
MARKUP = (".xml", ".rels")
XML_MEMORY_FACTOR = 4
"""Approximate ratio of the memory of an XML tree to the size of its file."""


def check_office_archive(file: str, limits: Limits) -> None:
    """Raise `ReadError` for an office document that is encrypted, damaged or too large unpacked."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise ReadError("truncated", {"reason": str(error)}) from error
    if any(member.flag_bits & 1 for member in members):
        raise ReadError("encrypted")
    if len(members) > MAX_MEMBERS:
        raise ReadError("too_much_memory", {"members": len(members)})
    memory = limits.memory_mb * 1024 * 1024
    markup = sum(member.file_size for member in members if member.filename.endswith(MARKUP))
    largest = max((member.file_size for member in members), default=0)
    if markup * XML_MEMORY_FACTOR > memory or largest > memory // 2:
        raise ReadError("too_much_memory", {"unpacked": max(markup, largest)})
