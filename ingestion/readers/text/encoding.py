"""Decode bytes into text by their byte order mark, the declared encoding, else a guess."""

from __future__ import annotations

import codecs
import re

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""")
_DETECTION_BYTES = 100_000
_UNSAFE = {"utf7", "utf_7", "utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape"}


def decode_text(data: bytes, *, states_encoding: bool = False) -> str:
    """Return the text of a file, with line feeds as line ends; undecodable bytes are replaced.

    `states_encoding` uses the encoding declared in the first bytes, as in HTML.
    """
    text = _decode(data, states_encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _decode(data: bytes, states_encoding: bool) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.removeprefix(codecs.BOM_UTF8).decode(encoding, "replace")
    declared = _DECLARED.search(data[:2048]) if states_encoding else None
    for encoding in ("utf-8", declared.group(1).decode() if declared else ""):
        if encoding and _is_known(encoding):
            try:
                return data.decode(encoding)
            except (UnicodeDecodeError, LookupError):
                continue
    return _guess_and_decode(data)


def _is_known(encoding: str) -> bool:
    if encoding.lower() in _UNSAFE:
        return False
    try:
        return codecs.lookup(encoding)._is_text_encoding
    except LookupError:
        return False


def _guess_and_decode(data: bytes) -> str:
    """Decode text of unknown encoding; Windows-1252 if French accents dominate, else detected."""
    text = data.decode("cp1252", "replace")
    accents = len(re.findall(r"[éèêàçùôîâëïœÉÈÀÇ’«»]", text))
    others = sum(ord(char) > 127 for char in text) - accents
    if accents >= others:
        return text
    from charset_normalizer import from_bytes  # imported late: most files do not need it

    best = from_bytes(data[:_DETECTION_BYTES]).best()
    return data.decode(best.encoding, "replace") if best else text
