"""Write raised and lowered text as characters: exponents, indices, ordinals, calls of notes.

A raised digit is an exponent ("10⁶", "m²"), the call of a note ("2015 [1]"), or it cannot be told:
then it stands in raised brackets ("62⁽³⁾"), which no number contains. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from itertools import groupby

from wikico2.text.exponents import DOUBTFUL

__all__ = [
    "DOUBTFUL",
    "MAX_SHIFTED",
    "SUBSCRIPTS",
    "SUPERSCRIPTS",
    "Piece",
    "lower_text",
    "raise_text",
    "typed_note",
    "write_paragraph",
    "write_pieces",
]

SUPERSCRIPTS = str.maketrans("0123456789+-−–=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾ⁿ")
SUBSCRIPTS = str.maketrans("0123456789+-−–=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₋₌₍₎")
CONTEXT = 24
"""Characters before and after raised text that decide what it is; bounds the cost."""

MAX_SHIFTED = 40
"""Characters above which raised or lowered text is a layout, neither exponent nor call."""

_ORDINAL = re.compile(r"(?i)(?:i?[eè]re?s?|[eè]mes?|es?|ers?|res?|nde?s?|ds?|[oa]s?|st|th|rd)\Z")
_NUMBER = re.compile(r"\d{1,3}\Z")
_SIGNED = re.compile(r"(?:[+\-−–](?:\d{1,3}|n)?|\dn?[+\-−–]|n(?:[+\-−–]\d{1,2})?)\Z")
"""An exponent that is no note's number: "-1", "-n", "n+1", or the charge of an ion, "2+"."""
_SUM = re.compile(r"-?[a-zA-Z](?:[+\-−–](?:\d{1,3}|[a-zA-Z]))\Z")
_DECIMAL = re.compile(r"[\-−–]?0[,.]\d{1,3}\Z")
_CALL = re.compile(r"[\[(]?(?:\d{1,3}|[a-z*†‡]{1,3})[\])]?\Z")
_CALLS = re.compile(r"[\[(]?\d{1,3}[\])]?(?:\s?[,;–-]\s?[\[(]?\d{1,3}[\])]?)+\Z")
_LENGTH = re.compile(r"(?:^|[\d\s/.·*(\[×x-])(?:da|[kcmdµhnMGN])?m\Z")
_CHEMICAL = re.compile(r"(?:CO|NO|SO|CH|SF|NH|CF|NF|PM)\Z")
_POWER = re.compile(r"(?:^|[^\d,.\u202f\xa0]|[×x*.·]\s?)10\Z")
_FACTOR = re.compile(r"[×x*·]\s?10\Z")
_USUAL_POWERS = frozenset({"3", "6", "9", "12", "15", "18"})
_UNIT_AFTER = re.compile(
    r"\s?(?:[kMGTµm]?(?:Wh?|J|tep|t(?:CO|[ée]q|\b)|€|g\b|m\b|m[²³]|Pa\b|Hz\b)|unités|euros?|ppm)"
)
_VARIABLE = re.compile(
    r"(?:\A|[^\w°%’'])[^\W\d_àâéèêùÀaAyYôÔ]\Z|\([^()]{0,20}(?:[+−×*]| [-–/] )[^()]{0,20}\)\Z"
)
"""A variable of one letter, or a sum or product in brackets."""
_UNIT_OF_NUMBER = re.compile(r"\d\s?[^\W\d_ms]\Z")
_WORD_END = re.compile(r"(?:[^\W\d_]|[₀-₉⁰-⁹²³%€°’'!?…«»“”\")\].,;:])\Z")


def raise_text(text: str, before: str, after: str = "", *, notes: Container[str] = ()) -> str:
    """Return raised `text` as it is written in plain text between `before` and `after`.

    `notes` holds the numbers and signs of the notes that the page, or the document, has.
    """
    raised = text.strip()
    before, after = before[-CONTEXT:], after[:CONTEXT]
    if len(bare := raised.rstrip(" |,.;:")) < len(raised) and bare and len(raised) <= CONTEXT:
        end = raised[len(bare) :]
        return raise_text(bare, before, end + after, notes=notes) + end
    if not raised or not (before.strip() or raised.isdigit()):
        return text
    if _DECIMAL.match(raised):
        return f"^{raised}"
    if _CALLS.match(raised):
        return _calls(re.findall(r"\d+", raised), before)
    if raised[0].isalpha() and _ORDINAL.match(raised) and not _is_word_end(before, raised, notes):
        return text
    if _SIGNED.match(raised) and (before[-1:].isalnum() or before[-1:] in ")]₀₁₂₃₄₅₆₇₈₉"):
        return raised.translate(SUPERSCRIPTS)
    if _SUM.match(raised) and (before[-1:].isalnum() or before[-1:] in ")]"):
        return f"^({raised})"
    if _NUMBER.match(raised):
        return _raised_number(raised, before.rstrip(), after, notes, before)
    sign = raised.strip("[]()")
    if _CALL.match(raised) and (sign.isdigit() or sign in notes or "[" in raised):
        return _calls([sign], before)
    if raised.isdecimal():
        return f"⁽{raised.translate(SUPERSCRIPTS)}⁾"
    return text


def _calls(signs: Iterable[str], before: str) -> str:
    """Return the calls of notes, apart from the text before them."""
    calls = " ".join(f"[{sign}]" for sign in signs)
    return calls if not before.strip() or before[-1].isspace() else f" {calls}"


def lower_text(text: str) -> str:
    """Return lowered `text` as it is written in plain text: "CO₂"; letters stay as they are."""
    lowered = text.strip()
    return text.translate(SUBSCRIPTS) if re.fullmatch(r"[\d+\-−–=()]+", lowered) else text


def _is_word_end(before: str, raised: str, notes: Container[str]) -> bool:
    """Tell whether raised letters after a word are the call of a note, not an ordinal's end."""
    return raised in notes and not re.search(r"[\dIVXLC]\Z|\b[nN]\Z", before)


def _raised_number(raised: str, word: str, after: str, notes: Container[str], before: str) -> str:
    """Return a raised number after `word`, which is `before` without the space at its end."""
    exponent = raised.translate(SUPERSCRIPTS)
    doubtful, call = f"⁽{exponent}⁾", _calls([raised], before)
    is_note = raised in notes
    if not word:
        return f"{call} " if after[:1].isalpha() else call
    if raised in {"2", "3"} and _LENGTH.search(before):
        return exponent
    if raised[0] in "23" and raised[1:] in notes and _LENGTH.search(before):
        return f"{exponent[0]} [{raised[1:]}]"  # an exponent, then a call
    if raised in {"2", "3", "4", "6"} and _CHEMICAL.search(before):
        return exponent  # an index, which its author has raised
    if _POWER.search(before):
        likely = _UNIT_AFTER.match(after) or _FACTOR.search(before)
        if raised in {"0", "1"}:
            return call if is_note else doubtful
        return exponent if likely or (raised in _USUAL_POWERS and not is_note) else doubtful
    if is_note:
        return call
    if word[-1].isdecimal():
        return doubtful
    if raised != "1" and len(raised) == 1 and _VARIABLE.search(before):
        return doubtful if _UNIT_OF_NUMBER.search(before) else exponent
    return call if _WORD_END.search(word) else doubtful


Piece = tuple[str, int]
"""Text, and its shift: 1 raised, -1 lowered, 0 on the line."""


def write_pieces(pieces: Iterable[Piece], *, notes: Container[str] = ()) -> str:
    """Return successive pieces of a paragraph as plain text; see `raise_text`, `lower_text`."""
    merged = _with_fractions(
        [
            ("".join(text for text, _ in group), shift)
            for shift, group in groupby((p for p in pieces if p[0]), key=lambda piece: piece[1])
        ]
    )
    written: list[str] = []
    before = ""
    for at, (text, shift) in enumerate(merged):
        if shift and len(text) <= MAX_SHIFTED and (bare := text.strip()):
            lead, _, trail = text.partition(bare)
            after = trail + (merged[at + 1][0][:CONTEXT] if at + 1 < len(merged) else "")
            bare = (
                raise_text(bare, before + lead, after, notes=notes)
                if shift > 0
                else lower_text(bare)
            )
            text = lead + bare + trail
        written.append(text)
        before = (before + text)[-CONTEXT:]
    return "".join(written)


def _with_fractions(pieces: Sequence[Piece]) -> list[Piece]:
    """Write each raised number over a lowered one on the line: "3 1/2" is no 3 with a call."""
    written: list[Piece] = []
    at = 0
    while at < len(pieces):
        bar = pieces[at + 1 : at + 3]
        is_fraction = pieces[at][1] > 0 and len(bar) == 2 and bar[1][1] < 0 and bar[0][1] == 0
        if is_fraction and bar[0][0].strip() in ("/", "⁄"):
            over, under = pieces[at][0].strip(), bar[1][0].strip()
            if _NUMBER.match(over) and _NUMBER.match(under):
                apart = " " if written and written[-1][0][-1:].isdigit() else ""
                written.append((f"{apart}{over}/{under}", 0))
                at += 3
                continue
        written.append(pieces[at])
        at += 1
    return written


def write_paragraph(pieces: Sequence[Piece], *, notes: Container[str] = ()) -> tuple[str, str]:
    """Return the text of a paragraph, and its number or sign if it is a note, typed with a raised
    one before it: "¹ Source" is ("[1] Source", "1")."""
    sign = typed_note(pieces)
    if not sign:
        return write_pieces(pieces, notes=notes), ""
    at = next(i for i, (text, _) in enumerate(pieces) if text.strip())
    while at < len(pieces) and (pieces[at][1] > 0 or not pieces[at][0].strip()):
        at += 1
    return f"[{sign}] {write_pieces(pieces[at:], notes=notes).lstrip()}", sign


def typed_note(pieces: Sequence[Piece]) -> str:
    """Return the number or sign of the note that a paragraph is, `""` if it is none."""
    start: list[str] = []
    rest = ""
    for text, shift in pieces:
        if text.strip() and shift <= 0:
            rest = text
            break
        start.append(text)
    sign = "".join(start).strip().strip("[]().")
    if not sign or not re.fullmatch(r"\d{1,3}|[a-z]|[*†‡]{1,3}", sign):
        return ""
    apart = start[-1][-1:].isspace() or not rest[:1].isalnum() or rest[:1].isupper()
    return sign if rest and (apart or len(sign) < 3) else ""
