"""Tell what a file is from its first bytes, never from its name."""

from __future__ import annotations

PDF = "application/pdf"
ZIP = "application/zip"

HEADER_WINDOW = 1024
"""A PDF may start with junk; readers look for its header this far."""

_MAGIC = (
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
)
_HTML = (b"<!doctype html", b"<html", b"<head", b"<body")


def sniff(head: bytes) -> str:
    """Return the media type that the first bytes of a file show, `""` when they show none."""
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if b"%PDF-" in head[:HEADER_WINDOW]:
        return PDF
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower().startswith(_HTML):
        return "text/html"
    return ""
