"""Find a quote in a text, whatever its typography, for verdicts and for highlights. Pure.

Case, accents, ligatures, quotation marks, hyphens, spaces and other punctuation do not count. What
changes a number or a unit does: its digits, decimal point, sign and exponent, what stands between
two numbers, and signs such as %, € or /. A match begins and ends at the ends of words and numbers.
"""

import re
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from wikico2.text.normalize import LETTERS

SHORTEST_PART = 12
"""Minimum folded characters of each part of a quote that has « […] » between its parts."""

MOST_PARTS = 200
"""Parts of a quote that are looked for one by one."""

TRIES = 8
"""Occurrences looked for one by one, before the rest is found in one pass."""

_SAME = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\x02\ufffe", "-"),
        "º": "°", "％": "%", "’": "'", "∕": "/", "⁄": "/",
    }
)  # fmt: skip
_IDEOGRAPH = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # written without spaces
_MARK = (
    "\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u064b-\u065f\u0900-\u109f"
    "\u200b-\u200d\u2060\u20d0-\u20f0"
)
_WORD = rf"[^\W_{_IDEOGRAPH}](?:[^\W_{_IDEOGRAPH}]|[{_MARK}⁺⁻])*"
_TOKEN = re.compile(
    rf"""
    (?: (?<![\w)\]%°]) (?: -(?=\d) | (?<!\d[ ])[−+±][ ]?(?=\d) ) )?   # the sign of a number
    (?: \d{{1,3}} (?:[ ']\d{{3}})+ (?!\d) | {_WORD} )                 # 1 234, or a word
    (?: (?<=\d)[.,](?=\d) {_WORD} )*                                  # 1,5 and 12.03.2021
  | [{_IDEOGRAPH}] | [%‰°℃€$£¥+±−×÷=<>≤≥≠/]
    """,
    re.VERBOSE,
)
_RAISED = re.compile(r"(?<![^\W\d_])[⁺⁻]?[⁰¹²³⁴-⁹]+")
_FRACTION = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")
_GROUPS = re.compile(r"[-+±−]? ?[1-9]\d{0,2}(?:[.,]\d{3})+(?!\d)")
_JOINING = re.compile(r" *+(?:([-:^])\s*+|\[)")  # "[" calls a note: 2015 [1], as 2015¹
_CUT = re.compile(r"\[ ?(?:…|\.{3,}) ?\]|\( ?(?:…|\.{3,}) ?\)|…|\.{3,}")
_PART_END = re.compile(r"\n+|\s\|\s|(?<=[.;:!?])\s+")
_PUNCTUATION = re.compile(r"[\W_]*")


class Span(NamedTuple):
    """A range of characters from `start` (inclusive) to `end` (exclusive)."""

    start: int
    end: int


def find_quote(text: str, quote: str, *, in_parts: bool = False) -> list[Span]:
    """Return where a quote stands in a text, [] if it does not, in linear time.

    There is one span, or one for each part of a quote that has « […] » or « … » between its parts;
    they must follow each other. A number matches the same number, with or without spaces between
    its thousands; the numbers of two cells match two numbers.

    With `in_parts` a quote that is not found whole, since it continues on another page or holds the
    heading of its table again, is looked for by cells, lines and sentences, then by halves.
    """
    found = _find_whole(text, quote)
    for cut in (_split_parts, _halve) if in_parts and not found else ():
        parts = [part for part in cut(quote)[:MOST_PARTS] if len(part) >= SHORTEST_PART]
        found = found or [span for part in parts for span in _find_whole(text, part)]
    return found


def _split_parts(quote: str) -> list[str]:
    return _PART_END.split(quote)


def _halve(quote: str) -> list[str]:
    middle = quote.find(" ", len(quote) // 2)
    return [quote[:middle], quote[middle:]] if middle > 0 else []


def _find_whole(text: str, quote: str) -> list[Span]:
    for joined in (True, False):
        folded = fold_quote_text(text, joined=joined)
        wanted = fold_quote_text(quote, joined=joined).folded
        if not joined and " " not in wanted:
            break
        if span := folded.find(wanted, 0):
            return [_include_punctuation(text, span, quote)]
        parts = [part for part in _CUT.split(quote) if fold_quote_text(part, joined=joined).folded]
        if spans := _find_parts(folded, parts, joined=joined):
            return [_include_punctuation(text, *one) for one in zip(spans, parts, strict=True)]
    return []


class FoldedText:
    """The words and numbers of a text, folded for comparison and joined, with their places."""

    def __init__(self, text: str, *, joined: bool) -> None:
        """Fold a text; `joined` writes 1 234 as 1234, else as two numbers."""
        pieces: list[str] = []
        self._begins, self._ends = array("Q"), array("Q")  # of each token, in `folded`
        self._starts, self._stops = array("Q"), array("Q")  # in the text
        length = last = 0
        digit = False  # whether the token before ends with a digit
        text = text.translate(_SAME)
        for match in _TOKEN.finditer(text):
            start, stop = match.span()
            piece = fold_token(match[0], joined=joined)
            if digit and piece[:1] in "0123456789-" and text[start] not in "+±/":
                joining = _JOINING.fullmatch(text, last, start)
                pieces.append((joining[1] or "^") if joining else " ")
                length += 1
            pieces.append(piece)
            self._begins.append(length)
            length += len(piece)
            self._ends.append(length)
            self._starts.append(start)
            self._stops.append(stop)
            last, digit = stop, piece[-1:].isdigit()
        self.folded = "".join(pieces)

    def find(self, wanted: str, after: int) -> Span | None:
        """Return where folded words first stand, from `after` in the text on; None if nowhere."""
        first = bisect_left(self._starts, after)
        if not wanted or first == len(self._starts):
            return None
        for at in occurrences(self.folded, wanted, self._begins[first]):
            begin, end = bisect_left(self._begins, at), bisect_left(self._ends, at + len(wanted))
            is_token = self._begins[begin : begin + 1] == array("Q", [at])
            if is_token and self._ends[end] == at + len(wanted):
                return Span(self._starts[begin], self._stops[end])
        return None


@lru_cache(maxsize=1024)  # each save of a sheet checks the same pages and passages
def fold_quote_text(text: str, *, joined: bool = True) -> FoldedText:
    """Return a text folded for the comparison of quotes."""
    return FoldedText(text, joined=joined)


@lru_cache(maxsize=65536)
def fold_token(token: str, *, joined: bool) -> str:
    """Return a word, number or sign without case, accents and typography.

    A raised digit stays one after a digit (10⁶ is not 106), not after a letter (m² is m2). A
    decimal point is a comma, except before three digits, where it may group thousands.
    """
    if not token.isascii():
        token = _FRACTION.sub("+", token)
        token = _RAISED.sub(lambda m: f"^{m[0]}", token).translate(LETTERS)
        plain = unicodedata.normalize("NFKD", token.casefold()).translate(_SAME)
        token = "".join(c for c in plain if unicodedata.category(c) not in {"Mn", "Cf"})
        token = token.replace("−", "-")
    token = token.casefold()
    if token[:1].isalpha() or token.isalpha():
        return token
    if token[1:2] == " ":
        token = token[0] + token[2:]
    token = token.replace(" ", "").replace("'", "") if joined else token.replace("'", " ")
    return token if _GROUPS.match(token) else token.replace(".", ",")


def occurrences(text: str, wanted: str, start: int) -> Iterator[int]:
    """Yield where `wanted` stands in `text` from `start` on, overlaps included, in linear time."""
    at = text.find(wanted, start)
    for _ in range(TRIES):
        if at < 0:
            return
        yield at
        at = text.find(wanted, at + 1)
    if at < 0:
        return
    borders = border_lengths(wanted)
    matched = 0
    for end in range(at, len(text)):
        while matched and (matched == len(wanted) or wanted[matched] != text[end]):
            matched = borders[matched - 1]
        matched += wanted[matched] == text[end]
        if matched == len(wanted):
            yield end + 1 - matched


def border_lengths(wanted: str) -> list[int]:
    """Return for each prefix the length of the longest proper prefix that also ends it."""
    borders = [0] * len(wanted)
    length = 0
    for end in range(1, len(wanted)):
        while length and wanted[length] != wanted[end]:
            length = borders[length - 1]
        length += wanted[length] == wanted[end]
        borders[end] = length
    return borders


def _find_parts(folded: FoldedText, parts: Sequence[str], *, joined: bool) -> list[Span]:
    """Return where the parts of a quote stand one after the other; [] unless all do."""
    wanted = [fold_quote_text(part, joined=joined).folded for part in parts]
    if len(parts) < 2 or min(map(len, wanted)) < SHORTEST_PART:
        return []
    spans: list[Span] = []
    for part in wanted:
        span = folded.find(part, spans[-1].end if spans else 0)
        if span is None:
            return []
        spans.append(span)
    return spans


def _include_punctuation(text: str, span: Span, quote: str) -> Span:
    """Extend a span by the punctuation, such as « or ®, that also surrounds the quote."""
    start, end = span
    head, tail = (_PUNCTUATION.match(read) for read in (quote.strip(), quote.strip()[::-1]))
    before, after = (match[0] if match else "" for match in (head, tail))
    if text.endswith(before, 0, start):
        start -= len(before)
    if text.startswith(after[::-1], end):
        end += len(after)
    return Span(start, end)
