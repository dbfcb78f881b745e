"""Drop the statements of a draft that its passages do not support. Pure."""

from collections.abc import Container, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

from ingestion.search.passage import Passage
from sheets.schema.types import DraftStatement, SectionDraft, TableRow
from sheets.verification.entailment import (
    BROKEN,
    passage_for_verify,
    verify_statement,
)
from wikico2.text.normalize import folded_words


def drop_unsupported(
    draft: SectionDraft, passages: Mapping[str, Passage], *, keep_broken: bool = False
) -> SectionDraft:
    """Return the draft without what the passages do not bear.

    Sources that are gone are dropped. A broken statement is left out, unless `keep_broken` has it
    kept, to be marked on the page.
    """
    texts = {
        label: passage_for_verify(p.title, p.headings, p.text) for label, p in passages.items()
    }

    def bears(said: DraftStatement | TableRow) -> bool:
        held = [c.label for c in said.sources if c.label in texts]
        if not held or keep_broken:
            return bool(held)
        text = said.text if isinstance(said, DraftStatement) else " | ".join(said.cells)
        return verify_statement(text, texts, held).verdict != BROKEN

    fields = [
        replace(
            f,
            statements=tuple(keep_known_sources(s, texts) for s in f.statements if bears(s)),
            rows=tuple(keep_known_sources(r, texts) for r in f.rows if bears(r)),
        )
        for f in draft.fields
    ]
    return replace(draft, fields=tuple(fields))


StatementOrRow = TypeVar("StatementOrRow", DraftStatement, TableRow)


def keep_known_sources(said: StatementOrRow, known: Container[str]) -> StatementOrRow:
    """Return a statement with the sources that are still there."""
    return replace(said, sources=tuple(c for c in said.sources if c.label in known))


def contains_quote(text: str, quote: str) -> bool:
    """Tell whether the words of the quote stand in the text in one run, whatever the layout."""
    wanted = folded_words(quote)
    return bool(wanted) and f" {' '.join(wanted)} " in flat_words(text)


@lru_cache(maxsize=1024)  # the same pages and passages at each save of a sheet
def flat_words(text: str) -> str:
    """Return the words of a text in one line."""
    return f" {' '.join(folded_words(text))} "
