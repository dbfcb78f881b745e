"""Tell the level of a statement by the passages that it cites, without a language model. Pure.

`verbatim` holds for whole sentences, items and rows; `figures` for other words where one sentence,
item or row bears every claim; `not_found` where a number, unit, date or reference is missing;
`fragile` for the rest, with the words that no passage bears.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sheets.verification.bearing import (
    Bearing,
    EvidenceUnit,
    bear,
    evidence_keys,
    read_evidence,
    read_parts,
    to_active,
)
from sheets.verification.quantities import (
    Quantity,
    find_codes,
    find_dates,
    find_quantities,
)
from sheets.verification.verbatim import is_row, verbatim_flaw
from wikico2.text.exponents import DOUBTFUL
from wikico2.text.normalize import folded_words

VERBATIM, CONFIRMED, JUDGED, FIGURES, FRAGILE, NOT_FOUND, UNSOURCED = LEVELS = (
    "verbatim",
    "confirmed",
    "judged",
    "figures",
    "fragile",
    "not_found",
    "unsourced",
)
"""From the highest down; see the ladder in the documentation."""

VERIFIED_LEVELS = frozenset({VERBATIM, CONFIRMED, JUDGED})
"""What counts as verified in a sum, a filter or a badge."""

JUDGED_LEVELS = frozenset({FIGURES, FRAGILE})
"""What a model is asked about, and may lift."""

COMPARED_UNITS = 12
"""Sentences, items and cells that are aligned with a claim: those with most words in common."""

LONGEST_CLAIM = 140
"""Words of a claim that is aligned: the time is that of its words by those of the passage's."""

CELL_MARK = " | "
SHORTEST_SENTENCE = 4
"""Words of a cell from which on it is checked by itself."""

LONGEST_STATEMENT = 2_000
"""Characters of a statement that are compared; each is compared with all of its passages."""

SAME_SENTENCE = re.compile(r"(?<=[;])\s+|(?<=[.!?…])\s+(?=[A-ZÀ-ÖØ-ÞŒ])")
FROM_TO = re.compile(
    r"(?P<subject>.{3,200}?)\s(?:passe(?:nt|ra)?|évolue(?:nt|ra)?|va|vont)\s(?:de|d[’'])\s?"
    r"(?P<first>.{1,60}?\ben\s(?:19|20)\d\d)\s+à\s+(?P<second>.{1,60}?\ben\s(?:19|20)\d\d)\.?$"
)


_ADJUNCT = r"(?:en|dans|pour|selon|suivant|à|au|aux|chez|depuis|avec|sur|par rapport)\b"
FRONTED = re.compile(rf"(?i)(?P<front>{_ADJUNCT}[^,;:.]{{2,80}}),\s+(?P<rest>.+)$", re.DOTALL)
TRAILING = re.compile(r"(?i),?\s+(?P<tail>(?:en (?:19|20)\d\d|selon [^,;:.]{2,60}))$")


@dataclass(frozen=True)
class Finding:
    """The level of a statement, why it is no higher (codes with details), and the unborne words."""

    level: str
    reasons: tuple[tuple[str, str], ...] = ()
    unborne: tuple[str, ...] = ()


def check_statement(
    statement: str,
    passages: Sequence[str] | Mapping[str, str],
    labels: Sequence[str] | None = None,
) -> Finding:
    """Return the level of a statement by the texts of the passages that it cites.

    `passages` are the cited texts, or all texts shown by label, of which `labels` are cited; an
    unknown label is not found.
    """
    if isinstance(passages, Mapping):
        cited = list(passages if labels is None else labels)
        if unknown := [label for label in cited if label not in passages]:
            return Finding(NOT_FOUND, tuple(("unknown_label", u) for u in unknown))
        passages = [passages[label] for label in cited]
    if not passages:
        return Finding(UNSOURCED, (("no_source", ""),))
    if len(statement) > LONGEST_STATEMENT:
        return Finding(FRAGILE, (("too_long", ""),))
    if CELL_MARK in statement and "\n" not in statement:
        return _check_row([c for c in statement.split(CELL_MARK) if c.strip()], passages)
    return _check_text(statement, passages)


def at_best_fragile(level: str) -> str:
    """Return the lower of a level and FRAGILE."""
    return max(level, FRAGILE, key=LEVELS.index)


def _check_row(cells: Sequence[str], passages: Sequence[str]) -> Finding:
    """Return the level of a table row of a sheet: of a row of the source, or of its sentences.

    Short cells with numbers say something only together, in a row of the source.
    """
    if any(is_row(cells, passage) for passage in passages):
        return Finding(VERBATIM)
    long = [cell for cell in cells if len(cell.split()) >= SHORTEST_SENTENCE]
    if not long or any(find_quantities(cell) for cell in cells if cell not in long):
        whole = _check_text(" ; ".join(cells), passages)
        return whole if whole.level == NOT_FOUND else Finding(FRAGILE, (("not_a_row", ""),))
    return max((_check_text(cell, passages) for cell in long), key=lambda f: LEVELS.index(f.level))


def _check_text(statement: str, passages: Sequence[str]) -> Finding:
    if DOUBTFUL.search(statement):
        return Finding(FRAGILE, (("doubtful_number", ""),))
    flaw = verbatim_flaw(statement, passages) if _is_closed(statement) else "differs"
    if not flaw:
        return Finding(VERBATIM)
    units = [unit for passage in passages for unit in read_evidence(passage)]
    if missing := [*_missing_quantities(statement, units), *_missing_references(statement, units)]:
        return Finding(NOT_FOUND, tuple(dict.fromkeys(missing)))
    if flaw == "leans":
        return Finding(FIGURES, (("leans_on_context", ""),))
    bearings = [_best(claim, units) for claim in _claims(statement)]
    if bearings and _is_closed(statement) and all(bearing.holds for bearing in bearings):
        return Finding(FIGURES)
    if not any(bearing.matched for bearing in bearings):
        return Finding(NOT_FOUND, (("nothing_in_common", ""),))
    unborne = tuple(dict.fromkeys(word for b in bearings for word in b.unborne))
    reasons = tuple(dict.fromkeys(reason for b in bearings for reason in b.reasons))
    return Finding(FRAGILE, reasons or (("other_words", ""),), unborne)


def passage_for_check(title: str, headings: Iterable[str], text: str) -> str:
    """Return a passage under the title and headings of its source, for `check_statement`."""
    return "\n".join(line for line in (title, *headings, text) if line)


def _is_closed(statement: str) -> bool:
    """Tell whether no parenthesis of a statement is cut."""
    return statement.count("(") <= statement.count(")")


def _claims(statement: str) -> list[str]:
    """Return the sentences of a statement; « passe de A en X à B en Y » makes two claims."""
    claims: list[str] = []
    for sentence in SAME_SENTENCE.split(statement.strip()):
        if match := FROM_TO.match(sentence):
            claims += [f"{match['subject']} est de {match[end]}" for end in ("first", "second")]
        elif sentence:
            claims.append(sentence)
    return claims


def _orders(claim: str) -> Iterator[str]:
    """Yield a claim, and with what stands in front (« En 2050, … ») behind, and the reverse."""
    claim = " ".join(claim.split()).rstrip(" .;")
    yield claim
    if match := FRONTED.match(claim):
        yield f"{match['rest']} {match['front']}"
    if active := to_active(claim):
        yield active
    if match := TRAILING.search(claim):
        yield f"{match['tail']} {claim[: match.start()]}"


def _best(claim: str, units: Sequence[EvidenceUnit]) -> Bearing:
    """Return the bearing of a claim by the unit that bears it best."""
    parts = read_parts(claim)
    if sum(part.kind != "mark" for part in parts) > LONGEST_CLAIM:
        return Bearing((), (("too_long", ""),), matched=1)
    wanted = evidence_keys(parts)
    near = sorted(units, key=lambda unit: -len(wanted & (unit.keys | unit.context)))
    found = (
        bear(read_parts(order), unit) for order in _orders(claim) for unit in near[:COMPARED_UNITS]
    )
    return max(
        found,
        key=lambda b: (b.holds, b.matched - 2 * len(b.unborne), -len(b.reasons)),
        default=Bearing(),
    )


# --- What is missing ------------------------------------------------------------------------------


def _missing_quantities(statement: str, units: Sequence[EvidenceUnit]) -> Iterator[tuple[str, str]]:
    """Yield a reason for each number, or unit, of the statement that no passage has."""
    there = [
        found
        for unit in units
        for part in unit.parts
        if part.quantity
        for found in (
            part.quantity,
            *(
                replace(part.quantity, measure=m)
                for m in part.measures
                if not part.quantity.measure
            ),
        )
    ]
    for quantity in find_quantities(statement):
        if quantity.spelled and quantity.readings == {1}:
            continue  # an article
        if not any(_found(quantity, other) for other in there):
            bare = replace(quantity, measure=None)
            known = quantity.measure is not None and any(bare.same(other) for other in there)
            yield ("unit_differs" if known else "number_not_found"), quantity.written


def _found(quantity: Quantity, other: Quantity) -> bool:
    """Tell whether a number of the statement is `other`, give or take what it leaves unsaid."""
    if quantity.exactly(other):
        return True
    if not quantity.same(other) or quantity.measure is None or other.measure is None:
        return quantity.measure is None and quantity.same(other)
    mine, its = quantity.measure, other.measure
    added = mine.all_kinds - its.all_kinds
    if added and not (added <= {"HT", "TTC", "PCI", "PCS", "u", "th", "e"} or its.gas):
        return False
    return not mine.per or mine.per == its.per or not its.per


def _missing_references(statement: str, units: Sequence[EvidenceUnit]) -> Iterator[tuple[str, str]]:
    """Yield a reason for each date and reference of the statement that no passage has."""
    dates = [date for unit in units for date in find_dates(unit.text)]
    for date in find_dates(statement):
        if not any(date.within(other) for other in dates):
            yield "date_not_found", date.written
    if codes := find_codes(statement):
        words = _words_of(tuple(unit.text for unit in units))
        for code in codes:
            if f" {' '.join(folded_words(code))} " not in words:
                yield "reference_not_found", code


@lru_cache(maxsize=256)
def _words_of(texts: tuple[str, ...]) -> str:
    """Return the folded words of texts on one line, between spaces."""
    return f" {' '.join(word for text in texts for word in folded_words(text))} "
