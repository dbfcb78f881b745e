"""Turn bytes into text: by their mark, by what the file states, else by what they look like."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_STATED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""")
_GUESSED = 100_000
_SAFE = {"utf7", "utf_7", "utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape"}


def decode_text(data: bytes, *, states_encoding: bool = False) -> str:
    """Return the text of a file, its line ends made one; a byte that fits nowhere is replaced.

    `states_encoding` lets the first bytes name the encoding, as in HTML.
    """
    text = _decoded(data, states_encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _decoded(data: bytes, states_encoding: bool) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.removeprefix(codecs.BOM_UTF8).decode(encoding, "replace")
    stated = _STATED.search(data[:2048]) if states_encoding else None
    for encoding in ("utf-8", stated.group(1).decode() if stated else ""):
        if encoding and _is_known(encoding):
            try:
                return data.decode(encoding)
            except (UnicodeDecodeError, LookupError):
                continue
    return _guessed(data)


def _is_known(encoding: str) -> bool:
    if encoding.lower() in _SAFE:
        return False
    try:
        return codecs.lookup(encoding)._is_text_encoding
    except LookupError:
        return False


def _guessed(data: bytes) -> str:
    """Decode old text; what is short, or French by its accents, is Windows-1252."""
    text = data.decode("cp1252", "replace")
    accents = len(re.findall(r"[éèêàçùôîâëïœÉÈÀÇ’«»]", text))
    others = sum(ord(char) > 127 for char in text) - accents
    if accents >= others:
        return text
    from charset_normalizer import from_bytes  # here: most files never need it

    best = from_bytes(data[:_GUESSED]).best()
    return data.decode(best.encoding, "replace") if best else text
