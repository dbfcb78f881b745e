"""Decode bytes into text by evidence: byte order mark, valid UTF-8, zeros of UTF-16, letters.

An encoding of one byte per character is chosen by how well the letters and signs that it gives
stand in French words; a declared encoding is believed unless another gives clearly better French.
"""

from __future__ import annotations

import codecs
import re
from itertools import islice

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""")
_UNSAFE = {"utf7", "utf_7", "utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape"}
_WIDE = ("utf-16", "utf-32")
"""Encodings that no declaration of one byte per character can be written in."""

_AS_BROWSERS_DO = {"iso8859-1": "cp1252", "ascii": "cp1252"}
"""What pages that declare these encodings are really written in."""

_CANDIDATES = ("cp1252", "iso8859-15", "mac_roman", "cp850")
_DETECTION_BYTES = 100_000
_SAMPLE_WORDS = 4_000
_WORD_BYTES = 60
_MOST_INVALID = 0.1
"""Share of invalid sequences among those of more than one byte up to which text is UTF-8."""

_WIDE_ZEROS, _WIDE_OTHERS = 0.4, 0.1
"""UTF-16 has at least and at most these shares of zeros among its bytes of even and odd place."""

_COMMON = frozenset("éèêàçôîâùûœ’")
_LETTERS = frozenset("ëïüÿæÉÈÊÀÇÔÎÂÙÛŒËÏÜŸÆ")
_SIGNS = frozenset("«»“”‘–—…•€°·µ±×²³½¼¾§©®™≥≤≠Ω→ªº¹‰\xa0\u202f")
_FAIR, _CLEARLY, _SURELY = 0.2, 0.4, 0.6
_MANY_SIGNS = 5
_USUAL = re.compile(r"[\xa0-\u024f\u2000-\u22ff]")
"""Signs of western languages: a few others alone may be two letters of Mac Roman ("d’é")."""

_FEW_BYTES = 8
"""High bytes below which only the usual encodings are tried: no statistics can tell others."""


def decode_text(data: bytes, *, states_encoding: bool = False) -> str:
    """Return the text of a file, with line feeds as line ends; undecodable bytes are replaced.

    `states_encoding` takes the encoding declared in the first bytes into account, as in HTML.
    """
    declared = _DECLARED.search(data[:2048]) if states_encoding else None
    return decode_declared(data, declared.group(1).decode() if declared else "")


def decode_declared(data: bytes, declared: str) -> str:
    """Return the text of bytes that are said to be in an encoding, or `""` if none is named."""
    text = _decode(data, _known_encoding(declared))
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _decode(data: bytes, declared: str) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.removeprefix(codecs.BOM_UTF8).decode(encoding, "replace")
    if encoding := _wide_encoding(data):
        return data.decode(encoding, "replace")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return text if _is_likely_utf8(text) else _decode_unless_worse(data, text)
    if declared and _is_multibyte(declared):
        try:
            return data.decode(declared)
        except (UnicodeDecodeError, LookupError):
            declared = ""
    if _is_mostly_utf8(data):
        return data.decode("utf-8", _AS_CP1252)
    return data.decode(_guess_encoding(data, declared), "replace")


def _known_encoding(name: str) -> str:
    """Return the standard name of an encoding of text, `""` if it is unknown or unsafe."""
    if not name or name.lower() in _UNSAFE:
        return ""
    try:
        known = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    if not known._is_text_encoding or known.name.startswith(_WIDE):
        return ""
    return _AS_BROWSERS_DO.get(known.name, known.name)


def _is_multibyte(encoding: str) -> bool:
    """Tell whether some characters of an encoding take more than one byte."""
    try:
        return len(bytes(range(256)).decode(encoding, "replace")) != 256
    except (LookupError, UnicodeError):
        return True


def _wide_encoding(data: bytes) -> str:
    """Return the UTF-16 or UTF-32 that text without a mark is in, by its zeros; `""` if none."""
    sample = data[: _DETECTION_BYTES // 4 * 4]
    if len(sample) < 4 or b"\0" not in sample:
        return ""
    zeros = [sample[i::4].count(0) / len(sample[i::4]) for i in range(4)]
    if min(zeros[1:]) > _WIDE_ZEROS and zeros[0] < _WIDE_OTHERS:
        return _if_text(data, "utf-32-le")
    if min(zeros[:3]) > _WIDE_ZEROS and zeros[3] < _WIDE_OTHERS:
        return _if_text(data, "utf-32-be")
    if min(zeros[1], zeros[3]) > _WIDE_ZEROS and max(zeros[0], zeros[2]) < _WIDE_OTHERS:
        return _if_text(data, "utf-16-le")
    if min(zeros[0], zeros[2]) > _WIDE_ZEROS and max(zeros[1], zeros[3]) < _WIDE_OTHERS:
        return _if_text(data, "utf-16-be")
    return ""


def _if_text(data: bytes, encoding: str) -> str:
    """Return the encoding if the first bytes are text in it, without control characters."""
    text = data[: _DETECTION_BYTES // 4 * 4].decode(encoding, "replace")
    controls = sum(char < " " and char not in "\t\n\r\f" for char in text)
    return encoding if controls + text.count("\ufffd") <= len(text) / 100 + 1 else ""


def _is_likely_utf8(text: str) -> bool:
    """Tell whether valid UTF-8 is no accident: it has no sign, a usual one, or many."""
    others = list(islice((char for char in text if char > "\x7f"), _MANY_SIGNS))
    return not others or len(others) == _MANY_SIGNS or any(map(_USUAL.match, others))


def _decode_unless_worse(data: bytes, text: str) -> str:
    """Return the text in the encoding of one byte per character that gives French, else `text`."""
    words = _words_with_high_bytes(data)
    best = _best_candidate(words)
    return data.decode(best, "replace") if _french_score(words, best) > _SURELY else text


def _is_mostly_utf8(data: bytes) -> bool:
    """Tell whether nearly all sequences of more than one byte are valid UTF-8."""
    decoded = data.decode("utf-8", "replace")
    invalid = decoded.count("\ufffd")
    valid = sum(char > "\x7f" for char in decoded) - invalid
    return valid > 0 and invalid <= _MOST_INVALID * valid


def _decode_as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """Decode the bytes that are not UTF-8 as Windows-1252: files put together from both exist."""
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    return bad.decode("cp1252", "replace"), error.end


_AS_CP1252 = "ingestion.cp1252"
codecs.register_error(_AS_CP1252, _decode_as_cp1252)


def _guess_encoding(data: bytes, declared: str) -> str:
    """Return the encoding of one byte per character that gives the best French.

    The declared one is kept if it is about as good; where none gives French, it is the declared
    one, else what charset-normalizer finds.
    """
    words = _words_with_high_bytes(data)
    best = _best_candidate(words)
    score = _french_score(words, best)
    if declared:
        clearly = score >= _FAIR and score > _french_score(words, declared) + _CLEARLY
        return best if clearly else declared
    if score >= _FAIR or sum(byte > 127 for byte in words) < _FEW_BYTES:
        return best
    from charset_normalizer import from_bytes  # imported late: most files do not need it

    found = from_bytes(data[:_DETECTION_BYTES]).best()
    return found.encoding if found else best


def _best_candidate(words: bytes) -> str:
    return max(_CANDIDATES, key=lambda name: _french_score(words, name))


def _words_with_high_bytes(data: bytes) -> bytes:
    """Return a sample of the words that have bytes above 127, separated by spaces."""
    words = (word[:_WORD_BYTES] for word in data.split() if not word.isascii())
    return b" ".join(islice(words, _SAMPLE_WORDS))


def _french_score(words: bytes, encoding: str) -> float:
    """Return how well the characters above 127 stand in French words, from -3 to 1 on average."""
    text = f" {words.decode(encoding, 'replace')} "
    scores = [
        _character_score(text[i - 1], text[i], text[i + 1])
        for i in range(1, len(text) - 1)
        if text[i] > "\x7f"
    ]
    return sum(scores) / len(scores) if scores else 0.0


def _character_score(before: str, char: str, after: str) -> float:
    """Return how likely a character is between its neighbours, in French and its kin."""
    if char == "\ufffd" or "\x80" <= char < "\xa0":
        return -3.0
    if char.isalpha() and char not in "ªºµΩ":
        return _letter_score(before, char, after)
    if char == "’":
        return 1.0 if before.isalpha() and after.isalpha() else 0.2
    if char not in _SIGNS:
        return -1.0
    if char in "®©™":
        return 0.6 if before.isalnum() or char == "©" else -1.0
    between_letters = before.isalpha() and after.isalpha() and char not in "–—·•\xa0\u202f"
    return -1.0 if between_letters else 0.6


def _letter_score(before: str, char: str, after: str) -> float:
    if not before.isalpha() and not after.isalpha() and before not in "'’":
        return 0.8 if char in "àÀ" else -0.5  # alone
    if (char.isupper() and before.islower()) or before.isdigit():
        return -1.0  # a capital inside a word, a letter after a digit
    if char.islower() and before.isupper() and after.isupper():
        return -1.0
    if before > "\x7f" and before.isalpha() and before != "é":
        return -1.0  # French has hardly any other accented letters side by side
    if char in _COMMON:
        return 1.0 if before.isalpha() or char in "éàœ" else 0.7
    if char in _LETTERS:
        return 0.8 if char in "ÉÀ" else 0.6
    return 0.2 if char <= "\u017f" and (before.isalpha() or after.isalpha()) else -0.5
