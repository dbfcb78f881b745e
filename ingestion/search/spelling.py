"""Spelling: the words of all texts, and the corrections of a mistyped one."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from django.db import connection, transaction
from rapidfuzz.distance import OSA

from ingestion.models import Word
from wikico2.text.analyzer import WORD, compose_accents, lexeme_of
from wikico2.text.normalize import fold_text

SHORTEST, LONGEST = 4, 40
SHORTEST_BEGINNING = 3
USUAL_RATIO = 3
"""A form is the usual spelling if it occurs this many times as often as the unaccented one."""
MIN_TRIGRAM_SIMILARITY = 0.25
"""Least trigram similarity of words whose edit distance is computed."""
MAX_COMPARED = 60
LEAST_FOR_A_MOVE = 6
"""Letters of a word in which a letter may have been moved."""
MAX_CORRECTIONS = 3
MAX_COMPLETIONS = 8
ELIDED = ("l", "d", "j", "n", "s", "t", "m", "c", "qu")


class SpellingCandidate(NamedTuple):
    """A known word that may have been meant, and its edit distance from the typed one."""

    written: str
    lexeme: str
    distance: int
    weight: float


def learn_words(texts: Iterable[str]) -> None:
    """Save the words of some texts. Call it outside of longer transactions."""
    forms: dict[str, Counter[str]] = {}
    for text in texts:
        for word in WORD.findall(compose_accents(text)):
            for part in word.replace("\xad", "").lower().split("-"):
                folded = fold_text(part)
                if SHORTEST <= len(folded) <= LONGEST and folded.isalpha():
                    forms.setdefault(folded, Counter())[part] += 1
    known = {word.folded: word.written for word in Word.objects.filter(folded__in=list(forms))}
    rows = []
    for folded in sorted(forms):  # the same order in all writers: no deadlock
        counts = forms[folded]
        written = max(counts, key=lambda form: (counts[form], form))
        if counts[written] < USUAL_RATIO * counts[folded]:
            written = folded  # « parle » and « parlé » are two words
        better = known.get(folded) == folded not in counts and counts[written] >= USUAL_RATIO
        lexeme = lexeme_of(folded)
        if lexeme and (folded not in known or better):
            rows.append(Word(folded=folded, written=written[:80], lexeme=lexeme))
    with transaction.atomic():
        Word.objects.bulk_create(
            rows,
            batch_size=5_000,
            update_conflicts=True,
            unique_fields=["folded"],
            update_fields=["written"],
        )


def spelling_candidates(word: str) -> list[SpellingCandidate]:
    """Return the known words that begin with a folded word, or are a typing error away from it."""
    if len(word) < SHORTEST_BEGINNING or len(word) > LONGEST or not word.isalpha():
        return []
    found = [SpellingCandidate(w.written, w.lexeme, 0, 0.7) for w in _words_beginning(word)]
    allowed = 2 if len(word) >= 8 else 1
    alike = _trigram_similar(word) if len(word) >= SHORTEST else []
    for written, folded, lexeme in alike:
        far = slips_between(word, folded, allowed)
        if 0 < far <= allowed:
            found.append(SpellingCandidate(written, lexeme, far, 0.8 / far))
    return found + _without_elision(word)


def slips_between(word: str, folded: str, allowed: int) -> int:
    """Return the edit distance of two words, swaps included; more than `allowed` beyond that.

    A letter in another place (« chalure ») is one slip, although two edits mend it.
    """
    if len(word) >= LEAST_FOR_A_MOVE and sorted(word) == sorted(folded):
        far = OSA.distance(word, folded, score_cutoff=2)
        return 1 if far == 2 else far
    return OSA.distance(word, folded, score_cutoff=allowed)


def nearest_candidates(
    found: Sequence[SpellingCandidate], row_counts: Mapping[str, int]
) -> list[SpellingCandidate]:
    """Return the few most likely candidates, each lexeme once: the nearest, then the most used.

    `row_counts` gives the number of rows by lexeme; candidates in no row are left out.
    """
    used = [c for c in found if row_counts.get(c.lexeme)]
    used.sort(key=lambda c: (c.distance, -row_counts[c.lexeme], c.written))
    unique = list({c.lexeme: c for c in reversed(used)}.values())[::-1]
    begins = [c for c in unique if c.distance == 0][:MAX_COMPLETIONS]
    slips = [c for c in unique if c.distance > 0]
    least = min((c.distance for c in slips), default=0)
    return [*begins, *[c for c in slips if c.distance == least][:MAX_CORRECTIONS]]


def similar_words(word: str, limit: int = 6) -> list[SpellingCandidate]:
    """Return the known words most similar to a folded one, whatever their distance."""
    if not SHORTEST <= len(word) <= LONGEST or not word.isalpha():
        return []
    return [
        SpellingCandidate(written, lexeme, 9, 0.0)
        for written, _f, lexeme in _trigram_similar(word)[:limit]
    ]


def apply_corrections(text: str, corrections: Mapping[str, Sequence[SpellingCandidate]]) -> str:
    """Return a query's text with its spelling corrected, for vector search.

    An unknown word is replaced by the only known word at distance 1; if the text has no accents,
    known words get theirs.
    """
    typed = {fold_text(word): word for word in WORD.findall(text)}
    slips = {
        word: [c.written for c in found if c.distance == 1] for word, found in corrections.items()
    }
    written = {word: found[0] for word, found in slips.items() if len(found) == 1}
    if text.isascii():
        known = Word.objects.filter(folded__in=list(typed)).values_list("folded", "written")
        written = {**dict(known), **written}
    return WORD.sub(
        lambda match: _match_spelling(match[0], written.get(fold_text(match[0]))), text
    ).strip()


def _match_spelling(typed: str, written: str | None) -> str:
    """Return the known spelling; the typed one if the known has no accents and is else the same."""
    if written is None or fold_text(written) == written == fold_text(typed):
        return typed
    return written


def complete_word(beginning: str, tables: Sequence[str]) -> list[str]:
    """Return the completions of a folded prefix, those in most rows first."""
    if len(beginning) < 2 or not beginning.isalpha():
        return []
    counts = " + ".join(
        f"coalesce((SELECT sum(entries) FROM {table}_tally WHERE lexeme = hash), 0)"  # noqa: S608
        for table in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT (array_agg(written ORDER BY length(folded), folded))[1]
            FROM (
                SELECT folded, written, hashtextextended(lexeme, 0) AS hash FROM ingestion_word
                WHERE folded LIKE %s LIMIT 500
            ) AS words
            GROUP BY hash HAVING {counts} > 0 ORDER BY {counts} DESC, 1 LIMIT 8
            """,  # noqa: S608 (our own table names)
            [f"{beginning}%"],
        )
        return [written for (written,) in cursor.fetchall()]


def _words_beginning(word: str) -> list[Word]:
    return list(Word.objects.filter(folded__startswith=word).order_by("folded")[:200])


def _trigram_similar(word: str) -> list[tuple[str, str, str]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL pg_trgm.similarity_threshold = %s", [MIN_TRIGRAM_SIMILARITY])
        cursor.execute(
            """
            SELECT written, folded, lexeme FROM ingestion_word
            WHERE folded %% %s AND length(folded) BETWEEN %s AND %s
            ORDER BY similarity(folded, %s) DESC, folded LIMIT %s
            """,
            [word, len(word) - 2, len(word) + 2, word, MAX_COMPARED],
        )
        return [(written, folded, lexeme) for written, folded, lexeme in cursor.fetchall()]


def _without_elision(word: str) -> list[SpellingCandidate]:
    """Return the word after an elided article typed without apostrophe: « lenergie »."""
    rests = [
        word[len(e) :] for e in ELIDED if word.startswith(e) and len(word) - len(e) >= SHORTEST
    ]
    return [
        SpellingCandidate(w.written, w.lexeme, 1, 0.9)
        for w in Word.objects.filter(folded__in=rests)
    ]
