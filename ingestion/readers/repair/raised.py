"""Write raised and lowered text as characters: exponents, indices, ordinals, calls of notes.

A raised digit is an exponent ("10⁶", "m²"), the call of a note ("2015 [1]"), or it cannot be told:
then it stands in raised brackets ("62⁽³⁾"), which no number contains. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Container

SUPERSCRIPTS = str.maketrans("0123456789+-−–=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾ⁿ")
SUBSCRIPTS = str.maketrans("0123456789+-−–=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₋₌₍₎")
DOUBTFUL = re.compile(r"⁽[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,4}⁾")
"""A raised number that may be an exponent or the call of a note."""

CONTEXT = 24
"""Characters before and after raised text that decide what it is; bounds the cost."""

_ORDINAL = re.compile(r"(?i)(?:i?[eè]re?s?|[eè]mes?|es?|ers?|res?|nde?s?|ds?|[oa]s?|st|th|rd)\Z")
_EXPONENT = re.compile(r"[+\-−–]?\d{1,3}\Z")
_CALL = re.compile(r"[\[(]?(?:\d{1,3}|[a-z*†‡]{1,3})[\])]?\Z")
_CALLS = re.compile(r"[\[(]?\d{1,3}[\])]?(?:\s?[,;]\s?[\[(]?\d{1,3}[\])]?)+\Z")
_LENGTH = re.compile(r"(?:^|[\d\s/.·*(×]|\bkWh/|€/)(?:[kcmdµ]?m)\Z")
_POWER = re.compile(r"(?:^|[^\d,.\u202f\xa0]|[×x*.·]\s?)10\Z")
_UNIT_AFTER = re.compile(
    r"\s?(?:[kMGTµm]?(?:Wh?|J|tep|t(?:CO|[ée]q|\b)|€|g\b|m\b|m[²³]|Pa\b|Hz\b)|unités|euros?|ppm)"
)
_DIGIT_BEFORE = re.compile(r"\d\s?\Z")


def raise_text(text: str, before: str, after: str = "", *, notes: Container[str] = ()) -> str:
    """Return raised `text` as it is written in plain text between `before` and `after`.

    `notes` holds the numbers and signs of the notes that the page, or the document, has.
    """
    raised = text.strip()
    before, after = before[-CONTEXT:], after[:CONTEXT]
    if not raised or not (before.strip() or raised.isdigit()):
        return text
    if _CALLS.match(raised):
        return "".join(f" [{number}]" for number in re.findall(r"\d+", raised))
    if raised[0].isalpha() and _ORDINAL.match(raised) and not _is_word_end(before, raised, notes):
        return text
    if _EXPONENT.match(raised):
        return _raised_number(raised, before, after, notes)
    if _CALL.match(raised) and (sign := raised.strip("[]()")) and (sign in notes or "[" in raised):
        return f" [{sign}]"
    if raised.isascii() and raised.strip("()[]").isdigit():
        return f" [{raised.strip('()[]')}]"
    return text


def lower_text(text: str) -> str:
    """Return lowered `text` as it is written in plain text: "CO₂"; letters stay as they are."""
    lowered = text.strip()
    return text.translate(SUBSCRIPTS) if re.fullmatch(r"[\d+\-−–=()]+", lowered) else text


def _is_word_end(before: str, raised: str, notes: Container[str]) -> bool:
    """Tell whether raised letters after a word are the call of a note, not an ordinal's end."""
    return raised in notes and not re.search(r"[\dIVXLC]\Z|\b[nN]\Z", before)


def _raised_number(raised: str, before: str, after: str, notes: Container[str]) -> str:
    exponent = raised.translate(SUPERSCRIPTS)
    if not raised[0].isdigit():
        return exponent  # a sign: no note is called "-1"
    if raised in {"2", "3"} and _LENGTH.search(before):
        return exponent
    is_note = raised in notes
    if _POWER.search(before):
        if not is_note or _UNIT_AFTER.match(after):
            return exponent
        return f"⁽{exponent}⁾"
    if is_note:
        return f" [{raised}]"
    if _DIGIT_BEFORE.search(before):
        return f"⁽{exponent}⁾"
    if raised in {"2", "3"} and re.search(r"(?:\A|\W)[^\W\d_]\Z", before):
        return exponent  # a variable: "x²"
    if re.search(r"[^\W\d_][)»”]?[.,;:]?\Z|[)»”.,;:]\s?\Z", before):
        return f" [{raised}]" if re.search(r"\w{2}[)»”]?[.,;:]?\Z|[)»”.,;:]", before) else exponent
    return f"⁽{exponent}⁾"
