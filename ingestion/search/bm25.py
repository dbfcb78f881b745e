"""Find by words: BM25 over the postings, and the logic of the query over the same lines.

Each lexeme of a query has a bit. One pass over the postings adds up the scores and gathers the
bits of each row; whether the row is wanted is then a matter of bits.
"""

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from django.db import connection

from ingestion.search import postings, spelling
from ingestion.search.query import ParsedQuery, QueryClause
from ingestion.search.synonyms import load_thesaurus
from wikico2.text.analyzer import (
    compose_accents,
    extract_terms,
    main_lexemes,
    phrase_query,
    root_of,
)
from wikico2.text.normalize import fold_text

K1, B = 1.2, 0.75
COMMON_SHARE, COMMON_LEAST = 0.2, 1_000
"""A lexeme in more rows than both is too common to rank a long query by."""
MAX_RARE_GROUPS = 8
MAX_LEXEMES = 62
STRICT_GROUPS = 4
"""Up to so many words all are required; what is longer is a question, and its words are not."""
PROBE_COST, MOST_PROBED = 2, 20_000
"""What looking a row up in a list costs, against reading on in it; and for how many it is done."""
COVERAGE_BONUS = 0.5
SYNONYM_WEIGHT, PART_WEIGHT = 0.8, 0.6


@dataclass(frozen=True)
class SearchTable:
    """A table that is searched, with the column by which its postings know its rows."""

    table: str
    key: str = "id"


@dataclass(frozen=True)
class Alternative:
    """Lexemes that together stand for something that was asked for."""

    lexemes: tuple[str, ...]
    weight: float = 1.0
    origin: str = "word"  # or "synonym", "spelling"
    label: str = ""
    phrase: str = ""  # a tsquery, where they must follow each other


@dataclass(frozen=True)
class Group:
    """One thing that was asked for: any of its alternatives will do."""

    typed: str
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True)
class LexicalQuery:
    """A query against one space: its groups, and what the space's tally says of their lexemes.

    `corrections` maps words that nobody wrote to the nearest that somebody did.
    """

    groups: tuple[Group, ...] = ()
    without: tuple[Group, ...] = ()
    tally: postings.Tally = field(default_factory=lambda: postings.Tally(0, 1.0, {}, {}))
    corrections: dict[str, list[spelling.SpellingCandidate]] = field(default_factory=dict)
    operators: bool = False
    question: bool = False

    @property
    def lexemes(self) -> set[str]:
        """Return every lexeme by which a row may have been found."""
        return {w for g in self.groups for a in g.alternatives for w in a.lexemes}

    @property
    def strict(self) -> bool:
        """Tell whether all the words are required."""
        return self.operators or not (self.question or len(self.groups) > STRICT_GROUPS)

    def rows_with(self, group: Group) -> int:
        """Return about how many rows hold the group: each alternative by its rarest lexeme."""
        holding = self.tally.holding
        return sum(min(holding.get(w, 0) for w in a.lexemes) for a in group.alternatives)


class MatchedGroups(NamedTuple):
    """What a row holds: for each group of the query the alternative that is there, or None.

    `share` is how many of the groups that is; `told`, how much of what they all tell.
    """

    alternatives: tuple[Alternative | None, ...] = ()
    share: float = 1.0
    told: float = 1.0


class Match(NamedTuple):
    """A row, how well it fits, and the groups of the query that it holds."""

    entry: int
    score: float
    holds: MatchedGroups

    @property
    def complete(self) -> bool:
        return self.holds.share == 1.0


class Ranking(NamedTuple):
    """The best rows, the best first, and how many there are in all.

    `mean` and `spread` are those of the scores over all rows of the space, most of them 0.
    """

    matches: list[Match]
    total: int
    mean: float = 0.0
    spread: float = 1.0


# --- From words to groups -------------------------------------------------------------------------


def prepare_query(query: ParsedQuery, space: SearchTable) -> LexicalQuery:
    """Read a query in the light of the thesaurus and of the words that the space knows."""
    groups = [group for choice in query.wanted for group in _choice(choice)]
    groups += _word_groups(query.about) if query.about else []
    without = [group for item in query.without for group in _choice((item,))]
    lexemes = [w for g in (*groups, *without) for a in g.alternatives for w in a.lexemes]
    tally = postings.read_tally(space.table, lexemes)
    mended: dict[str, list[spelling.SpellingCandidate]] = {}
    for group in () if query.is_spelled else groups:
        if not _known_group(group, tally) and (word := fold_text(group.typed)).isalnum():
            mended.setdefault(word, spelling.spelling_candidates(word))
    if any(mended.values()):
        more = [c.lexeme for found in mended.values() for c in found]
        tally = postings.read_tally(space.table, [*lexemes, *more])
        mended = {
            word: spelling.nearest_candidates(found, tally.holding)
            for word, found in mended.items()
        }
    return LexicalQuery(
        groups=tuple(
            _correct_group(_prune_group(g, tally), mended.get(fold_text(g.typed), []))
            for g in groups
        ),
        without=tuple(_prune_group(g, tally) for g in without),
        tally=tally,
        corrections={w: found for w, found in mended.items() if found},
        operators=query.has_operators,
        question=query.is_question,
    )


def _choice(items: Sequence[QueryClause]) -> list[Group]:
    """Return the groups of a choice; one for all of it when there are several items."""
    read = [_phrase(item) if item.phrase else _word_groups(item.text) for item in items]
    if len(read) == 1:
        return read[0]
    alternatives = [
        alternative
        for groups in read
        if groups
        for alternative in (groups[0].alternatives if len(groups) == 1 else [_all(groups)])
    ]
    return [Group(items[0].text, tuple(alternatives))] if alternatives else []


def _all(groups: Sequence[Group]) -> Alternative:
    """Return the alternative that asks for each of the groups as it was typed."""
    return Alternative(tuple(w for g in groups for w in g.alternatives[0].lexemes))


def _phrase(item: QueryClause) -> list[Group]:
    lexemes = tuple(dict.fromkeys(main_lexemes(item.text)))
    if not lexemes:
        return []
    ordered = phrase_query(item.text)
    return [Group(item.text, (Alternative(lexemes, phrase=ordered if "<" in ordered else ""),))]


class _TypedTerm(NamedTuple):
    """A term of the query with the parts of a compound below it."""

    text: str
    lexeme: str
    parts: tuple[str, ...]


def _word_groups(text: str) -> list[Group]:
    """Return the groups of plain words: what the thesaurus knows as one term is one group."""
    typed = _typed_terms(text)
    known = load_thesaurus()
    groups: list[Group] = []
    at = 0
    while at < len(typed):
        span, others = known.longest(tuple(t.lexeme for t in typed[at:]))
        words = typed[at : at + max(span, 1)]
        own = Alternative(tuple(dict.fromkeys(t.lexeme for t in words)))
        alternatives = [own, *_variants(words, typed[at + 1 : at + 2])]
        alternatives += [Alternative(o.lexemes, SYNONYM_WEIGHT, "synonym", o.term) for o in others]
        groups.append(Group(" ".join(t.text for t in words), tuple(alternatives)))
        at += len(words)
    return groups


def _typed_terms(text: str) -> list[_TypedTerm]:
    text = compose_accents(text)
    found: list[_TypedTerm] = []
    end = -1
    for term in extract_terms(text):
        if term.start >= end:
            found.append(
                _TypedTerm(text[term.start : term.end], term.lexemes[0], term.lexemes[1:2])
            )
            end = term.end
        else:
            last = found[-1]
            found[-1] = last._replace(parts=(*last.parts, term.lexemes[0]))
    return found


def _variants(words: Sequence[_TypedTerm], following: Sequence[_TypedTerm]) -> list[Alternative]:
    """Return other spellings: the parts of a compound, two words as one."""
    found = []
    if len(words) == 1 and words[0].parts and "-" in words[0].text:
        weight = 1.0 if len(words[0].parts) > 1 else PART_WEIGHT
        found.append(Alternative(words[0].parts, weight))
    if len(words) > 1 or following:
        pair = fold_text(words[0].text + (words[1] if len(words) > 1 else following[0]).text)
        if pair.isalpha():
            found.append(Alternative((root_of(pair),), 1.0, "spelling", pair))
    return found


def _known_group(group: Group, tally: postings.Tally) -> bool:
    return any(all(tally.holding.get(w) for w in a.lexemes) for a in group.alternatives)


def _prune_group(group: Group, tally: postings.Tally) -> Group:
    """Return the group without the alternatives that no row holds, its first one kept."""
    first, *others = group.alternatives
    held = [a for a in others if all(tally.holding.get(w) for w in a.lexemes)]
    return replace(group, alternatives=(first, *held))


def _correct_group(group: Group, found: Iterable[spelling.SpellingCandidate]) -> Group:
    more = [Alternative((c.lexeme,), c.weight, "spelling", c.written) for c in found]
    return replace(group, alternatives=(*group.alternatives, *more)) if more else group


# --- From groups to rows --------------------------------------------------------------------------


def rank_rows(
    asked: LexicalQuery,
    space: SearchTable,
    *,
    limit: int,
    strict: bool,
    within: tuple[str, Any] | None = None,
) -> Ranking:
    """Return the rows that hold all the groups (`strict`) or some of them, the best first.

    Of a few words that must not all be there, rows with less than half may be left out.
    `within` is a condition that follows the id of a row, with its parameters: `IN (SELECT …)`.
    """
    groups = [g for g in asked.groups if g.alternatives]
    if not strict:
        groups = telling_groups(asked, groups)
    if not groups:
        return Ranking([], 0)
    bits = _bits(asked, [*groups, *asked.without])
    weights = _weights(asked, groups)
    required = [_condition(g, bits) for g in groups]
    conditions = [f"({' AND '.join(required) if strict else ' OR '.join(required)})"]
    conditions += [f"NOT {_condition(g, bits)}" for g in asked.without]
    where = " AND ".join(conditions)
    ordered = "search @@" in where
    least = len(groups) if strict else math.ceil(len(groups) / 2) if asked.strict else 1
    rare, rare_params = _rarest(asked, groups, space, least)
    inside, inside_params = ("", ())
    if within:
        inside, inside_params = f"WHERE p.entry {within[0]}", within[1]
    sql = f"""
        WITH scored AS (
            SELECT p.entry, bit_or(w.bit) AS found,
                sum(w.weight * p.tf / (p.tf + %s + %s * p.length)) AS score
            FROM unnest(%s::bigint[], %s::bigint[], %s::float8[]) AS w (lexeme, bit, weight)
            CROSS JOIN LATERAL (
                SELECT entry, tf, length FROM {space.table}_posting
                WHERE lexeme = w.lexeme {rare} OFFSET 0
            ) AS p
            {inside}
            GROUP BY p.entry
        ), sums AS MATERIALIZED (
            SELECT sum(score) AS score_sum, sum(score * score) AS square_sum FROM scored
        )
        SELECT entry, score, found, count(*) OVER (), score_sum, square_sum
        FROM scored CROSS JOIN sums
        {f"JOIN {space.table} ON {space.table}.{space.key} = entry" if ordered else ""}
        WHERE {where}
        ORDER BY score DESC, entry LIMIT %s
    """  # noqa: S608 (tables of ours, numbers, and tsqueries that are quoted)
    names = list(bits)
    params = [
        K1 * (1 - B),
        K1 * B / asked.tally.mean_length,
        [asked.tally.hashes[name] for name in names],
        [bits[name] for name in names],
        [weights.get(name, 0.0) for name in names],
        *rare_params,
        *inside_params,
        limit,
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows = cursor.fetchall()
    read = _reader(groups, bits, _shares(asked, groups))
    matches = [
        Match(entry, score * (1 + COVERAGE_BONUS * holds.told), holds)
        for entry, score, found, _total, _sum, _squares in rows
        for holds in (read(found),)
    ]
    matches.sort(key=lambda m: (-m.score, m.entry))
    if not rows:
        return Ranking([], 0)
    _entry, _score, _found, total, score_sum, square_sum = rows[0]
    mean = score_sum / asked.tally.rows
    spread = math.sqrt(max(square_sum / asked.tally.rows - mean * mean, 0.0))
    return Ranking(matches, total, mean, spread)


def telling_groups(asked: LexicalQuery, groups: Sequence[Group]) -> list[Group]:
    """Return the rarest of the groups, without those that say little; at least one."""
    limit = max(COMMON_SHARE * asked.tally.rows, COMMON_LEAST)
    rarest = sorted((g for g in groups if asked.rows_with(g)), key=asked.rows_with)
    return [g for g in rarest if asked.rows_with(g) <= limit][:MAX_RARE_GROUPS] or rarest[:1]


def lexeme_idf(asked: LexicalQuery, lexeme: str) -> float:
    """Return how much it tells that a row holds the lexeme (the idf of BM25)."""
    n = asked.tally.holding.get(lexeme, 0)
    return math.log(1 + (asked.tally.rows - n + 0.5) / (n + 0.5))


def _bits(asked: LexicalQuery, groups: Sequence[Group]) -> dict[str, int]:
    lexemes = dict.fromkeys(w for g in groups for a in g.alternatives for w in a.lexemes)
    return {lexeme: 1 << n for n, lexeme in enumerate(list(lexemes)[:MAX_LEXEMES])}


def _weights(asked: LexicalQuery, groups: Sequence[Group]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for group in groups:
        for alternative in group.alternatives:
            for lexeme in alternative.lexemes:
                weight = alternative.weight * lexeme_idf(asked, lexeme) * (K1 + 1)
                weights[lexeme] = max(weight, weights.get(lexeme, 0.0))
    return weights


def _mask(alternative: Alternative, bits: dict[str, int]) -> int:
    """Return the bits of an alternative; 0 when the query had too many lexemes for all."""
    if any(w not in bits for w in alternative.lexemes):
        return 0
    return sum({bits[w] for w in alternative.lexemes})


def _condition(group: Group, bits: dict[str, int]) -> str:
    """Return the SQL that tells whether a row holds the group."""
    either = []
    for alternative in group.alternatives:
        if mask := _mask(alternative, bits):
            one = f"found & {mask} = {mask}"
            if alternative.phrase:
                quoted = alternative.phrase.replace("'", "''").replace("%", "%%")
                one = f"({one} AND search @@ '{quoted}'::tsquery)"
            either.append(one)
    return f"({' OR '.join(either)})" if either else "false"


def _reader(
    groups: Sequence[Group], bits: dict[str, int], shares: Sequence[float]
) -> Callable[[int], MatchedGroups]:
    """Return the function that tells, from the bits of a row, what it holds."""
    masks = [[(a, _mask(a, bits)) for a in g.alternatives] for g in groups]

    @functools.cache  # many rows, few kinds of them
    def read(found: int) -> MatchedGroups:
        held = tuple(
            next((a for a, mask in choices if mask and found & mask == mask), None)
            for choices in masks
        )
        told = sum(share for one, share in zip(held, shares, strict=True) if one)
        return MatchedGroups(held, sum(one is not None for one in held) / len(held), told)

    return read


def _shares(asked: LexicalQuery, groups: Sequence[Group]) -> list[float]:
    """Return how much each group tells, as a share of all."""
    told = [max(lexeme_idf(asked, w) for a in g.alternatives for w in a.lexemes) for g in groups]
    return [value / (sum(told) or 1.0) for value in told]


def _rarest(
    asked: LexicalQuery, groups: Sequence[Group], space: SearchTable, least: int
) -> tuple[str, list[Any]]:
    """Return a condition that spares reading whole lists when some groups are rare.

    A row with `least` of the groups holds one of all but the `least - 1` most common ones.
    """
    held = asked.tally.holding
    rarest = sorted(groups, key=asked.rows_with)[: len(groups) - least + 1]
    # One lexeme of each alternative is enough: where it is missing, so is the alternative.
    keys = {
        min(alternative.lexemes, key=lambda w: held.get(w, 0))
        for group in rarest
        for alternative in group.alternatives
    }
    rows = sum(held.get(key, 0) for key in keys)
    lexemes = {w for g in groups for a in g.alternatives for w in a.lexemes}
    read_on = sum(held.get(w, 0) for w in lexemes)
    if rows > MOST_PROBED or PROBE_COST * rows * len(lexemes) > read_on:
        return "", []
    few = f"SELECT entry FROM {space.table}_posting WHERE lexeme = ANY (%s)"  # noqa: S608
    return f"AND entry = ANY (ARRAY({few}))", [[asked.tally.hashes[key] for key in keys]]
