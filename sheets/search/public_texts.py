"""Search the validated texts of sheets, which the public reads in place of later ones.

The index holds current texts. Where a setting shows the public the last validated version only, a
sheet that was changed since is matched here by that version: found by all its words, and by none
that the public may not read.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from ingestion.search.bm25 import Alternative, Group, LexicalQuery, Match, MatchedGroups
from ingestion.search.hybrid import RowHit, SearchResult
from ingestion.search.rerank import ReadAnswer
from sheets.markdown.parse import readable_text
from sheets.markdown.passages import split_passages
from sheets.models import Revision, Sheet
from sheets.models.schema_loader import load_template
from wikico2.text.analyzer import compose_accents, extract_terms, main_lexemes
from wikico2.text.normalize import folded_words


class PublicText(NamedTuple):
    """A validated text, with its lexemes and its folded words one blank apart."""

    text: str
    lexemes: frozenset[str]
    words: str


@lru_cache(maxsize=2048)
def public_text(revision_id: int) -> PublicText:
    """Return the text of a revision; cached, since a revision never changes."""
    revision = Revision.objects.select_related("sheet__sheet_type").get(pk=revision_id)
    passages = split_passages(revision.body, load_template(revision.sheet.sheet_type))
    header = [readable_text(value) for value in revision.metadata.values()]
    return _analysed("\n".join([*header, *(f"{p.heading}\n{p.text}" for p in passages)]))


def _analysed(text: str) -> PublicText:
    terms = extract_terms(compose_accents(text))
    lexemes = frozenset(lexeme for term in terms for lexeme in term.lexemes)
    return PublicText(text, lexemes, f" {' '.join(folded_words(text))} ")


def match_validated(sheets: Iterable[Sheet], query: LexicalQuery) -> list[RowHit]:
    """Return the sheets whose title and validated text match words of a query, best first."""
    found = (_match(sheet, query) for sheet in sheets)
    return sorted(filter(None, found), key=lambda hit: -hit.score)


def sheets_with_lexemes(sheets: Iterable[Sheet], lexemes: Iterable[str]) -> list[int]:
    """Return the ids of the sheets whose title and validated text have all the lexemes."""
    wanted = frozenset(lexemes)
    return [
        sheet.pk
        for sheet in sheets
        if (shown := sheet.validated_revision_id) is not None
        and wanted <= _analysed(sheet.title).lexemes | public_text(shown).lexemes
    ]


def _match(sheet: Sheet, query: LexicalQuery) -> RowHit | None:
    if sheet.validated_revision_id is None or not query.groups:
        return None
    texts = (_analysed(sheet.title), public_text(sheet.validated_revision_id))
    lexemes = texts[0].lexemes | texts[1].lexemes
    if any(_matched(group, lexemes, texts) for group in query.without):
        return None
    matched = tuple(_matched(group, lexemes, texts) for group in query.groups)
    share = sum(one is not None for one in matched) / len(matched)
    if not share:
        return None
    match = Match(sheet.pk, share, MatchedGroups(matched, share, share, share))
    is_evident = ReadAnswer(share, share).is_evident(None, strict=query.strict)
    return RowHit(sheet.pk, share, match, is_evident=is_evident, complete=match.complete)


def _matched(
    group: Group, lexemes: frozenset[str], texts: Iterable[PublicText]
) -> Alternative | None:
    """Return what texts have of a group; of a phrase they must have the words in a row."""
    if any(alternative.phrase for alternative in group.alternatives):
        phrase = f" {' '.join(folded_words(group.typed))} "
        return group.alternatives[0] if any(phrase in one.words for one in texts) else None
    # A word that no current text has is not among the alternatives.
    typed = Alternative(main_lexemes(group.typed))
    choices = (*group.alternatives, *([typed] if typed.lexemes else []))
    return next((one for one in choices if lexemes.issuperset(one.lexemes)), None)


def with_validated(result: SearchResult, validated: list[RowHit]) -> SearchResult:
    """Return a result with the sheets matched by their validated texts among it.

    Those with all words come after what the index has found with all words; the scores of both are
    of different scales.
    """
    if not validated:
        return result
    hits = [*result.hits, *validated]
    hits.sort(key=lambda hit: not hit.complete)
    is_partial = result.is_partial and not any(hit.complete for hit in validated)
    total = result.total + len(validated)
    return replace(result, hits=hits, total=total, is_partial=is_partial)
