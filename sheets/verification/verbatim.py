"""Tell whether a statement is word for word in a passage: whole sentences, items or rows. Pure.

Only typography may differ: case, spaces, quotes, dashes, calls of notes, emphasis. Nothing may be
cut from a sentence, and one that leans on what stands before it comes with it.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from sheets.markdown.scanner import delimiter_cells, split_row
from sheets.markdown.sentences import (
    ITEM,
    QuotableUnit,
    has_verb,
    is_sentence,
    needs_context,
    quotable_units,
    split_sentences,
)

TOKEN = re.compile(
    r"[-−–]?\d+(?:[.,]\d+)*[⁰¹²³⁴⁵⁶⁷⁸⁹]*|[^\W\d_][\w₂²³]*|[%€$‰°<>≤≥=+×÷±?…]|[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+|[^\W_]"
)
CALL = re.compile(r"\s?\[(?:\d{1,3}|[a-z*†‡])\]|\[\^[\w-]{1,40}\]")
THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3})((?:[ \u00a0\u2009\u202f]\d{3})+)(?!\d)")
EMPHASIS = re.compile(r"\*\*|__|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)|~~|`")
TYPOGRAPHY = str.maketrans(
    {
        "’": "'", "‘": "'", "ʼ": "'", "−": "-", "–": "-", "—": "-", "‑": "-", "‐": "-",
        "\u00ad": None, "\u200b": None, "\u2060": None, "\ufeff": None, "œ": "oe", "Œ": "Oe",
        "æ": "ae", "Æ": "Ae", "₂": "2", "ﬁ": "fi", "ﬂ": "fl", "ﬀ": "ff", "ﬃ": "ffi", "ﬄ": "ffl",
    }
)  # fmt: skip
ELLIPSIS = re.compile(r"\.{3,}")
OPEN_END = re.compile(r"(?<=\betc)\.?\s?…")
"""What « etc. » already says."""

AREA = re.compile(r"(?<=m)[²³](?!\w)")

Words = tuple[str, ...]


@dataclass(frozen=True)
class Whole:
    """A whole sentence or item: its words, the indices of what it leans on (-2: out of reach)."""

    words: Words
    leans_on: int = -1
    is_heading: bool = False
    """May stand before what it is over, not alone."""


OUT_OF_REACH = -2
MOST_CHAINS = 8
"""Ways to read the beginning of a statement as wholes that are followed."""

MOST_ENDS = 64
"""Equal wholes that a statement may end with."""


@dataclass(frozen=True)
class TableWords:
    """A table: the words of its headings, and those of each cell."""

    columns: tuple[Words, ...]
    rows: tuple[tuple[Words, ...], ...]


@lru_cache(maxsize=4096)
def exact_words(text: str) -> Words:
    """Return the words, numbers and signs of a text in order, without typography.

    Accents and digits stay, punctuation and calls of notes go.
    """
    plain = CALL.sub("", unicodedata.normalize("NFC", text))
    plain = EMPHASIS.sub("", plain).translate(TYPOGRAPHY)
    plain = OPEN_END.sub("", ELLIPSIS.sub("…", plain))
    plain = THOUSANDS.sub(lambda m: m[1] + re.sub(r"\s", "", m[2]), plain)
    plain = AREA.sub(lambda m: "2" if m[0] == "²" else "3", plain)
    return tuple(match[0].casefold() for match in TOKEN.finditer(plain))


def verbatim_flaw(statement: str, passages: Sequence[str]) -> str:
    """Return "" if the statement is word for word in a passage, else why it is not.

    "leans" means that its words are there, but lean on what stands before them; "differs" that
    they are not there, or that something was cut.
    """
    words = exact_words(strip_marks(statement))
    if not words:
        return "differs"
    flaws = [_flaw(words, passage) for passage in passages]
    if rows := statement_rows(statement):
        flaws += ["" for passage in passages if _are_rows(rows, passage)]
    return min(flaws, key=("", "leans", "differs").index, default="differs")


def strip_marks(text: str) -> str:
    """Return a text without the marks of its items."""
    return "\n".join(ITEM.sub("", line) for line in text.splitlines())


def _flaw(words: Words, passage: str) -> str:
    wholes, tables = read_wholes(passage)
    if any(_is_row(words, table) for table in tables):
        return ""
    return _consists_of(words, wholes)


def _consists_of(words: Words, wholes: Sequence[Whole]) -> str:
    """Tell whether the words are a series of wholes in the passage's order, each supported."""
    starts: dict[int, set[tuple[int, ...]]] = {0: {()}}
    best = "differs"
    for at in range(len(words)):
        chains = starts.pop(at, set())
        fitting = _fitting(words, at, wholes) if chains else {}
        for used, (end, indices) in product(chains, fitting.items()):
            after = indices[bisect_left(indices, used[-1] + 1 if used else 0) :]
            if end == len(words):
                if any(_all_supported((*used, index), wholes) for index in after[:MOST_ENDS]):
                    return ""
                best = "leans" if after else best
            else:
                known = starts.setdefault(end, set())
                known.update((*used, index) for index in after[: MOST_CHAINS - len(known)])
    return best


def _fitting(words: Words, at: int, wholes: Sequence[Whole]) -> dict[int, list[int]]:
    """Return the indices of the wholes that the words go on with at a place, by where they end."""
    fitting: dict[int, list[int]] = {}
    for index, whole in enumerate(wholes):
        end = at + len(whole.words)
        if whole.words and whole.words[0] == words[at] and words[at:end] == whole.words:
            fitting.setdefault(end, []).append(index)
    return fitting


def _all_supported(chain: Sequence[int], wholes: Sequence[Whole]) -> bool:
    """Tell whether each whole comes with what it leans on, and more than headings is said."""
    supported = all(wholes[i].leans_on == -1 or wholes[i].leans_on in chain for i in chain)
    return supported and not all(wholes[i].is_heading for i in chain)


@lru_cache(maxsize=1024)
def read_wholes(passage: str) -> tuple[tuple[Whole, ...], tuple[TableWords, ...]]:
    """Return the whole sentences and items of a passage, and its tables."""
    wholes: list[Whole] = []
    tables: list[TableWords] = []
    leads: dict[str, int] = {}
    previous = heading = ""
    for unit in quotable_units(passage):
        if unit.heading != heading:
            heading = unit.heading
            words = exact_words(heading)
            wholes.append(Whole(words, is_heading=heading.endswith(":") or not has_verb(heading)))
        if unit.kind == "table":
            tables.append(_rows(unit))
            continue
        if unit.kind == "item":
            wholes.extend(_item_wholes(unit, leads, len(wholes)))
            previous = unit.text
            continue
        leans = needs_context(unit.text)
        on = len(wholes) - 1 if previous else OUT_OF_REACH
        wholes.append(Whole(exact_words(unit.text), on if leans else -1))
        leads[unit.text] = len(wholes) - 1
        previous = unit.text
    for line in passage.splitlines():  # a heading that is a sentence, a line without a full stop
        text = ITEM.sub("", line.strip())
        words = () if text.startswith("|") else exact_words(text)
        if len(words) > 3 and all(words != whole.words for whole in wholes):
            wholes.extend(_line_wholes(text, words))
    return tuple(wholes), tuple(tables)


def _line_wholes(text: str, words: Words) -> Iterator[Whole]:
    if text[0].isupper() and not needs_context(text) and len(list(split_sentences(text))) == 1:
        yield Whole(words, is_heading=text.endswith(":") or not has_verb(text))


def _item_wholes(unit: QuotableUnit, leads: dict[str, int], start: int) -> Iterator[Whole]:
    """Yield the sentences of an item; what is no sentence leans on the item's lead-in."""
    lead = leads.get(unit.lead_in, OUT_OF_REACH) if unit.lead_in else -1
    for offset, sentence in enumerate(split_sentences(unit.text)):
        leans = needs_context(sentence) if offset else not is_sentence(sentence)
        on = (start + offset - 1 if offset else lead) if leans else -1
        yield Whole(exact_words(sentence), on)


# --- Rows ------------------------------------------------------------------------------------


def _rows(unit: QuotableUnit) -> TableWords:
    return TableWords(
        tuple(exact_words(column) for column in unit.columns),
        tuple(tuple(exact_words(cell) for cell in row) for row in unit.rows),
    )


def is_row(cells: Sequence[str], passage: str) -> bool:
    """Tell whether cells, under headings of their own, are a whole row of a passage's table."""
    words = tuple(exact_words(cell) for cell in cells)
    filled = tuple(cell for cell in words if cell)
    return len(filled) > 1 and any(
        filled == tuple(cell for cell in row if cell)
        for table in read_wholes(passage)[1]
        for row in table.rows
    )


def _is_row(words: Words, table: TableWords) -> bool:
    """Tell whether the words are a row with its headings: "label : heading : value …"."""
    if any(len(column) for column in table.columns[1:]):
        return any(_is_labelled(words, row, table.columns) for row in table.rows)
    return False


def _is_labelled(words: Words, row: Sequence[Words], columns: Sequence[Words]) -> bool:
    for opening in ((*columns[0], *row[0]), row[0]):
        if opening and words[: len(opening)] == opening:
            at = len(opening)
            pairs = 0
            for heading, cell in zip(columns[1:], row[1:], strict=True):
                for pair in ((*heading, *cell), (*cell, *heading)):
                    if heading and cell and words[at : at + len(pair)] == pair:
                        at += len(pair)
                        pairs += 1
                        break
            if pairs and at == len(words):
                return True
    return False


def statement_rows(statement: str) -> list[tuple[Words, ...]]:
    """Return the rows of a statement written as a Markdown table, heading row first."""
    lines = [line.strip() for line in statement.splitlines() if line.strip().startswith("|")]
    return [
        tuple(exact_words(cell) for cell in split_row(line))
        for line in lines
        if not delimiter_cells(line)
    ]


def _are_rows(rows: Sequence[tuple[Words, ...]], passage: str) -> bool:
    """Tell whether rows, headings first, are rows of one table of the passage."""
    return len(rows) > 1 and any(
        rows[0] == table.columns and all(row in table.rows for row in rows[1:])
        for table in read_wholes(passage)[1]
    )
