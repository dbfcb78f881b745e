"""Verify that the passages that a statement cites support it, without a language model.

Every number, unit, range, date and reference of the statement must be in a cited passage, near
words that the statement shares. Most of its words must be there as well, with the same polarity.
`sheets.models.verdict_reasons.verdict_sentence` translates the reason codes. Pure.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sheets.markdown.sentences import QuotableUnit, quotable_units
from sheets.verification.quantities import (
    Measure,
    Quantity,
    find_codes,
    find_dates,
    find_quantities,
    loose_measures,
    read_measure,
)
from wikico2.text.normalize import STOP_WORDS, fold_text, folded_words, stem_word

__all__ = [
    "BROKEN",
    "VERIFIED",
    "WEAK",
    "Verdict",
    "find_quantities",
    "lexical_support",
    "passage_for_verify",
    "verify_statement",
]

VERIFIED, WEAK, BROKEN = "verified", "weak", "broken"

# Thresholds, set on one half of tests/gold/statements.jsonl; `python -m bench.verify` shows what
# others would give, and what these give on the other half.
SUPPORT_VERIFIED = 0.7
SUPPORT_WEAK = 0.3
# Least share of the statement's words in the sentence or row that has its number.
NEAR_NUMBER = 0.25
# Least share of a clause's words in another clause about the same subject.
SAME_CLAUSE = 0.5
# Weight of the best two consecutive sentences against the whole passage.
WINDOW_WEIGHT = 0.5
# Each number and clause is compared with all of the passages: no statement of honest length is cut.
LONGEST_STATEMENT = 2_000


# Synonyms by their first letters, so that a paraphrase is not penalised.
MEANINGS = {
    beginning: meaning
    for meaning, beginnings in {
        "baisse": "baiss abaiss dimin redu reduc moindr",
        "hausse": "augment hauss accroi accru",
        "cout": "cout prix tarif invest capex depens",
        "depasse": "depass superi exced",
        "besoin": "besoin demand requi exig necess",
        "fournir": "fourni livr produ deliv restit",
        "recuperer": "recup valori prelev",
        "emploi": "utilis emplo usag",
        "eviter": "evit decons",
        "an": "annu anne",
        "fonctionner": "fonctio tourn march",
        "taux": "taux part pourcent",
        "melange": "melang pollu",
    }.items()
    for beginning in beginnings.split()
}
OPPOSITES = (
    ({"baisse"}, {"hausse"}),
    ({"moins"}, {"plus", "davantage"}),
    ({"inferi"}, {"depasse"}),
    ({"mal"}, {"mieux"}),
    ({"peu"}, {"lourd", "beaucoup", "fort"}),
)
OPPOSITE_PAIRS = frozenset(word for pair in OPPOSITES for side in pair for word in side)
NEGATIONS = frozenset("pas jamais aucun aucune ni non interdit interdite interdits".split())
# Connecting words that are ignored, besides the stop words of the search.
JOINING = frozenset("durant pendant environ quand chez afin compter partir ainsi dont que".split())
CLAUSE = re.compile(r"[;:,.()]|\b(?:mais|car|et|qui|lorsque|quand|puis)\b")


@dataclass(frozen=True)
class Verdict:
    """The outcome for one statement: verified, weak or broken, and why (codes with details)."""

    verdict: str
    reasons: tuple[tuple[str, str], ...] = ()
    support: float = 1.0


@dataclass(frozen=True)
class EvidenceUnit:
    """A sentence, item or table row of a passage; `words` include those of its heading."""

    text: str
    words: frozenset[str]
    quantities: tuple[Quantity, ...]
    # Under a negated heading, « Ce que la solution n’inclut pas », either polarity is accepted.
    under_negation: bool = False


@dataclass(frozen=True)
class EvidencePassage:
    """A parsed passage: its units, all its words, and its letters and digits."""

    contexts: tuple[EvidenceUnit, ...]
    words: frozenset[str]
    letters: str


def verify_statement(
    statement: str,
    passages: Sequence[str] | Mapping[str, str],
    labels: Sequence[str] | None = None,
) -> Verdict:
    """Return the verdict on a statement by the texts of the passages that it cites.

    `passages` are the cited texts, or all texts shown by label, of which `labels` are cited; an
    unknown label makes the statement broken.
    """
    if isinstance(passages, Mapping):
        cited = list(passages if labels is None else labels)
        if unknown := [label for label in cited if label not in passages]:
            return Verdict(BROKEN, tuple(("unknown_label", u) for u in unknown), 0.0)
        passages = [passages[label] for label in cited]
    if not passages:
        return Verdict(BROKEN, (("no_source", ""),), 0.0)
    if len(statement) > LONGEST_STATEMENT:
        return Verdict(WEAK, (("too_long", ""),), 0.0)
    grounds = [read_passage(p) for p in passages]
    contexts = [c for g in grounds for c in g.contexts]
    missing = [*missing_quantities(statement, contexts), *missing_references(statement, grounds)]
    if missing:
        return Verdict(BROKEN, tuple(dict.fromkeys(missing)), 0.0)
    wanted = word_meanings(statement)
    share = word_coverage(wanted, fold_text(statement), grounds)
    if share < SUPPORT_WEAK:
        return Verdict(BROKEN, (("few_words_in_common", f"{share:.0%}"),), share)
    doubts = [*far_quantities(statement, wanted, contexts)]
    if has_contradiction(statement, contexts):
        doubts.append(("says_the_opposite", ""))
    if share < SUPPORT_VERIFIED:
        doubts.append(("few_words_in_common", f"{share:.0%}"))
    return Verdict(WEAK if doubts else VERIFIED, tuple(doubts), share)


def passage_for_verify(title: str, headings: Iterable[str], text: str) -> str:
    """Return a passage with the title and headings of its source, for `verify_statement`."""
    return "\n".join([title, *headings, text])


def lexical_support(statement: str, passage: str) -> float:
    """Return the share of a statement's words that a passage supports, from 0 to 1."""
    return word_coverage(word_meanings(statement), fold_text(statement), [read_passage(passage)])


# --- Numbers, dates, references ------------------------------------------------------------------


def missing_quantities(
    statement: str, contexts: Sequence[EvidenceUnit]
) -> Iterator[tuple[str, str]]:
    """Yield a reason for each number, unit or range of the statement that no passage has."""
    wanted = {q.start: q for q in find_quantities(statement) if not is_one(q)}
    found = [q for c in contexts for q in c.quantities]
    for q in wanted.values():
        if not any(q.same(other) for other in found):
            bare = replace(q, measure=None)
            known = q.measure is not None and any(bare.same(other) for other in found)
            yield ("unit_differs" if known else "number_not_found"), q.written
        elif q.partner > q.start and (end := wanted.get(q.partner)):
            together = any(
                any(q.same(o) for o in c.quantities) and any(end.same(o) for o in c.quantities)
                for c in contexts
            )
            if not together and any(end.same(o) for o in found):
                yield "range_not_found", statement[q.start : end.end].strip()


def missing_references(
    statement: str, grounds: Sequence[EvidencePassage]
) -> Iterator[tuple[str, str]]:
    """Yield a reason for each date and reference of the statement that no passage has."""
    found = [d for g in grounds for c in g.contexts for d in find_dates(c.text)]
    for date in find_dates(statement):
        if not any(date.within(other) for other in found):
            yield "date_not_found", date.written
    letters = " ".join(g.letters for g in grounds)
    for code in find_codes(statement):
        if bare_characters(code) not in letters:
            yield "reference_not_found", code


def far_quantities(
    statement: str, wanted: frozenset[str], contexts: Sequence[EvidenceUnit]
) -> Iterator[tuple[str, str]]:
    """Yield a reason for each number found only in units with few words of the statement."""
    if not wanted:
        return
    for q in find_quantities(statement):
        near = [
            len(wanted & c.words) / len(wanted)
            for c in contexts
            if any(q.same(other) for other in c.quantities)
        ]
        if near and max(near) < NEAR_NUMBER:
            yield "number_elsewhere", q.written


def is_one(quantity: Quantity) -> bool:
    """Tell whether a quantity is an article: « un an » may stand for « la première année »."""
    return quantity.spelled and quantity.readings == {1}


# --- Words ---------------------------------------------------------------------------------------


def word_coverage(wanted: frozenset[str], folded: str, grounds: Sequence[EvidencePassage]) -> float:
    """Return the share of the wanted words in the passages.

    It is the mean, by `WINDOW_WEIGHT`, of the share in the best two consecutive units and of the
    share in all passages.
    """
    if not wanted:
        text = " ".join(c.text for g in grounds for c in g.contexts)
        return 1.0 if folded in fold_text(text) else 0.0
    everything = frozenset().union(*(g.words for g in grounds))
    windows = [
        len(wanted & (first.words | second.words))
        for g in grounds
        for first, second in zip(g.contexts, [*g.contexts[1:], *g.contexts[-1:]], strict=True)
    ]
    whole = len(wanted & everything) / len(wanted)
    nearest = max(windows, default=0) / len(wanted)
    return WINDOW_WEIGHT * nearest + (1 - WINDOW_WEIGHT) * whole


def has_contradiction(statement: str, contexts: Sequence[EvidenceUnit]) -> bool:
    """Tell whether the best matching clauses for a clause of the statement have other polarity."""
    for wanted, said in split_clauses(statement):
        if len(wanted) < 2:
            continue
        near = [
            (len(wanted & found), their_signs, context.under_negation)
            for context in contexts
            for found, their_signs in split_clauses(context.text)
        ]
        best = max((n for n, _, _ in near), default=0)
        if best < max(2, SAME_CLAUSE * len(wanted)):
            continue
        if all(are_opposed(said, theirs, either) for n, theirs, either in near if n == best):
            return True
    return False


def are_opposed(said: frozenset[str], found: frozenset[str], either: bool) -> bool:
    """Tell whether two clauses about the same subject have opposite polarity.

    With `either`, a difference in negation alone does not count.
    """
    if not either and ("not" in said) != ("not" in found):
        return True
    return any(
        (said & a and found & b and not found & a) or (said & b and found & a and not found & b)
        for a, b in OPPOSITES
    )


@lru_cache(maxsize=8192)
def split_clauses(text: str) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    return tuple((word_meanings(c), polarity_signs(c)) for c in cut_clauses(text))


def cut_clauses(text: str) -> list[str]:
    return [c for c in CLAUSE.split(re.sub(r"(?<=\d)[.,](?=\d)", "·", text)) if c.strip()]


def polarity_signs(clause: str) -> frozenset[str]:
    """Return the polarity markers of a clause: "not", and words that have an opposite."""
    found = folded_words(clause)
    marks = {"not"} if NEGATIONS & set(found) else set()
    return frozenset(marks | ({word_family(w) for w in found} | set(found)) & OPPOSITE_PAIRS)


@lru_cache(maxsize=8192)
def word_meanings(text: str) -> frozenset[str]:
    """Return the word families of a text, without numbers and stop words."""
    return frozenset(
        word_family(w)
        for w in folded_words(text)
        if len(w) > 1 and not w.isdigit() and w not in STOP_WORDS and w not in JOINING
    )


@lru_cache(maxsize=65536)
def word_family(word: str) -> str:
    """Return one key for synonyms and inflections: récupérer, récupération, valoriser."""
    for length in (7, 6, 5, 4):
        if found := MEANINGS.get(word[:length]):
            return found
    return stem_word(word)[:6]


# --- Passages ------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def read_passage(passage: str) -> EvidencePassage:
    """Parse a passage into its sentences, items and rows."""
    cut = list(quotable_units(passage))
    running = "\n".join(u.text for u in cut if u.kind != "table")
    caption = tuple(loose_measures(running))
    contexts: list[EvidenceUnit] = []
    for unit in cut:
        contexts.extend(
            table_contexts(unit, caption) if unit.kind == "table" else [unit_text(unit)]
        )
    return EvidencePassage(
        tuple(contexts)
        or (EvidenceUnit(passage, word_meanings(passage), find_quantities(passage)),),
        word_meanings(passage),
        bare_characters(passage),
    )


def unit_text(unit: QuotableUnit) -> EvidenceUnit:
    everything = f"{unit.heading}\n{unit.text}"
    return EvidenceUnit(
        unit.text,
        word_meanings(everything),
        find_quantities(everything),
        "not" in polarity_signs(unit.heading),
    )


def table_contexts(table: QuotableUnit, caption: tuple[Measure, ...]) -> Iterator[EvidenceUnit]:
    """Yield a unit for each row; a number takes the measure of its column, row or caption."""
    head = " ".join((table.heading, *table.columns))
    yield EvidenceUnit(head, word_meanings(head), find_quantities(" | ".join(table.columns)))
    by_column = [loose_measures(c) for c in table.columns]
    for row in table.rows:
        by_row = [m for cell in row if (m := whole_measure(cell))]
        found = [
            named
            for cell, of_column in zip(row, by_column, strict=True)
            for q in find_quantities(cell)
            for named in with_measures(q, of_column or by_row or caption)
        ]
        text = " | ".join(row)
        yield EvidenceUnit(
            text, word_meanings(f"{head} {text}"), tuple(found), "not" in polarity_signs(head)
        )


def whole_measure(cell: str) -> Measure | None:
    measure, end = read_measure(cell, 0)
    return measure if measure and end == len(cell.strip()) else None


def with_measures(quantity: Quantity, measures: Iterable[Measure]) -> list[Quantity]:
    """Return the quantity with each measure that it may have, and without."""
    if quantity.measure:
        return [quantity]
    return [quantity, *(replace(quantity, measure=m) for m in measures)]


def bare_characters(text: str) -> str:
    """Return the letters and digits of a text, nothing else."""
    return "".join(folded_words(text))
