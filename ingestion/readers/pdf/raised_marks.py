"""Mark raised and lowered text inside a line until its paragraph and the notes are known.

The marks are control characters, which `repair_text` removes from the text of any file.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from ingestion.readers.repair.raised import Piece, write_pieces

RAISED, LOWERED, END = "\x11", "\x12", "\x13"

MAX_SIZE_RATIO = 0.92
"""Maximum ratio of the size of raised or lowered text to that of its line, if shifted a little."""

MIN_RISE, MIN_DROP, MAX_SHIFT = 0.12, 0.05, 0.8
"""Bounds of the shift of a baseline, in multiples of the font size of the line."""

SAME_SIZE_SHIFT = 0.25
"""Shift from which text in the size of its line is raised or lowered."""

MAX_LENGTH = 16
"""Characters above which shifted text is a line of its own."""

_TYPED = "(?<![⁰-⁹¹²³⁺⁻⁽])[⁰-⁹¹²³]{1,3}(?![⁰-⁹¹²³⁾ⁿ])"
_MARKED = re.compile(f"{RAISED}([^{END}]*){END}|{LOWERED}([^{END}]*){END}|({_TYPED})")
_MARKS = re.compile(f"[{RAISED}{LOWERED}{END}]")
_CALLED = re.compile(
    f"(?<=\\S)\\s?(?:{RAISED}([^{END}]*){END}|[(\\[](\\d{{1,3}}|\\*{{1,3}})[)\\]]|([¹²³⁴⁵⁶⁷⁸⁹⁰]+))"
)
_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_CALL = re.compile(r"[\[(]?(?:\d{1,3}|[a-z]|[*†‡]{1,3})(?:\s?[,;–-]\s?\d{1,3})*[\])]?\Z")
_RAISED_START = re.compile(f"{RAISED}([^{END}]*){END}")


def mark_text(text: str, shift: int) -> str:
    """Mark text that is raised (shift above 0) or lowered (below 0); marks do not nest."""
    inner = _MARKS.sub("", text)
    return f"{RAISED if shift > 0 else LOWERED}{inner}{END}" if shift and inner else text


def join_marks(text: str) -> str:
    """Make one of neighbouring parts that are raised, or lowered, alike."""
    for mark in (RAISED, LOWERED):
        text = text.replace(END + mark, "").replace(f"{END} {mark}", " ")
    return text


def without_marks(text: str) -> str:
    return _MARKS.sub("", text) if END in text else text


def baseline_shift(size: float, baseline: float, line_size: float, line_baseline: float) -> int:
    """Tell whether text is raised (1), lowered (-1) or neither (0) on a line; y downwards."""
    rise = (line_baseline - baseline) / line_size if line_size > 0 else 0.0
    smaller = size <= MAX_SIZE_RATIO * line_size
    if abs(rise) > MAX_SHIFT or size > 1.05 * line_size:
        return 0
    if rise >= (MIN_RISE if smaller else SAME_SIZE_SHIFT):
        return 1
    return -1 if -rise >= (MIN_DROP if smaller else SAME_SIZE_SHIFT) else 0


def may_be_shifted(text: str, before: str, *, smaller: bool) -> bool:
    """Tell whether text on another baseline belongs to the text `before` it, as what it shifts.

    A fraction or a formula of several lines has text on other baselines too: only calls of notes
    stand apart from a word, and text in the size of its line is short.
    """
    if not before or before[-1].isspace():
        after_word = smaller or (len(text) <= 2 and before.rstrip()[-2:].isalpha())
        return after_word and _CALL.match(text.strip()) is not None
    if before[-1] in "([{":
        return False
    return smaller or (len(text) <= 3 and (before[-1].isalnum() or before[-1] in ")]»”"))


def raised_start(text: str) -> str:
    """Return the raised text that a line begins with; empty if it begins otherwise."""
    match = _RAISED_START.match(text)
    return match.group(1) if match else ""


def called_notes(text: str) -> Iterator[str]:
    """Yield the numbers and signs of a line that may be calls: raised, or in brackets."""
    for match in _CALLED.finditer(text):
        yield from re.findall(
            r"\d{1,3}|[a-z*†‡]{1,3}", (match[1] or match[2] or match[3]).translate(_DIGITS)
        )


def write_marked(text: str, notes: Container[str] = ()) -> str:
    """Replace the marks of a paragraph by what they mean: exponents, indices, calls of notes.

    Superscript digits of the file itself are read in the same way, since fonts have ¹, ² and ³.
    """
    return write_pieces(_pieces(text), notes=notes)


def _pieces(text: str) -> Iterator[Piece]:
    position = 0
    for match in _MARKED.finditer(text):
        yield text[position : match.start()], 0
        if match[2] is not None:
            yield match[2], -1
        else:
            yield match[1] or match[3].translate(_DIGITS), 1
        position = match.end()
    yield text[position:], 0
