"""Read the XMP metadata of a PDF."""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from xml.etree import ElementTree

_BEGINS, _ENDS = b"<x:xmpmeta", b"</x:xmpmeta>"
_OF_DOCUMENT = re.compile(rb"/(?:Type\s*/Metadata|Subtype\s*/XML)\b")
MAX_PACKET_BYTES = 1024 * 1024
BYTES_BEFORE_PACKET = 400
"""Bytes before a packet in which its stream dictionary declares document metadata."""

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_RIGHTS = "{http://ns.adobe.com/xap/1.0/rights/}"
_NAMES = {
    "title": (f"{_DC}title",),
    "author": (f"{_DC}creator",),
    "publisher": (f"{_DC}publisher",),
    "licence": (f"{_RIGHTS}UsageTerms", f"{_DC}rights", f"{_RIGHTS}WebStatement"),
}


def read_xmp(file: str) -> dict[str, str]:
    """Return title, author, publisher and licence from a PDF's XMP; missing ones are left out.

    The XMP of pictures inside the PDF is ignored.
    """
    try:
        with (
            Path(file).open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            return _xmp_properties(_packet(data))
    except (OSError, ValueError):
        return {}


def _packet(data: mmap.mmap) -> bytes:
    """Return the last XMP packet of the document; empty if there is none."""
    at = data.rfind(_BEGINS)
    while at >= 0:
        end = data.find(_ENDS, at, at + MAX_PACKET_BYTES)
        if end >= 0 and _OF_DOCUMENT.search(data[max(0, at - BYTES_BEFORE_PACKET) : at]):
            return data[at : end + len(_ENDS)]
        at = data.rfind(_BEGINS, 0, at)
    return b""


def _xmp_properties(packet: bytes) -> dict[str, str]:
    try:
        tree = ElementTree.fromstring(packet)  # noqa: S314 (in the limited child)
    except ElementTree.ParseError:
        return {}
    found: dict[str, str] = {}
    for name, tags in _NAMES.items():
        for tag in tags:
            if name not in found and (text := _property_text(tree, tag)):
                found[name] = text[:500]
    return found


def _property_text(tree: ElementTree.Element, tag: str) -> str:
    """Return the text of a property in any of its RDF forms."""
    for described in tree.iter(f"{_RDF}Description"):
        if attribute := described.get(tag, "").strip():
            return attribute
        for element in described.iter(tag):
            items = [" ".join((item.text or "").split()) for item in element.iter(f"{_RDF}li")]
            text = ", ".join(dict.fromkeys(filter(None, items))) or (element.text or "").strip()
            if text:
                return text
    return ""
