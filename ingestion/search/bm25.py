"""Full-text search: BM25 over the postings, with the boolean logic of the query.

Each lexeme of a query has a bit. One pass over the postings sums the scores and ORs the bits of
each row; the conditions of the query are then tests of these bits.
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
from ingestion.search.ties import DIGITS, best_first
from wikico2.text.analyzer import (
    compose_accents,
    extract_terms,
    main_lexemes,
    phrase_query,
    root_of,
)
from wikico2.text.normalize import fold_text

K1, B = 1.2, 0.75
COMMON_SHARE, COMMON_MINIMUM = 0.2, 1_000
"""A group in more rows than this share and this number is too common to rank a long query by."""
MAX_RARE_GROUPS = 8
MAX_LEXEMES = 62
STRICT_GROUPS = 4
"""Up to this many groups all are required; a longer query is a question, which needs only some."""
PROBE_COST, MAX_PROBED = 2, 20_000
"""Cost of looking a row up in a posting list, relative to reading its next entry; and the most rows
that are looked up."""
COVERAGE_BONUS = 0.5
SYNONYM_WEIGHT, PART_WEIGHT = 0.8, 0.6


@dataclass(frozen=True)
class SearchTable:
    """A searched table, with the column that its postings refer to.

    Rows of equal score stand by the columns `order`.
    """

    table: str
    key: str = "id"
    order: str = "id"

    def sort(self, keys: Sequence[int]) -> list[int]:
        """Return the keys of rows in their order."""
        query = f"SELECT {self.key} FROM {self.table} WHERE {self.key} = ANY (%s)"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(f"{query} ORDER BY {self.order}", [list(keys)])
            return [key for (key,) in cursor.fetchall()]


@dataclass(frozen=True)
class Alternative:
    """Lexemes that together match one group of the query."""

    lexemes: tuple[str, ...]
    weight: float = 1.0
    origin: str = "word"  # or "synonym", "spelling"
    label: str = ""
    phrase: str = ""  # a tsquery, if the lexemes must be consecutive

    @property
    def is_correction(self) -> bool:
        """Tell whether these are the lexemes of another word than was typed."""
        return self.origin == "spelling" and self.weight < 1.0


@dataclass(frozen=True)
class Group:
    """One term of the query: a row matches it by any of the alternatives."""

    typed: str
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True)
class LexicalQuery:
    """A query on one table: its groups, those excluded, and the tally of their lexemes.

    `corrections` maps words that no text contains to the nearest known words.
    """

    groups: tuple[Group, ...] = ()
    without: tuple[Group, ...] = ()
    tally: postings.Tally = field(default_factory=lambda: postings.Tally(0, 1.0, {}, {}))
    corrections: dict[str, list[spelling.SpellingCandidate]] = field(default_factory=dict)
    operators: bool = False
    question: bool = False

    @property
    def lexemes(self) -> set[str]:
        """Return every lexeme that can match a row."""
        return {w for g in self.groups for a in g.alternatives for w in a.lexemes}

    @property
    def strict(self) -> bool:
        """Tell whether all groups are required."""
        return self.operators or not (self.question or len(self.groups) > STRICT_GROUPS)

    def group_idf(self, group: Group) -> float:
        """Return the idf of a group: the highest of its lexemes."""
        return max(lexeme_idf(self, w) for a in group.alternatives for w in a.lexemes)

    def weight_of(self, group: Group) -> float:
        """Return the weight of a group in what a text covers: common words count for something."""
        return 1.0 + self.group_idf(group)

    def rows_with(self, group: Group) -> int:
        """Estimate how many rows match the group: each alternative by its rarest lexeme."""
        counts = self.tally.row_counts
        return sum(min(counts.get(w, 0) for w in a.lexemes) for a in group.alternatives)


class MatchedGroups(NamedTuple):
    """What a row matches: for each ranked group the matching alternative, or None.

    `share` is the share of all groups of the query that match, also of those that are not ranked:
    words that no text has, or too common ones. `coverage` is the same by their `weight_of`, and
    `idf_share` that of the ranked groups alone, by their idf.
    """

    alternatives: tuple[Alternative | None, ...] = ()
    share: float = 1.0
    idf_share: float = 1.0
    coverage: float = 1.0


class Match(NamedTuple):
    """A row, its score, and the groups of the query that it matches."""

    entry: int
    score: float
    holds: MatchedGroups

    @property
    def complete(self) -> bool:
        return self.holds.share == 1.0


class Ranking(NamedTuple):
    """The best rows, best first, and how many rows match in all.

    `mean` and `spread` (standard deviation) are of the scores of all rows of the table, mostly 0.
    """

    matches: list[Match]
    total: int
    mean: float = 0.0
    spread: float = 1.0


# --- From words to groups -------------------------------------------------------------------------


def prepare_query(query: ParsedQuery, space: SearchTable) -> LexicalQuery:
    """Turn a parsed query into groups, with synonyms, spelling corrections and row counts."""
    groups = [group for choice in query.wanted for group in _or_groups(choice)]
    groups += _word_groups(query.about) if query.about else []
    without = [group for item in query.without for group in _or_groups((item,))]
    lexemes = [w for g in (*groups, *without) for a in g.alternatives for w in a.lexemes]
    tally = postings.read_tally(space.table, lexemes)
    corrections: dict[str, list[spelling.SpellingCandidate]] = {}
    for group in () if query.is_spelled else groups:
        if not _known_group(group, tally) and (word := fold_text(group.typed)).isalnum():
            corrections.setdefault(word, spelling.spelling_candidates(word))
    if any(corrections.values()):
        more = [c.lexeme for found in corrections.values() for c in found]
        tally = postings.read_tally(space.table, [*lexemes, *more])
        corrections = {
            word: spelling.nearest_candidates(found, tally.row_counts)
            for word, found in corrections.items()
        }
    return LexicalQuery(
        groups=tuple(
            _correct_group(_prune_group(g, tally), corrections.get(fold_text(g.typed), []))
            for g in groups
        ),
        without=tuple(_prune_group(g, tally) for g in without),
        tally=tally,
        corrections={w: found for w, found in corrections.items() if found},
        operators=query.has_operators,
        question=query.is_question,
    )


def _or_groups(items: Sequence[QueryClause]) -> list[Group]:
    """Return the groups of an OR clause; a single one if it has several items."""
    read = [_phrase(item) if item.phrase else _word_groups(item.text) for item in items]
    if len(read) == 1:
        return read[0]
    alternatives = [
        alternative
        for groups in read
        if groups
        for alternative in (groups[0].alternatives if len(groups) == 1 else [_all_of(groups)])
    ]
    return [Group(items[0].text, tuple(alternatives))] if alternatives else []


def _all_of(groups: Sequence[Group]) -> Alternative:
    """Return the alternative that requires all groups, as typed."""
    return Alternative(tuple(w for g in groups for w in g.alternatives[0].lexemes))


def _phrase(item: QueryClause) -> list[Group]:
    lexemes = tuple(dict.fromkeys(main_lexemes(item.text)))
    if not lexemes:
        return []
    ordered = phrase_query(item.text)
    return [Group(item.text, (Alternative(lexemes, phrase=ordered if "<" in ordered else ""),))]


class _TypedTerm(NamedTuple):
    """A term of the query, with its parts if it is a compound."""

    text: str
    lexeme: str
    parts: tuple[str, ...]


def _word_groups(text: str) -> list[Group]:
    """Return the groups of plain words; a term of the thesaurus makes one group."""
    typed = _typed_terms(text)
    known = load_thesaurus()
    groups: list[Group] = []
    start = 0
    while start < len(typed):
        span, others = known.longest(tuple(t.lexeme for t in typed[start:]))
        words = typed[start : start + max(span, 1)]
        own = Alternative(tuple(dict.fromkeys(t.lexeme for t in words)))
        alternatives = [own, *_variants(words, typed[start + 1 : start + 2])]
        alternatives += [Alternative(o.lexemes, SYNONYM_WEIGHT, "synonym", o.term) for o in others]
        groups.append(Group(" ".join(t.text for t in words), tuple(alternatives)))
        start += len(words)
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
    """Return other spellings: a compound as its parts, two words as one."""
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
    return any(all(tally.row_counts.get(w) for w in a.lexemes) for a in group.alternatives)


def _prune_group(group: Group, tally: postings.Tally) -> Group:
    """Return the group without alternatives that match no row, except the first."""
    first, *others = group.alternatives
    matching = [a for a in others if all(tally.row_counts.get(w) for w in a.lexemes)]
    return replace(group, alternatives=(first, *matching))


def _correct_group(group: Group, found: Iterable[spelling.SpellingCandidate]) -> Group:
    more = [Alternative((c.lexeme,), c.weight, "spelling", c.written) for c in found]
    return replace(group, alternatives=(*group.alternatives, *more)) if more else group


# --- From groups to rows --------------------------------------------------------------------------


def rank_rows(
    query: LexicalQuery,
    space: SearchTable,
    *,
    limit: int,
    strict: bool,
    within: tuple[str, Any] | None = None,
) -> Ranking:
    """Return the rows that match all groups (`strict`) or some of them, best first.

    Not `strict` and with few words, rows that match less than half of them may be left out.
    `within` is an SQL condition on the row's id, `IN (SELECT …)`, with its parameters.
    """
    groups = [g for g in query.groups if g.alternatives]
    if not strict:
        groups = rarest_groups(query, groups)
    if not groups:
        return Ranking([], 0)
    bits = _bits(query, [*groups, *query.without])
    weights = _weights(query, groups)
    required = [_condition(g, bits) for g in groups]
    conditions = [f"({' AND '.join(required) if strict else ' OR '.join(required)})"]
    conditions += [f"NOT {_condition(g, bits)}" for g in query.without]
    where = " AND ".join(conditions)
    ordered = "search @@" in where
    least = len(groups) if strict else math.ceil(len(groups) / 2) if query.strict else 1
    rare, rare_params = _rare_condition(query, groups, space, least)
    rows_of_table = f"JOIN {space.table} ON {space.table}.{space.key} = entry"
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
        SELECT entry, score, found, total, score_sum, square_sum FROM (
            SELECT entry, score, found, count(*) OVER () AS total, score_sum, square_sum,
                round(score * 1e{DIGITS}) AS rounded
            FROM scored CROSS JOIN sums
            {rows_of_table if ordered else ""}
            WHERE {where}
            ORDER BY rounded DESC FETCH FIRST %s ROWS WITH TIES
        ) AS best {rows_of_table}
        ORDER BY rounded DESC, {space.order}
    """  # noqa: S608 (our own table names, numbers, and quoted tsqueries)
    names = list(bits)
    params = [
        K1 * (1 - B),
        K1 * B / query.tally.mean_length,
        [query.tally.hashes[name] for name in names],
        [bits[name] for name in names],
        [weights.get(name, 0.0) for name in names],
        *rare_params,
        *inside_params,
        limit,
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows = cursor.fetchall()
    read = _match_reader(query, groups, bits)
    matches = [
        Match(entry, score * (1 + COVERAGE_BONUS * holds.idf_share), holds)
        for entry, score, found, _total, _sum, _squares in rows
        for holds in (read(found),)
    ]
    matches = best_first(matches, lambda m: m.score)[:limit]
    if not rows:
        return Ranking([], 0)
    _entry, _score, _found, total, score_sum, square_sum = rows[0]
    mean = score_sum / query.tally.rows
    spread = math.sqrt(max(square_sum / query.tally.rows - mean * mean, 0.0))
    return Ranking(matches, total, mean, spread)


def rarest_groups(query: LexicalQuery, groups: Sequence[Group]) -> list[Group]:
    """Return the rarest groups without the too common ones, `MAX_RARE_GROUPS` at most.

    At least one, if any group matches a row.
    """
    limit = max(COMMON_SHARE * query.tally.rows, COMMON_MINIMUM)
    rarest = sorted((g for g in groups if query.rows_with(g)), key=query.rows_with)
    return [g for g in rarest if query.rows_with(g) <= limit][:MAX_RARE_GROUPS] or rarest[:1]


def lexeme_idf(query: LexicalQuery, lexeme: str) -> float:
    """Return the idf of a lexeme, as in BM25."""
    n = query.tally.row_counts.get(lexeme, 0)
    return math.log(1 + (query.tally.rows - n + 0.5) / (n + 0.5))


def _bits(query: LexicalQuery, groups: Sequence[Group]) -> dict[str, int]:
    lexemes = dict.fromkeys(w for g in groups for a in g.alternatives for w in a.lexemes)
    return {lexeme: 1 << n for n, lexeme in enumerate(list(lexemes)[:MAX_LEXEMES])}


def _weights(query: LexicalQuery, groups: Sequence[Group]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for group in groups:
        for alternative in group.alternatives:
            for lexeme in alternative.lexemes:
                weight = alternative.weight * lexeme_idf(query, lexeme) * (K1 + 1)
                weights[lexeme] = max(weight, weights.get(lexeme, 0.0))
    return weights


def _mask(alternative: Alternative, bits: dict[str, int]) -> int:
    """Return the bits of an alternative; 0 if one of its lexemes has none (`MAX_LEXEMES`)."""
    if any(w not in bits for w in alternative.lexemes):
        return 0
    return sum({bits[w] for w in alternative.lexemes})


def _condition(group: Group, bits: dict[str, int]) -> str:
    """Return the SQL condition that a row matches the group."""
    either = []
    for alternative in group.alternatives:
        if mask := _mask(alternative, bits):
            one = f"found & {mask} = {mask}"
            if alternative.phrase:
                quoted = alternative.phrase.replace("'", "''").replace("%", "%%")
                one = f"({one} AND search @@ '{quoted}'::tsquery)"
            either.append(one)
    return f"({' OR '.join(either)})" if either else "false"


def _match_reader(
    query: LexicalQuery, groups: Sequence[Group], bits: dict[str, int]
) -> Callable[[int], MatchedGroups]:
    """Return the function from the bits of a row to the groups that it matches."""
    masks = [[(a, _mask(a, bits)) for a in g.alternatives] for g in groups]
    asked = [g for g in query.groups if g.alternatives]
    ranked_idf = sum(query.group_idf(g) for g in groups) or 1.0
    asked_weight = sum(query.weight_of(g) for g in asked)

    @functools.cache  # many rows, few different bit sets
    def read(found: int) -> MatchedGroups:
        matched = tuple(
            next((a for a, mask in choices if mask and found & mask == mask), None)
            for choices in masks
        )
        idf = sum(query.group_idf(g) for one, g in zip(matched, groups, strict=True) if one)
        covered = sum(query.weight_of(g) for one, g in zip(matched, groups, strict=True) if one)
        share = sum(one is not None for one in matched) / len(asked)
        return MatchedGroups(matched, share, idf / ranked_idf, covered / asked_weight)

    return read


def _rare_condition(
    query: LexicalQuery, groups: Sequence[Group], space: SearchTable, least: int
) -> tuple[str, list[Any]]:
    """Return an SQL condition that avoids reading whole posting lists when some groups are rare.

    A row that matches `least` groups matches one of all but the `least - 1` most common ones.
    """
    counts = query.tally.row_counts
    rarest = sorted(groups, key=query.rows_with)[: len(groups) - least + 1]
    # The rarest lexeme of each alternative is enough: without it the alternative does not match.
    keys = {
        min(alternative.lexemes, key=lambda w: counts.get(w, 0))
        for group in rarest
        for alternative in group.alternatives
    }
    rows = sum(counts.get(key, 0) for key in keys)
    lexemes = {w for g in groups for a in g.alternatives for w in a.lexemes}
    entries = sum(counts.get(w, 0) for w in lexemes)
    if rows > MAX_PROBED or PROBE_COST * rows * len(lexemes) > entries:
        return "", []
    few = f"SELECT entry FROM {space.table}_posting WHERE lexeme = ANY (%s)"  # noqa: S608
    return f"AND entry = ANY (ARRAY({few}))", [[query.tally.hashes[key] for key in keys]]
